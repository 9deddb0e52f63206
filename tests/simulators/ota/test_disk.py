"""What outlives a power cut, and that nothing goes on after one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.archive import write_atomically
from contract.durable import make_folder, sync_folder
from simulators.ota.disk import ForgetfulDisk, PowerCut

OLD, NEW = b"old" * 100, b"new" * 1000


def cut_after(calls: int, disk: ForgetfulDisk, work: Callable[[], None]) -> bool:
    """Run until the power goes at that call; whether it went."""
    disk.cut_after(calls)
    try:
        with disk.running():
            work()
    except PowerCut:
        disk.restart()
        return True
    return False


def outcomes(tmp_path: Path, work: Callable[[Path], None], name: str) -> set[bytes | None]:
    """What is found of a file after every cut."""
    found: set[bytes | None] = set()
    for seed in range(20):
        for calls in range(50):
            disk = ForgetfulDisk(tmp_path / f"{seed}-{calls}", Random(seed))
            with disk.running():
                write_atomically(disk.folder / "file", OLD)
            is_cut = cut_after(calls, disk, lambda: work(disk.folder))  # noqa: B023 - called at once
            path = disk.folder / name
            found.add(path.read_bytes() if path.exists() else None)
            if not is_cut:
                break
    return found


def test_a_file_that_is_replaced_at_once_is_old_or_new(tmp_path: Path) -> None:
    work = lambda folder: write_atomically(folder / "file", NEW)  # noqa: E731
    assert outcomes(tmp_path, work, "file") == {OLD, NEW}


def test_a_file_that_is_not_synced_may_be_torn(tmp_path: Path) -> None:
    def work(folder: Path) -> None:
        (folder / "file").write_bytes(NEW)
        (folder / "other").mkdir()

    found = outcomes(tmp_path, work, "file")
    assert len(found) > 2 and OLD in found


def test_a_name_is_safe_with_its_folder_only(tmp_path: Path) -> None:
    def work(folder: Path, is_synced: bool) -> None:
        with (folder / "new").open("wb") as file:
            file.write(NEW)
            file.flush()
            os.fsync(file.fileno())
        if is_synced:
            sync_folder(folder)
        (folder / "end").mkdir()

    for is_synced in (False, True):
        found = set()
        for seed in range(30):
            disk = ForgetfulDisk(tmp_path / f"{is_synced}-{seed}", Random(seed))
            assert cut_after(2 if is_synced else 1, disk, lambda: work(disk.folder, is_synced))  # noqa: B023
            found.add((disk.folder / "new").exists())
        assert found == ({True} if is_synced else {True, False})


def test_a_durable_folder_and_what_is_in_it_stay(tmp_path: Path) -> None:
    disk = ForgetfulDisk(tmp_path / "device", Random(1))

    def work() -> None:
        make_folder(disk.folder / "a" / "b")
        write_atomically(disk.folder / "a" / "b" / "file", NEW)
        (disk.folder / "end").mkdir()

    with disk.running():
        pass
    assert cut_after(8, disk, work)
    assert (disk.folder / "a" / "b" / "file").read_bytes() == NEW


def test_nothing_on_the_device_goes_on_after_a_cut(tmp_path: Path) -> None:
    disk = ForgetfulDisk(tmp_path / "device", Random(1))
    disk.cut_after(0)
    with disk.running():
        with pytest.raises(PowerCut):
            (disk.folder / "one").mkdir()
        with pytest.raises(PowerCut):
            (disk.folder / "two").mkdir()
    assert not any(disk.folder.iterdir())
    disk.restart()
    with disk.running():
        (disk.folder / "three").mkdir()


def test_calls_of_others_are_their_own(tmp_path: Path) -> None:
    disk = ForgetfulDisk(tmp_path / "device", Random(1))
    before = os.fsync, os.replace, os.unlink
    with disk.running():
        assert os.fsync != before[0]
    assert (os.fsync, os.replace, os.unlink) == before


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(max_size=20)), max_size=8), st.integers(0, 99))
def test_whatever_was_written_whole_before_the_cut_is_there(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, bytes]], seed: int
) -> None:
    disk = ForgetfulDisk(tmp_path_factory.mktemp("disk") / "device", Random(seed))
    with disk.running():
        for name, data in files:
            write_atomically(disk.folder / name, data)
    disk.restart()
    assert {path.name: path.read_bytes() for path in disk.folder.iterdir()} == dict(files)
