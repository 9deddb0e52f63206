"""Whatever line a writer is killed at, readers find the old or the new and never half of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.durable import append_line, exclusive, make_folder, place_folder, read_lines
from tests.contract.kills import killed_at_each_line

PARTS = {"a": b"1" * 1000, "b": b"2"}
HOLD = """
import sys
from pathlib import Path
from contract.durable import exclusive
with exclusive(Path(sys.argv[1]), 0.0):
    print("held", flush=True)
    sys.stdin.read()
"""


def read_parts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    for n in killed_at_each_line(lambda n: place_folder(tmp_path / f"f{n}", PARTS), "contract.durable"):
        folder = tmp_path / f"f{n}"
        assert not folder.exists() or read_parts(folder) == PARTS
    assert n > len(PARTS)
    assert read_parts(folder) == PARTS


def test_a_folder_is_never_replaced(tmp_path: Path) -> None:
    place_folder(tmp_path / "f", PARTS)
    with pytest.raises(OSError):
        place_folder(tmp_path / "f", {"a": b"other"})
    assert read_parts(tmp_path / "f") == PARTS
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_line_is_added_whole_or_not_at_all(tmp_path: Path) -> None:
    journal = tmp_path / "j"
    append_line(journal, b"first")
    for n in killed_at_each_line(lambda n: append_line(journal, b"%d" % n), "contract.durable"):
        lines = read_lines(journal)
        assert lines[0] == b"first"
        assert {int(line) for line in lines[1:]} <= set(range(1, n + 1))
    assert lines[-1] == b"%d" % n


@given(whole=st.lists(st.binary(max_size=20).map(lambda b: b.hex().encode())), torn=st.binary(max_size=20))
def test_a_torn_line_is_nothing(
    tmp_path_factory: pytest.TempPathFactory, whole: list[bytes], torn: bytes
) -> None:
    journal = tmp_path_factory.mktemp("journal") / "j"
    torn = torn.replace(b"\n", b"").replace(b"\r", b"")
    journal.write_bytes(b"".join(line + b"\n" for line in whole) + torn)
    assert read_lines(journal) == whole
    append_line(journal, b"next")
    assert read_lines(journal) == [*whole, b"next"]


def test_no_journal_has_no_lines(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "none") == []
    with pytest.raises(OSError):
        read_lines(tmp_path)


def test_a_lock_is_held_by_one_and_goes_with_its_process(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(TimeoutError, match="another process holds"), exclusive(lock, 0.0):
            pass
        holder.kill()
        holder.wait()
    with exclusive(lock, 0.0):
        pass


def test_folders_are_made_once(tmp_path: Path) -> None:
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
