"""Kills a process at each line of some code in turn, as a power cut would: nothing after that line runs.

What such a process leaves is what lies on the disk at that line. Where that is all that matters, one run will
do: it is looked at before each line (`states_at_each_line`), and what looks the same is one state.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

KILLED = 9
_DONE = 0


def killed_at_each_line(work: Callable[[int], None], *modules: str) -> Iterator[int]:
    """Run `work(n)` in a child that ends at the n-th line executed in these modules; yield after each.

    Ends when the work got through. The child leaves by `os._exit`: no `finally`, no buffer is flushed.
    """
    for n in range(1, 10_000):
        child = os.fork()
        if child == 0:
            gc.disable()  # it would touch, and so copy, all memory of a parent that has trained networks
            _work_until(work, n, modules)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (KILLED, _DONE), f"the work itself failed at line {n}"
        yield n
        if code == _DONE:
            return
    raise AssertionError("the work never ends")


def _work_until(work: Callable[[int], None], n: int, modules: tuple[str, ...]) -> None:
    left = n

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if frame.f_globals.get("__name__") not in modules:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os._exit(KILLED)
        return trace

    try:
        sys.settrace(trace)
        work(n)
        sys.settrace(None)
        os._exit(_DONE)
    finally:
        os._exit(1)


@dataclass(frozen=True)
class Entry:
    """A file, a folder or a link."""

    mode: int
    data: bytes | None = None
    link: str = ""

    def write(self, path: Path) -> None:
        """Put it in place."""
        if self.link:
            path.symlink_to(self.link)
        elif self.data is None:
            path.mkdir()
        else:
            path.write_bytes(self.data)
            path.chmod(self.mode)


State = dict[str, Entry]
"""All that lies in a folder, by its path there."""


@dataclass
class FolderStates:
    """What killed processes would leave in a folder, each only once.

    Args:
        folder: Where the work is done.
        loses_unsure: Whether bytes that nobody made sure of are lost: they are zeros then, as some file
            systems leave them.
    """

    folder: Path
    loses_unsure: bool = False
    found: list[State] = field(default_factory=list)
    lines: int = 0
    _sure: dict[int, int] = field(default_factory=dict)

    def look(self) -> None:
        """Take what lies there now."""
        self.lines += 1
        state = self._read()
        if state not in self.found:
            self.found.append(state)

    def note_all(self) -> None:
        """Everything that is there is sure."""
        states = [path.stat() for path in self.folder.rglob("*") if path.is_file()]
        self._sure = {each.st_ino: each.st_size for each in states}

    def note(self, number: int) -> None:
        """An open file is sure up to here."""
        state = os.fstat(number)
        self._sure[state.st_ino] = state.st_size

    def lay_out(self, state: State, folder: Path) -> None:
        """Make a folder that looks so."""
        folder.mkdir()
        for name, entry in state.items():
            entry.write(folder / name)

    def _read(self) -> State:
        entries: State = {}
        there: set[int] = set()
        for path in sorted(self.folder.rglob("*")):
            stat = path.lstat()
            there.add(stat.st_ino)
            if path.is_symlink():
                entry = Entry(0, link=str(path.readlink()))
            elif path.is_dir():
                entry = Entry(0)
            else:
                data = path.read_bytes()
                good = min(self._sure.get(stat.st_ino, 0), len(data)) if self.loses_unsure else len(data)
                entry = Entry(stat.st_mode & 0o777, data[:good] + bytes(len(data) - good))
            entries[str(path.relative_to(self.folder))] = entry
        self._sure = {number: size for number, size in self._sure.items() if number in there}
        return entries


def states_at_each_line(work: Callable[[], None], states: FolderStates, *modules: str) -> None:
    """Run `work` once, and look before each line that is executed in these modules, and after the last."""
    fsync = os.fsync

    def noted(number: int) -> None:
        if not states.loses_unsure:
            return  # a killed process loses nothing that it wrote
        fsync(number)
        states.note(number)

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_globals.get("__name__") not in modules:
            return None
        if event == "line":
            states.look()
        return trace

    states.note_all()
    before = sys.gettrace()
    os.fsync = noted  # type: ignore[assignment]
    try:
        sys.settrace(trace)
        work()
    finally:
        sys.settrace(before)
        os.fsync = fsync
    states.look()
