"""Setting a repository up survives a kill at any line: the same command again finishes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ota.__main__ import main
from ota.commands import KEYS
from tests.contract.kills import FolderStates, states_at_each_line
from tests.ota.plant import Device

WRITERS = ("ota.folder", "contract.archive", "contract.durable")
"""Whoever writes; between two of their lines nothing happens on the disk."""
MADE = ("root-1", "root-2", "root-3", "targets", "snapshot", "timestamp", "director")
IS_THERE_ALREADY = 9

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a repository and its keys."""
    monkeypatch.delenv(KEYS, raising=False)
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def init(place: Path) -> int:
    return main(["init", "--repository", str(place / "repo"), "--make-keys", str(place / "keys")])


def delegate(place: Path) -> int:
    keys = [f"--key=file:{place}/keys/{name}.pem" for name in ("targets", "pump", "snapshot", "timestamp")]
    added = ["--add", str(place / "keys" / "pump.pem.pub")]
    return main(["delegate", "pump", "--repository", str(place / "repo"), *added, *keys])


def require_done(code: int) -> None:
    assert code == 0


def make_family_key(place: Path) -> None:
    assert main(["make-key", str(place / "keys" / "pump.pem")]) == 0


def take_root(place: Path) -> bytes:
    return (place / "repo" / "metadata" / "1.root.json").read_bytes()


def require_tidy(place: Path) -> None:
    """Nothing is left of whoever was killed, and nothing waits."""
    assert [path for path in (place / "repo").rglob(".*") if path.is_file()] == []
    assert not any((place / "repo" / "proposed").iterdir())


def test_whatever_line_an_init_is_killed_at_the_next_one_finishes(place: Path, tmp_path: Path) -> None:
    states = FolderStates(place)
    states_at_each_line(lambda: require_done(init(place)), states, *WRITERS)
    ends = set()
    for n, state in enumerate(states.found):
        again = tmp_path / f"again-{n}"
        states.lay_out(state, again)
        ends.add(code := init(again))
        assert code in (0, IS_THERE_ALREADY), n
        assert {path.stem for path in (again / "keys").glob("*.pem")} == set(MADE)
        assert Device(again / "device", take_root(again), again / "repo").fetch("director.json")
        make_family_key(again)
        assert delegate(again) == 0, "its keys are those that the repository knows"
        require_tidy(again)
        shutil.rmtree(again)
    assert ends == {0, IS_THERE_ALREADY} and states.lines > 200 and len(states.found) > 30


def test_whatever_line_a_delegation_is_killed_at_devices_go_on_and_the_next_one_finishes(
    place: Path, tmp_path: Path
) -> None:
    assert init(place) == 0
    make_family_key(place)
    root = take_root(place)
    states = FolderStates(place)
    states_at_each_line(lambda: require_done(delegate(place)), states, *WRITERS)
    for n, state in enumerate(states.found):
        again = tmp_path / f"again-{n}"
        states.lay_out(state, again)
        device = Device(again / "device", root, again / "repo")
        assert device.fetch("director.json")
        assert delegate(again) == 0
        updater = device.refresh()
        assert updater.get_targetinfo("pump/1-a/model.igb") is None, (
            "its role is there, and lists nothing yet"
        )
        assert (again / "repo" / "metadata" / "1.family-pump.json").is_file()
        require_tidy(again)
        shutil.rmtree(again)
    assert states.lines > 100 and len(states.found) > 10
