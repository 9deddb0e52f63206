"""What came of a download is kept for the next time, if it is still good for anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ota.errors import DownloadError
from ota.fetcher import Limits
from ota.parts import CHUNK_BYTES
from tests.ota.fault_server import FaultServer, cut_after
from tests.ota.rig import DATA, PATH, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with FaultServer() as server:
        rig = Rig(server, tmp_path / "parts")
        yield rig
        rig.close()


def test_a_download_cut_by_a_power_cut_sends_at_most_one_chunk_again(rig: Rig) -> None:
    rig.server.always[PATH] = cut_after(2 * CHUNK_BYTES + 5)
    with pytest.raises(DownloadError):
        rig.fetch(rig.fetcher(Limits(attempts=1)))
    del rig.server.always[PATH]
    assert rig.fetch() == DATA
    assert rig.server.n_bytes(PATH) <= len(DATA) + CHUNK_BYTES
    assert rig.server.served[-1].status == 206


def test_only_one_unfinished_download_is_kept(rig: Rig) -> None:
    for name in ("/a", "/b"):
        rig.server.files[name] = DATA
        rig.server.always[name] = cut_after(2 * CHUNK_BYTES)
        with (
            pytest.raises(DownloadError),
            rig.fetcher(Limits(attempts=1)).download_file(rig.server.url + name, len(DATA)),
        ):
            pass
    assert len(list(rig.folder.glob("*.part"))) == 1
    assert rig.fetch() == DATA and rig.parts.is_empty


@pytest.mark.parametrize(
    "damage", [lambda p: p.write_bytes(b""), lambda p: p.unlink()], ids=["empty", "gone"]
)
def test_a_part_whose_tag_is_lost_begins_anew(rig: Rig, damage: Callable[[Path], None]) -> None:
    rig.server.faults[PATH] = [cut_after(2 * CHUNK_BYTES)]
    with pytest.raises(DownloadError):
        rig.fetch(rig.fetcher(Limits(attempts=1)))
    (label,) = rig.folder.glob("*.tag")
    damage(label)
    assert rig.fetch() == DATA
    assert rig.server.served[-1].status == 200


def test_a_full_disk_is_an_error_of_the_disk(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ota.parts.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        rig.fetch()
    monkeypatch.undo()
    assert rig.parts.is_empty and rig.fetch() == DATA
