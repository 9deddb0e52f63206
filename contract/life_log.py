"""From a machine's rows and its maintenance log to the lives of its components.

Rule: a component's life begins at its replacement and ends at its failure or its next replacement. A row sees
what the log says up to its own time and nothing later, and no life has a row at its own end: the visit that
ended it would show. A machine that goes on after a failure was repaired, whether or not somebody wrote it
down.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from contract.lives import Ages, End, EventKind, Life, LifeEvent, LifeSpec, Rows
from contract.snapshot import SECONDS, LifeKey, key_of

FAILED, REPLACED = "_failed", "_replaced"
"""Endings of the codes under which a component's end is an event to the machine's other components."""
REPAIR_S = 86_400.0
"""A replacement this soon after a failure, in s, is its repair, and no end of another life."""


class LogKind(StrEnum):
    """What an entry of the log says."""

    FAILURE = "failure"
    REPLACEMENT = "replacement"
    MAINTENANCE = "maintenance"
    ERROR = "error"


Flags = npt.NDArray[np.bool_]
_ENDS = (LogKind.FAILURE, LogKind.REPLACEMENT)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of a maintenance log."""

    time_s: float
    """s since the Unix epoch."""
    kind: LogKind
    component: str = ""
    """Which component; empty: the machine as a whole (maintenance and errors only)."""
    code: str = ""
    """What was done or reported; empty for failures and replacements."""


@dataclass(frozen=True, slots=True, eq=False)
class MachineRecord:
    """Everything that is known of one machine."""

    machine: str
    times_s: Ages = field(repr=False)
    """float64 (n,), strictly rising, s since the Unix epoch; n >= 1."""
    settings: Rows = field(repr=False)
    """float32 (n, n_settings)"""
    sensors: Rows = field(repr=False)
    """float32 (n, n_sensors)"""
    log: Sequence[LogEntry] = field(repr=False)
    """In any order."""
    until_s: float
    """Until when the log is complete; what did not end by then runs. Not before the last row."""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """When a component was in a machine, in s since the Unix epoch."""

    start_s: float
    end_s: float
    end: End


@dataclass(frozen=True, slots=True, eq=False)
class ComponentLives:
    """What a record tells of one component."""

    lives: tuple[Life, ...]
    installed: dict[LifeKey, datetime]
    without_rows: int
    """Lives that ended before their first row: nothing is known of them."""


def event_codes(components: Sequence[str], codes: Sequence[str]) -> tuple[str, ...]:
    """The events of a machine type: the log's own codes, then the ends of its components.

    >>> event_codes(("seal",), ("greased",))
    ('greased', 'seal_failed', 'seal_replaced')
    """
    return (*codes, *(name + ending for name in components for ending in (FAILED, REPLACED)))


def build_lives(record: MachineRecord, component: str, spec: LifeSpec) -> ComponentLives:
    """All lives of one component of a machine.

    Args:
        record: The machine.
        component: Its name in the log.
        spec: Its `events` are as `event_codes` gives them, its `time_unit` is `s` or `h`.

    Raises:
        DataError: numbers that no life can have; names the machine.
    """
    lives: list[Life] = []
    installed: dict[LifeKey, datetime] = {}
    without_rows, unit_s = 0, SECONDS[spec.time_unit]
    for number, span in enumerate(find_spans(record, component)):
        keep = np.flatnonzero(_is_within(record.times_s, span))
        if not len(keep):
            without_rows += span.end is not End.RUNNING
            continue
        last_s = float(record.times_s[keep[-1]])
        life = Life(
            machine=record.machine,
            component=component,
            number=number,
            age=(record.times_s[keep] - span.start_s) / unit_s,
            settings=record.settings[keep],
            sensors=record.sensors[keep],
            end=span.end,
            end_age=(span.end_s - span.start_s) / unit_s,
            events=tuple(_find_events(record, component, (span.start_s, last_s), unit_s)),
            group=record.group,
        )
        lives.append(life)
        installed[key_of(life)] = datetime.fromtimestamp(span.start_s, UTC)
    return ComponentLives(tuple(lives), installed, without_rows)


def find_spans(record: MachineRecord, component: str) -> list[Span]:
    """When each of a component's parts went in and came out, in order of time; the last one runs.

    A part that the log does not say the beginning of counts from the machine's first row. A part that failed
    is as new from its failure on; when its replacement follows within `REPAIR_S`, from then on.
    """
    entries = sorted(
        (entry for entry in record.log if entry.component == component and entry.kind in _ENDS),
        key=_in_order,
    )
    start = min([float(record.times_s[0]), *(entry.time_s for entry in entries[:1])])
    failed_at = -math.inf
    spans: list[Span] = []
    for entry in entries:
        is_failure = entry.kind is LogKind.FAILURE
        is_repair = not is_failure and entry.time_s - failed_at <= REPAIR_S
        if entry.time_s > start and not is_repair:
            spans.append(Span(start, entry.time_s, End.FAILED if is_failure else End.REPLACED))
        start, failed_at = entry.time_s, entry.time_s if is_failure else -math.inf
    return [*spans, Span(start, record.until_s, End.RUNNING)] if start <= record.until_s else spans


def _in_order(entry: LogEntry) -> tuple[float, bool]:
    """Of one moment's entries the failure comes first: it failed, then it was replaced."""
    return entry.time_s, entry.kind is LogKind.REPLACEMENT


def _is_within(times_s: Ages, span: Span) -> Flags:
    is_before_end = times_s <= span.end_s if span.end is End.RUNNING else times_s < span.end_s
    return (times_s >= span.start_s) & is_before_end


def _find_events(
    record: MachineRecord, component: str, within: tuple[float, float], unit_s: float
) -> Iterator[LifeEvent]:
    for entry in sorted(record.log, key=lambda entry: entry.time_s):
        if not within[0] <= entry.time_s <= within[1]:
            continue
        age = (entry.time_s - within[0]) / unit_s
        if entry.kind in _ENDS:
            if entry.component != component:
                yield _neighbour_event(entry, age)
        elif entry.component in {"", component}:
            yield LifeEvent(age, EventKind(entry.kind), entry.code)


def _neighbour_event(entry: LogEntry, age: float) -> LifeEvent:
    if entry.kind is LogKind.FAILURE:
        return LifeEvent(age, EventKind.ERROR, entry.component + FAILED)
    return LifeEvent(age, EventKind.MAINTENANCE, entry.component + REPLACED)
