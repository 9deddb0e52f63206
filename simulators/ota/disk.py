"""A device's disk that forgets at a power cut what was never synced, and a hand on the switch.

Rule: what a file holds is safe once it was synced; which names a folder holds, once the folder was. Of the
rest a cut leaves all, half or nothing, each name for itself. The code under test calls the operating system
as it always does: while a device runs, its calls pass through here on their way.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

_REAL: dict[str, Callable[..., Any]] = {
    name: getattr(os, name) for name in ("fsync", "mkdir", "rename", "replace", "rmdir", "unlink")
}
"""Calls at which the power may go, and those by which something becomes durable."""
_SHARES = (0.0, 0.5, 1.0)


class PowerCut(BaseException):
    """From here on nothing runs; no error of the device, so that nothing on it may catch it."""


@dataclass(eq=False, slots=True)
class _File:
    """One file's bytes that are safe, whatever its name."""

    safe: bytes = b""


class _Folder:
    """A name that is a folder's."""


_FOLDER = _Folder()
_Entry = _File | _Folder


class ForgetfulDisk:
    """One device's folder.

    Args:
        folder: Of its own, empty or to be made; outlives everything.
        draw: What a cut leaves.
    """

    def __init__(self, folder: Path, draw: Random) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._draw = draw
        self._safe: dict[Path, dict[str, _Entry]] = {}
        """Names that a folder holds for sure, by folder."""
        self._files: dict[Path, _File] = {}
        """What is known of the files that are there now."""
        self._calls_left: int | None = None
        self._is_cut = False
        self.calls = 0
        """That were made in all."""

    def cut_after(self, calls: int) -> None:
        """Let the power go at a call from now on: the first that does not happen."""
        self._calls_left = calls

    def step(self) -> None:
        """One moment at which the power may go.

        Raises:
            PowerCut: it does, or it has gone.
        """
        self.calls += 1
        if self._calls_left is not None and not self._is_cut:
            self._calls_left -= 1
            self._is_cut = self._calls_left < 0
        if self._is_cut:
            raise PowerCut

    @contextmanager
    def running(self) -> Iterator[None]:
        """Calls in here are this device's."""
        for name in _REAL:
            setattr(os, name, getattr(self, f"_{name}"))
        try:
            yield
        finally:
            for name, call in _REAL.items():
                setattr(os, name, call)

    def restart(self) -> None:
        """Leave on the disk what outlives a cut now; the power is back."""
        left = dict(self._outliving(self.folder))
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._files, self._safe = {}, {self.folder: {}}
        for path, data in left.items():
            if data is None:
                path.mkdir()
                self._safe[path] = {}
            else:
                path.write_bytes(data)
                self._files[path] = _File(data)
            self._safe[path.parent][path.name] = self._entry(path)
        self._calls_left, self._is_cut = None, False

    # -- the system's calls, as the device makes them --------------------

    def _fsync(self, number: int) -> None:
        self.step()
        path = Path(f"/proc/self/fd/{number}").readlink()
        if path.is_dir():
            with os.scandir(path) as found:
                self._safe[path] = {each.name: self._entry(path / each.name) for each in found}
        else:
            self._file(path).safe = path.read_bytes()

    def _replace(self, source: Any, target: Any, **places: Any) -> None:
        self.step()
        _REAL["replace"](source, target, **places)
        self._files.pop(Path(target), None)
        if (moved := self._files.pop(Path(source), None)) is not None:
            self._files[Path(target)] = moved

    _rename = _replace

    def _unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        self.step()
        _REAL["unlink"](path, dir_fd=dir_fd)
        self._files.pop(Path(path), None)

    def _mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        self.step()
        _REAL["mkdir"](path, mode, dir_fd=dir_fd)

    def _rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        self.step()
        _REAL["rmdir"](path, dir_fd=dir_fd)

    # -- what outlives a cut --------------------

    def _file(self, path: Path) -> _File:
        return self._files.setdefault(path, _File())

    def _entry(self, path: Path) -> _Entry:
        return _FOLDER if path.is_dir() else self._file(path)

    def _outliving(self, folder: Path) -> Iterator[tuple[Path, bytes | None]]:
        """Paths and bytes, folders before what is in them; None: a folder."""
        safe = self._safe.get(folder, {})
        found = [path for path in folder.iterdir() if not path.is_symlink()] if folder.is_dir() else []
        there = {path.name: self._entry(path) for path in found}
        for name in sorted({*safe, *there}):
            entry = self._draw.choice((safe.get(name), there.get(name)))
            path = folder / name
            if isinstance(entry, _Folder):
                yield path, None
                yield from self._outliving(path)
            elif entry is not None:
                yield path, self._bytes_of(entry, path if entry is there.get(name) else None)

    def _bytes_of(self, file: _File, path: Path | None) -> bytes:
        """Of a file that may be there still, with bytes that were not synced."""
        if path is None:
            return file.safe
        now, share = path.read_bytes(), self._draw.choice(_SHARES)
        is_longer = now.startswith(file.safe)
        if not is_longer and self._draw.random() < 0.5:
            return file.safe
        kept = len(file.safe) if is_longer else 0
        return now[: kept + int(share * (len(now) - kept))]
