"""What happened to machines, as their maintenance log tells it.

Rule: a log is taken over whole or refused whole, and what is wrong with it names the line. Nothing in it lies
in the future.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from contract.checks import EARLIEST, TEXT_PATTERN
from contract.errors import DataError
from contract.life_log import FAILED, REPLACED, LogEntry, LogKind, event_codes
from contract.lives import NAME_PATTERN
from contract.messages import DEVICE_ID_PATTERN

COLUMNS = ("machine", "component", "time", "kind", "code")
WHOLE_MACHINE = "machine"
"""The component of a machine that nobody took apart."""
MAX_COMPONENT = 40 - max(len(FAILED), len(REPLACED))
"""Characters: a component's end is an event to the others, and its code must be a name too."""
MAX_FILE_BYTES = 256 * 1024 * 1024


BOUNDARIES = frozenset((LogKind.FAILURE, LogKind.REPLACEMENT))
"""Kinds at which a component's life ends and the next one begins."""


@dataclass(frozen=True, slots=True)
class MachineEvent:
    """One entry.

    Raises:
        DataError: a value that cannot be right.
    """

    device_id: str
    component: str
    """Empty: the whole machine; only of maintenance and errors, which all components then share."""
    time: datetime
    """When it happened, aware UTC."""
    kind: LogKind
    code: str = ""
    """What was done or reported; needed for maintenance and errors."""
    source: str = ""
    """Where it was read."""

    def __post_init__(self) -> None:
        _require(
            bool(DEVICE_ID_PATTERN.fullmatch(self.device_id)), f"machine {self.device_id[:64]!r} is no id"
        )
        for name in ("component", "code"):
            value = getattr(self, name)
            is_name = not value or bool(NAME_PATTERN.fullmatch(value))
            _require(is_name, f"{name} {value[:60]!r}: up to 40 of a-z, 0-9 and _")
        _require(len(self.component) <= MAX_COMPONENT, f"component: at most {MAX_COMPONENT} characters")
        is_aware = self.time.tzinfo is not None and self.time.utcoffset() == UTC.utcoffset(None)
        _require(is_aware and self.time >= EARLIEST, "time must be in UTC and after 1999")
        _require(bool(TEXT_PATTERN.fullmatch(self.source)), "source: up to 80 plain characters")
        if self.kind in BOUNDARIES:
            _require(bool(self.component), f"a {self.kind} needs its component, or {WHOLE_MACHINE} for all")
            _require(not self.code, f"a {self.kind} has no code; leave it empty")
        else:
            _require(bool(self.code), f"{self.kind} needs a code")

    @property
    def entry(self) -> LogEntry:
        """As lives are told of it."""
        return LogEntry(self.time.timestamp(), self.kind, self.component, self.code)


def components_of(events: Iterable[MachineEvent]) -> tuple[str, ...]:
    """The components that a log names; one, the machine, where it names none."""
    named = {event.component for event in events if event.component}
    return tuple(sorted(named)) or (WHOLE_MACHINE,)


def codes_of(events: Sequence[MachineEvent]) -> tuple[str, ...]:
    """The events that a type's lives can hold, by the logs of its machines."""
    codes = sorted({event.code for event in events if event.code})
    components = components_of(events)
    return event_codes(components if len(components) > 1 else (), codes)


def read_events(path: Path, now: datetime) -> list[MachineEvent]:
    """Read a maintenance log: CSV with the columns of `COLUMNS` in any order, one line an entry.

    Args:
        path: UTF-8; times in ISO 8601 with an offset.
        now: Cloud time; nothing may have happened later.

    Raises:
        DataError: anything is wrong with it; names file and line.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise DataError(f"{path}: larger than {MAX_FILE_BYTES} bytes; split it")
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return parse_events(text, path.name, now, str(path))


def parse_events(text: str, source: str, now: datetime, where: str = "") -> list[MachineEvent]:
    """Read a maintenance log that somebody has read from somewhere.

    Args:
        text: CSV, as `read_events` takes it.
        source: Where it comes from, as whoever reads the log later sees it.
        now: Cloud time; nothing may have happened later.
        where: What errors call it; `source` when empty.

    Raises:
        DataError: anything is wrong with it; names the line.
    """
    where = where or source
    events = []
    for number, row in _rows(where, text):
        try:
            events.append(_parse_row(row, source, now))
        except DataError as error:
            raise DataError(f"{where}, line {number}: {error}; nothing was imported") from error
    _require(bool(events), f"{where}: holds no events")
    return events


def _rows(where: str, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _require(sorted(header) == sorted(COLUMNS), f"{where}, line 1: the columns are {', '.join(COLUMNS)}")
        for fields in reader:
            if fields:
                line = f"{where}, line {reader.line_num}"
                _require(len(fields) == len(header), f"{line}: {len(header)} fields, not {len(fields)}")
                yield reader.line_num, dict(zip(header, map(str.strip, fields), strict=True))
    except csv.Error as error:
        raise DataError(f"{where}, line {reader.line_num}: {error}; nothing was imported") from error


def _parse_row(row: dict[str, str], source: str, now: datetime) -> MachineEvent:
    known = ", ".join(LogKind)
    _require(row["kind"] in set(LogKind), f"kind {row['kind'][:40]!r} is not one of {known}")
    kind = LogKind(row["kind"])
    time = _parse_time(row["time"])
    _require(time <= now, f"{row['time']} lies in the future")
    return MachineEvent(row["machine"], row["component"], time, kind, row["code"], plain_source(source))


def plain_source(text: str) -> str:
    """A file's or a person's name as a log can hold it.

    >>> plain_source("Jørgen, by hand")
    'J_rgen_ by hand'
    """
    return "".join(character if TEXT_PATTERN.fullmatch(character) else "_" for character in text)[:80]


def _parse_time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise DataError(f"time {text[:40]!r} is not ISO 8601") from error
    _require(time.tzinfo is not None, f"time {text[:40]!r} needs an offset, such as Z or +01:00")
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise DataError(f"time {text[:40]!r} is out of range") from error


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise DataError(message)
