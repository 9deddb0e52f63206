"""The commands, as people type them: keys on machines of their own, timers, and what goes wrong."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from contract.registry import ModelKind, ModelLine, Note, Registry
from ota.__main__ import main
from ota.commands import ENDS_SOON, KEYS, WAITING
from ota.layout import bundle_target
from tests.ota.plant import Device, good_papers, make_release

LINE, NOTE = ModelLine("pump", ModelKind.EDGE), Note("me", "why not")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without keys in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(KEYS, raising=False)
    return tmp_path


def run(line: str) -> int:
    """`line` as after `industrialguard ota`, with the repository named where one is needed."""
    words = line.split()
    if words[0] not in ("sign", "make-key", "public-key"):
        words += ["--repository", "repo"]
    return main(words)


def keys(*names: str) -> str:
    return " ".join(f"--key file:keys/{name}.pem" for name in names)


ONLINE = keys("snapshot", "timestamp")


@pytest.fixture
def repository(here: Path) -> Path:
    """Set up as the help text says, with one release."""
    assert run("init --make-keys keys") == 0
    assert run("make-key keys/pump.pem") == 0
    assert run(f"delegate pump --add keys/pump.pem.pub {keys('targets', 'pump')} {ONLINE}") == 0
    registry = Registry(here / "registry")
    version = registry.publish(LINE, make_release(1).bundle, good_papers(), NOTE)
    registry.promote(LINE, version, NOTE)
    assert run(f"publish pump --registry registry {keys('pump')} {ONLINE}") == 0
    return here / "repo"


def test_a_first_set_up_ends_in_a_release_that_devices_take(repository: Path, here: Path) -> None:
    device = Device(here / "device", (repository / "metadata/1.root.json").read_bytes(), repository)
    (version,) = (entry.version for entry in Registry(here / "registry").versions(LINE))
    assert device.fetch(bundle_target("pump", version)) == make_release(1).bundle


def test_made_keys_are_their_owners_alone(repository: Path, here: Path) -> None:
    made = sorted((here / "keys").glob("*.pem"))
    names = ["director", "pump", "root-1", "root-2", "root-3", "snapshot", "targets", "timestamp"]
    assert [path.stem for path in made] == names
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600}
    assert (here / "keys").stat().st_mode & 0o777 == 0o700


def test_a_second_init_makes_no_keys_and_changes_nothing(
    repository: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init --make-keys others") == 9
    assert "there is a repository in repo already" in capsys.readouterr().err
    assert not (here / "others").exists()


def test_an_init_on_three_machines(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for machine in ("one", "two", "three", "work"):
        (here / machine).mkdir()
        assert run(f"make-key {machine}/key.pem") == 0
    for role in ("targets", "timestamp"):
        assert run(f"make-key work/{role}.pem") == 0
    roots = " ".join(f"--root {machine}/key.pem.pub" for machine in ("one", "two", "three"))
    rest = "--targets work/targets.pem.pub --snapshot work/key.pem.pub --timestamp work/timestamp.pem.pub"
    work = " ".join(f"--key file:work/{name}.pem" for name in ("targets", "key", "timestamp"))
    assert run(f"init {roots} {rest} {work}") == WAITING
    assert "waiting: root 1 needs 2 more of the keys" in capsys.readouterr().err
    for machine in ("one", "three"):
        shutil.copy("repo/proposed/root.json", here / machine)
        assert run(f"sign {machine}/root.json --key file:{machine}/key.pem") == 0
    assert run(f"accept one/root.json {work}") == WAITING
    assert run(f"accept three/root.json {work}") == 0
    assert "new for devices: root, targets, snapshot, timestamp" in capsys.readouterr().out
    assert run("check-expiry") == 0


def test_a_proposal_can_be_read_before_it_is_signed(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("make-key keys/root-4.pem") == 0
    assert run(f"rotate root --add keys/root-4.pem.pub {keys('root-1')}") == WAITING
    before = Path("repo/proposed/root.json").read_bytes()
    capsys.readouterr()
    assert run("sign repo/proposed/root.json") == 0
    assert capsys.readouterr().out.startswith("root 2, until")
    assert Path("repo/proposed/root.json").read_bytes() == before
    assert run(f"accept {keys('root-2')} {ONLINE}") == 0


def test_a_timer_keeps_it_alive(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(KEYS, "file:keys/snapshot.pem file:keys/timestamp.pem")
    assert run("refresh") == 0
    assert capsys.readouterr().out.endswith("nothing to do\n")
    assert run("refresh --role timestamp") == 0
    assert "new for devices: timestamp" in capsys.readouterr().out
    assert run(f"refresh --role pump {keys('pump')}") == 0
    assert "new for devices: family-pump, snapshot, timestamp" in capsys.readouterr().out
    assert run("refresh --role fan") == 9
    assert "there is no role family-fan" in capsys.readouterr().err


def test_expiry_is_told_by_the_exit_code(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check-expiry") == 0
    assert run("check-expiry --days 8") == ENDS_SOON
    told = capsys.readouterr().out
    assert next(line for line in told.splitlines() if "days left!" in line).startswith("timestamp")


def test_an_unblessed_model_is_refused_in_a_sentence(
    repository: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = Registry(here / "registry")
    bad = registry.publish(LINE, make_release(2).bundle, replace(good_papers(), is_blessed=False), NOTE)
    assert run(f"publish pump --registry registry --version {bad} {keys('pump')} {ONLINE}") == 9
    assert "not published: its evaluation did not bless it" in capsys.readouterr().err


def test_a_release_from_files(repository: Path, here: Path) -> None:
    registry = Registry(here / "registry")
    version = registry.publish(LINE, make_release(2).bundle, good_papers(), NOTE)
    folder = registry.version(LINE, version).folder
    line = f"publish pump --bundle {folder}/model.igb"
    assert run(line) == 2
    line += f" --papers {folder}/record.json --version {version} {ONLINE}"
    assert run(line) == WAITING  # for the family's key
    assert run(f"accept {keys('pump')} {ONLINE}") == 0


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("rotate timestamp", 2, "nothing to change"),
        ("rotate timestamp --add none.pub", 2, "none.pub cannot be read"),
        ("init", 9, "there is a repository in repo already"),
        ("publish pump --registry nowhere", 9, "no model in charge of pump"),
        ("refresh --key file:none.pem", 2, "file:none.pem cannot be read"),
        ("delegate pump --add keys/director.pem.pub", 9, "is delegated already"),
        ("sign keys/pump.pem.pub", 9, "is damaged"),
        ("make-key keys/pump.pem", 2, "never written over"),
        ("public-key env:NONE --out x", 2, "no environment variable NONE"),
        ("public-key file:keys/pump.pem --out none/x", 2, "cannot be written"),
    ],
)
def test_what_cannot_be_is_one_line(
    line: str, code: int, message: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(line) == code
    told = capsys.readouterr().err
    assert message in told
    assert len(told.splitlines()) == 1


def test_the_public_half_of_any_key_can_be_written(repository: Path) -> None:
    assert run("public-key file:keys/pump.pem --out again.pub") == 0
    assert Path("again.pub").read_bytes() == Path("keys/pump.pem.pub").read_bytes()


def test_init_without_keys_says_what_it_needs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init") == 2
    assert "--make-keys DIR, or public keys: --root --targets" in capsys.readouterr().err
