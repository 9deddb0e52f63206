"""Files that a kill or a power cut at any line leaves either as they were or as they shall be.

Rule: a folder appears whole or not at all; a journal's line exists once it ends with a line break, and a torn
one is nothing; one writer at a time holds a lock that goes with its process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_POLL_S = 0.02
_READABLE = 0o755


def place_folder(folder: Path, parts: Mapping[str, bytes], mode: int = _READABLE) -> None:
    """Write a folder of files aside, make it durable, then put it in place at once.

    Args:
        folder: To be made.
        parts: Its files.
        mode: Who may open it and, but for executing, its files; until they have it, only their owner may.

    Raises:
        OSError: it cannot be written, or something is there already; nothing has changed then.
    """
    aside = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
    try:
        for name, part in parts.items():
            with (aside / name).open("wb") as file:
                file.write(part)
                file.flush()
                os.fchmod(file.fileno(), mode & 0o666)
                os.fsync(file.fileno())
        aside.chmod(mode)
        sync_folder(aside)
        aside.rename(folder)
    except OSError:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    sync_folder(folder.parent)


def append_line(journal: Path, line: bytes) -> None:
    """Add a line to a journal, which is made when absent; a torn one at its end is taken away first.

    Args:
        journal: The file; its writer holds a lock.
        line: Without its line break.

    Raises:
        OSError: the line was not added, or is torn and counts as nothing.
    """
    with journal.open("ab") as file:
        file.truncate(_whole_bytes(journal.read_bytes()))
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(journal.parent)


def read_lines(journal: Path) -> list[bytes]:
    """A journal's whole lines; none where there is no journal.

    Raises:
        OSError: it cannot be read.
    """
    try:
        data = journal.read_bytes()
    except FileNotFoundError:
        return []
    return data[: _whole_bytes(data)].splitlines()


@contextmanager
def exclusive(lock: Path, wait_s: float) -> Iterator[None]:
    """Be the only one of all processes that holds a lock.

    Args:
        lock: A file made for it; it stays behind, empty.
        wait_s: How long to wait for another holder, in s.

    Raises:
        TimeoutError: another one holds it still.
    """
    deadline_s = time.monotonic() + wait_s
    with lock.open("wb") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline_s:
                    raise TimeoutError(f"another process holds {lock}; try again") from error
                time.sleep(_POLL_S)
        yield


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that a power cut does not take them back.

    Raises:
        OSError: it cannot be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Make durable which files a folder holds.

    Raises:
        OSError: as `open` and `fsync` do.
    """
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _whole_bytes(data: bytes) -> int:
    return data.rfind(b"\n") + 1
