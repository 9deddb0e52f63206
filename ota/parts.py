"""What has come of a file so far, for a download that is cut off to go on with.

Rule: one file at a time, so the folder is bounded; bytes are continued only if the server says, by the tag it
gave them, that they are still those of the same file. After a power cut the last chunk counts as not come.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from contract.archive import write_atomically
from contract.durable import make_folder

CHUNK_BYTES = 64 * 1024
"""How much a power cut may take back."""


class Part:
    """The beginning of a file, in memory."""

    def __init__(self, file: BinaryIO | None = None, tag: str = "") -> None:
        self.file: BinaryIO = io.BytesIO() if file is None else file
        self.tag = tag
        """By which the server knows these very bytes (a strong ETag, or the time of the last change)."""
        self.size = self.file.seek(0, io.SEEK_END)
        """In bytes."""
        self.on_growth: Callable[[int], None] = lambda size: None

    def restart(self, tag: str) -> None:
        """Begin anew with what the server calls so."""
        self.file.seek(0)
        self.file.truncate()
        self.size, self.tag = 0, tag

    def write(self, chunk: bytes) -> None:
        """Add what came."""
        self.file.write(chunk)
        self.size += len(chunk)
        self.on_growth(self.size)


class KeptPart(Part):
    """The beginning of a file, on disk.

    Args:
        path: Of the bytes.
        label: Of the file beside it, which holds their tag.

    Raises:
        OSError: as `open` does; so do all methods.
    """

    def __init__(self, path: Path, label: Path) -> None:
        try:
            tag = label.read_text("utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            tag = ""
        path.touch(0o600)
        super().__init__(path.open("r+b"), tag)
        self._path, self._label = path, label
        self._unsynced = 0
        self.size = max(0, self.size - CHUNK_BYTES) if tag else 0
        self.file.truncate(self.size)
        self.file.seek(self.size)

    def restart(self, tag: str) -> None:
        """Begin anew; the old bytes are gone for good before they could be called by the new tag."""
        super().restart("")
        self._sync()
        if tag:
            write_atomically(self._label, tag.encode(), 0o600)
        else:
            self._label.unlink(missing_ok=True)
        self.tag = tag

    def write(self, chunk: bytes) -> None:
        """Add what came, and make sure of it before there is more than a chunk to lose."""
        super().write(chunk)
        self._unsynced += len(chunk)
        if self._unsynced >= CHUNK_BYTES:
            self._sync()

    def close(self, *, is_wanted: bool) -> None:
        """Put it down, to go on with it later or never."""
        with suppress(OSError):  # what could not be flushed is fetched again
            self.file.close()
        if not is_wanted:
            self._path.unlink(missing_ok=True)
            self._label.unlink(missing_ok=True)

    def _sync(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self._unsynced = 0


class PartFolder:
    """Where the one unfinished download of a device lies."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def is_empty(self) -> bool:
        """Whether nothing is unfinished."""
        return not self._path.is_dir() or not any(self._path.iterdir())

    def open(self, url: str) -> KeptPart:
        """What has come of a file; what there is of any other one is dropped.

        Raises:
            OSError: it cannot be read or written.
        """
        make_folder(self._path)
        name = hashlib.sha256(url.encode()).hexdigest()[:32]
        part, label = self._path / f"{name}.part", self._path / f"{name}.tag"
        for path in self._path.iterdir():
            if path not in {part, label}:
                path.unlink()
        return KeptPart(part, label)

    def clear(self) -> None:
        """Drop everything.

        Raises:
            OSError: it cannot be written.
        """
        if self._path.is_dir():
            for path in self._path.iterdir():
                path.unlink()
