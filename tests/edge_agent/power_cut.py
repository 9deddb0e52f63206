"""A disk that remembers every call, and what a power cut after each of them may have left.

What a file holds is safe once it was synced; which names a folder holds, once the folder was. Before that a
power cut may keep all of it, none of it, or half of it, and of several names any (POSIX promises no order).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from edge_agent.slot_disk import Disk

Image = Mapping[str, bytes]
"""A folder's files by name."""
MOST_PENDING = 4
"""Names not yet durable of which every choice is tried; of more, every beginning."""


@dataclass(frozen=True)
class Call:
    """One call that changes the disk, or one that makes something durable."""

    kind: str
    name: str = ""
    to: str = ""
    number: int = 0
    data: bytes = b""
    note: str = ""
    """What the device was doing."""


@dataclass
class RecordingDisk(Disk):
    """Does the real calls, but for the syncs, and writes them down; fails where it is told to."""

    calls: list[Call] = field(default_factory=list)
    note: str = ""
    fail_at: int = -1
    """Number of the call that fails; that many have gone well before."""
    error: OSError = field(default_factory=OSError)
    is_lasting: bool = False
    """Whether all later calls fail, too."""
    attempts: int = 0
    _opened: dict[int, int] = field(default_factory=dict)
    _files: int = 0

    def create(self, path: Path) -> int:
        self._may_fail()
        number = super().create(path)
        self._files += 1
        self._opened[number] = self._files
        self._record("create", path.name, number=self._files)
        return number

    def write(self, number: int, data: bytes) -> None:
        self._may_fail()
        super().write(number, data)
        self._record("write", number=self._opened[number], data=bytes(data))

    def sync(self, number: int) -> None:
        self._may_fail()
        self._record("sync", number=self._opened[number])

    def rename(self, path: Path, to: Path) -> None:
        self._may_fail()
        super().rename(path, to)
        self._record("rename", path.name, to.name)

    def unlink(self, path: Path) -> None:
        self._may_fail()
        super().unlink(path)
        self._record("unlink", path.name)

    def make_folder(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)

    def sync_folder(self, folder: Path) -> None:
        self._may_fail()
        self._record("sync_folder", folder.name)

    def _may_fail(self) -> None:
        self.attempts += 1
        past = self.attempts - 1 - self.fail_at
        if self.fail_at >= 0 and (past == 0 or (past > 0 and self.is_lasting)):
            raise self.error

    def _record(self, kind: str, name: str = "", to: str = "", number: int = 0, data: bytes = b"") -> None:
        self.calls.append(Call(kind, name, to, number, data, self.note))


class Medium:
    """What is on the disk for sure, and what only may be."""

    def __init__(self, image: Image) -> None:
        self._sure = {name: -n for n, name in enumerate(image, 1)}
        self._kept = {self._sure[name]: data for name, data in image.items()}
        self._now = dict(self._kept)
        self._pending: list[Call] = []

    def apply(self, call: Call) -> None:
        """Let a call have happened."""
        if call.kind == "create":
            self._now[call.number], self._kept[call.number] = b"", b""
        if call.kind == "write":
            self._now[call.number] += call.data
        if call.kind == "sync":
            self._kept[call.number] = self._now[call.number]
        if call.kind in ("create", "rename", "unlink"):
            self._pending.append(call)
        if call.kind == "sync_folder":
            self._sure, self._pending = self._names(self._pending), []

    def images(self) -> Iterator[Image]:
        """Everything that a power cut now may leave; each once."""
        seen = set()
        for happened in self._choices():
            names = self._names(happened)
            for share in (0.0, 0.5, 1.0):
                image = {name: self._content(number, share) for name, number in names.items()}
                key = tuple(sorted(image.items()))
                if key not in seen:
                    seen.add(key)
                    yield image

    def _choices(self) -> Iterator[list[Call]]:
        pending = self._pending
        if len(pending) > MOST_PENDING:
            yield from (pending[:n] for n in range(len(pending) + 1))
            return
        for n in range(len(pending) + 1):
            yield from (list(some) for some in combinations(pending, n))

    def _names(self, happened: list[Call]) -> dict[str, int]:
        names = dict(self._sure)
        created = {call.name: call.number for call in self._pending if call.kind == "create"}
        for call in happened:
            if call.kind == "create":
                names[call.name] = call.number
            elif call.kind == "rename":
                # A file made since the last sync may never have been known by its first name.
                number = names.pop(call.name, created.get(call.name))
                if number is not None:
                    names[call.to] = number
            else:
                names.pop(call.name, None)
        return names

    def _content(self, number: int, share: float) -> bytes:
        sure, now = self._kept[number], self._now[number]
        return sure + now[len(sure) :][: int(share * (len(now) - len(sure)))]


def read_image(folder: Path) -> Image:
    """A folder's files."""
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def write_image(folder: Path, image: Image) -> None:
    """Make a folder with these files."""
    folder.mkdir(parents=True)
    for name, data in image.items():
        (folder / name).write_bytes(data)
