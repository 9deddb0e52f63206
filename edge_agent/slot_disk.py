"""The few calls by which slots reach the disk.

Rule: whatever the slots write goes through here, one system call at a time, so that a test can cut the power
after each of them and forget what was never synced. What is written is whole once `write_whole` returns.
"""

from __future__ import annotations

import os
from pathlib import Path

from contract.durable import make_folder, sync_folder

ASIDE = ".new"
"""Ends the name of a file that is not in place yet."""
_MODE = 0o644


class Disk:
    """The real calls; each raises OSError."""

    def create(self, path: Path) -> int:
        """Open a file for writing, empty; returns its number."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)

    def write(self, number: int, data: bytes) -> None:
        """Append all of it; not durable yet."""
        left = memoryview(data)
        while left:
            left = left[os.write(number, left) :]

    def sync(self, number: int) -> None:
        """Make durable what was written to a file."""
        os.fsync(number)

    def close(self, number: int) -> None:
        """Give the number back."""
        os.close(number)

    def rename(self, path: Path, to: Path) -> None:
        """Put a file in another one's place, at once; durable with its folder."""
        path.replace(to)

    def unlink(self, path: Path) -> None:
        """Take a name away; durable with its folder."""
        path.unlink()

    def make_folder(self, folder: Path) -> None:
        """Make a folder, durably; nothing when it is there."""
        make_folder(folder)

    def sync_folder(self, folder: Path) -> None:
        """Make durable which names a folder holds."""
        sync_folder(folder)


def write_whole(disk: Disk, path: Path, data: bytes) -> None:
    """Write a file aside, make it durable, put it in place, make that durable.

    Raises:
        OSError: the old file is untouched, or the new one is in place and may not outlive a power cut.
    """
    aside = path.with_name(path.name + ASIDE)
    number = disk.create(aside)
    try:
        disk.write(number, data)
        disk.sync(number)
    finally:
        disk.close(number)
    disk.rename(aside, path)
    disk.sync_folder(path.parent)
