"""The models that were published for each machine type, and which of them is in charge.

Rule: a version never changes once it is published, and who put which version in charge, when and why, is
only ever added to. The history is the only truth: a version exists once its line there is whole, and the
champion is what the promotions and roll-backs in it come to. So a publisher may be killed at any line: what
it had not finished is as if it had never been begun, and the next writer clears it away.

    FOLDER/lock                                    held by whoever writes
    FOLDER/KIND/MACHINE_TYPE/history.jsonl         one line an act
    FOLDER/KIND/MACHINE_TYPE/versions/VERSION/     model.igr or model.igb, card.md, record.json
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from contract.durable import append_line, exclusive, make_folder, place_folder, read_lines
from contract.errors import RegistryError

LOCK_WAIT_S = 30.0
"""How long a writer waits for another one, in s."""
_MACHINE_TYPE = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_HISTORY, _VERSIONS, _CARD, _RECORD = "history.jsonl", "versions", "card.md", "record.json"
_MAX_TEXT = 500


class ModelKind(StrEnum):
    """What a model is for."""

    RUL = "rul"
    """Forecasts remaining useful life, in the cloud."""
    EDGE = "edge"
    """Scores windows, on a device."""


SUFFIXES: Mapping[ModelKind, str] = {ModelKind.RUL: ".igr", ModelKind.EDGE: ".igb"}


class Act(StrEnum):
    """What can be done to a version."""

    PUBLISHED = "published"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    """The version named is the one that is in charge again."""


@dataclass(frozen=True, slots=True)
class ModelLine:
    """The models of one kind for one machine type, or profile; one of them at a time is in charge.

    Raises:
        RegistryError: a machine type that is no name.
    """

    machine_type: str
    kind: ModelKind = ModelKind.RUL

    def __post_init__(self) -> None:
        _require(
            bool(_MACHINE_TYPE.fullmatch(self.machine_type)),
            f"machine type {self.machine_type[:60]!r}: up to 40 of a-z, 0-9, _ and -",
        )


@dataclass(frozen=True, slots=True)
class Note:
    """Who does something, and why.

    Raises:
        RegistryError: either is empty or long.
    """

    who: str
    why: str

    def __post_init__(self) -> None:
        for name in ("who", "why"):
            text = getattr(self, name)
            _require(bool(text.strip()) and len(text) <= _MAX_TEXT, f"{name}: 1 to {_MAX_TEXT} characters")


@dataclass(frozen=True, slots=True)
class Papers:
    """What goes with a model."""

    card: str = field(repr=False)
    """The model card, Markdown."""
    is_blessed: bool
    """Whether its evaluation found it fit to be in charge."""
    blessing: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What the evaluation compared, and with what; plain JSON."""
    lineage: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Data span, schema, code version, seeds; plain JSON."""


@dataclass(frozen=True, slots=True)
class Published:
    """A version in the registry."""

    line: ModelLine
    version: str
    """Number and first digits of the bundle's SHA-256; forecasts carry it."""
    folder: Path = field(repr=False)
    sha256: str = field(repr=False)
    papers: Papers = field(repr=False)

    @property
    def bundle_path(self) -> Path:
        """The bundle's file."""
        return self.folder / f"model{SUFFIXES[self.line.kind]}"

    def read_bundle(self) -> bytes:
        """The bundle's bytes, as they were published.

        Raises:
            RegistryError: they cannot be read, or were changed since.
        """
        try:
            data = self.bundle_path.read_bytes()
        except OSError as error:
            raise RegistryError(f"{self.bundle_path} cannot be read: {error.strerror}") from error
        _require(_digest(data) == self.sha256, f"{self.bundle_path} was changed after it was published")
        return data


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a history."""

    act: Act
    version: str
    time: datetime
    """Aware UTC."""
    note: Note


class Registry:
    """Published models in a folder; any number of processes may read and write it.

    Args:
        folder: Made with the first model; readers find nothing in one that is absent.
        clock: Tells the time, aware UTC.
    """

    def __init__(self, folder: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._folder = folder
        self._clock = clock

    def publish(self, line: ModelLine, bundle: bytes | Path, papers: Papers, note: Note) -> str:
        """Add a model; it is not in charge yet. The same bytes again give the version they have.

        Returns:
            The version.

        Raises:
            RegistryError: the bundle cannot be read, the papers are no plain JSON, or the folder cannot be
                written; nothing was published then.
        """
        data = _read(bundle) if isinstance(bundle, Path) else bundle
        _require(bool(data), "an empty bundle cannot be published")
        sha256 = _digest(data)
        record = _dump({"sha256": sha256, "is_blessed": papers.is_blessed, **_plain(papers)})
        with self._writing(line):
            numbers = self._numbers(line)
            for version in numbers:
                if self._version(line, version).sha256 == sha256:
                    return version
            version = f"{len(numbers) + 1}-{sha256[:12]}"
            parts = {f"model{SUFFIXES[line.kind]}": data, _CARD: papers.card.encode(), _RECORD: record}
            place_folder(self._home(line) / _VERSIONS / version, parts)
            self._append(line, Act.PUBLISHED, version, note)
        return version

    def promote(self, line: ModelLine, version: str, note: Note) -> None:
        """Put a version in charge; nothing happens when it is.

        Raises:
            RegistryError: there is no such version, or its evaluation did not bless it.
        """
        with self._writing(line):
            _require(version in self._numbers(line), f"{_name(line)} has no version {version[:40]!r}")
            published = self._version(line, version)
            _require(
                published.papers.is_blessed,
                f"{_name(line)} {version} was not blessed by its evaluation; it cannot be put in charge",
            )
            if self._reign(line)[-1:] != [version]:
                self._append(line, Act.PROMOTED, version, note)

    def roll_back(self, line: ModelLine, note: Note) -> str:
        """Put the champion before this one in charge again.

        Returns:
            Its version.

        Raises:
            RegistryError: there was none.
        """
        with self._writing(line):
            reign = self._reign(line)
            _require(len(reign) > 1, f"{_name(line)} has no earlier champion to go back to")
            self._append(line, Act.ROLLED_BACK, reign[-2], note)
        return reign[-2]

    def champion(self, line: ModelLine) -> Published | None:
        """The version in charge; None before the first promotion."""
        reign = self._reign(line)
        return self._version(line, reign[-1]) if reign else None

    def version(self, line: ModelLine, version: str) -> Published:
        """One version.

        Raises:
            RegistryError: it was never published, or its record is damaged.
        """
        _require(version in self._numbers(line), f"{_name(line)} has no version {version[:40]!r}")
        return self._version(line, version)

    def versions(self, line: ModelLine) -> tuple[Published, ...]:
        """Every version, oldest first."""
        return tuple(self._version(line, version) for version in self._numbers(line))

    def history(self, line: ModelLine) -> tuple[Entry, ...]:
        """Everything that was done, oldest first.

        Raises:
            RegistryError: the history is damaged; says in which line.
        """
        path = self._home(line) / _HISTORY
        try:
            lines = read_lines(path)
        except OSError as error:
            raise RegistryError(f"{path} cannot be read: {error.strerror}") from error
        return tuple(_parse_entry(text, f"{path}:{number}") for number, text in enumerate(lines, 1))

    def lines(self) -> tuple[ModelLine, ...]:
        """Every line that has a published version, in order of kind and machine type."""
        return tuple(
            ModelLine(home.name, kind)
            for kind in ModelKind
            if (self._folder / kind).is_dir()
            for home in sorted((self._folder / kind).iterdir())
            if _MACHINE_TYPE.fullmatch(home.name) and (home / _HISTORY).is_file()
        )

    def _home(self, line: ModelLine) -> Path:
        return self._folder / line.kind / line.machine_type

    def _numbers(self, line: ModelLine) -> list[str]:
        return [entry.version for entry in self.history(line) if entry.act is Act.PUBLISHED]

    def _reign(self, line: ModelLine) -> list[str]:
        """The champions that a roll-back would lead through, the present one last."""
        reign: list[str] = []
        for entry in self.history(line):
            if entry.act is Act.PROMOTED:
                reign.append(entry.version)
            elif entry.act is Act.ROLLED_BACK:
                _require(len(reign) > 1, f"{self._home(line) / _HISTORY} is damaged: goes back to nothing")
                reign.pop()
        return reign

    def _version(self, line: ModelLine, version: str) -> Published:
        folder = self._home(line) / _VERSIONS / version
        record = _parse_object(_read(folder / _RECORD), str(folder / _RECORD))
        _require(isinstance(record.get("is_blessed"), bool), f"{folder / _RECORD} is damaged: no verdict")
        try:
            papers = Papers(
                _read(folder / _CARD).decode(), record["is_blessed"], record["blessing"], record["lineage"]
            )
            return Published(line, version, folder, record["sha256"], papers)
        except (KeyError, UnicodeDecodeError) as error:
            raise RegistryError(f"{folder} is damaged: {error}") from error

    def _append(self, line: ModelLine, act: Act, version: str, note: Note) -> None:
        entry = {
            "act": str(act),
            "version": version,
            "time": self._clock().isoformat(),
            "who": note.who,
            "why": note.why,
        }
        append_line(self._home(line) / _HISTORY, json.dumps(entry, sort_keys=True).encode())

    @contextmanager
    def _writing(self, line: ModelLine) -> Iterator[None]:
        """Hold the lock, with what a killed writer left behind cleared away; file errors become ours."""
        home = self._home(line)
        try:
            make_folder(home / _VERSIONS)
            with exclusive(self._folder / "lock", LOCK_WAIT_S):
                _clear_unfinished(home / _VERSIONS, set(self._numbers(line)))
                yield
        except OSError as error:
            raise RegistryError(f"the registry {self._folder} cannot be written: {error}") from error


def _clear_unfinished(versions: Path, published: set[str]) -> None:
    for folder in versions.iterdir():
        if folder.name not in published:
            shutil.rmtree(folder)


def _parse_entry(text: bytes, where: str) -> Entry:
    content = _parse_object(text, where)
    try:
        when = datetime.fromisoformat(content["time"])
        note = Note(content["who"], content["why"])
        return Entry(Act(content["act"]), content["version"], when, note)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RegistryError(f"{where} is damaged: {error}") from error


def _parse_object(data: bytes, where: str) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"{where} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise RegistryError(f"{where} is damaged: no JSON object")
    return content


def _plain(papers: Papers) -> dict[str, Any]:
    return {"blessing": papers.blessing, "lineage": papers.lineage}


def _dump(content: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(content, indent=1, sort_keys=True, allow_nan=False, default=dict).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise RegistryError(f"blessing and lineage must be plain JSON: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RegistryError(f"{path} cannot be read: {error.strerror}") from error


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _name(line: ModelLine) -> str:
    return f"{line.kind} models of {line.machine_type}"


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise RegistryError(message)
