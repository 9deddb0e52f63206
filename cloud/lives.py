"""The feature store's one definition: from a machine's summaries to the rows of its components' lives.

Rule: a row is made of the summaries that end in one step and had arrived by a moment, and of nothing else:
whatever the order in which they arrive, once or again, late or after a restart, snapshots and forecasts get
the same numbers to the bit. A summary whose clock cannot be right is not used and counted.

A step in which a machine sent nothing has no row. Rows of "not known" would push what is known out of the
last rows that a model reads, and it sees a gap as it is: ages jump. A row stands once its step is over.
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt

from cloud.life_plan import LifePlan, parse_column
from cloud.machine_events import BOUNDARIES, MachineEvent
from contract.forecast import InputSpec
from contract.life_log import FAILED, REPLACED, LogKind, MachineRecord, build_lives
from contract.lives import Life, LifeSpec
from contract.snapshot import key_of

Values = npt.NDArray[np.float32]
Key = tuple[int, int]
"""Boot and sequence: what no two summaries of a machine share."""


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """A summary, as far as lives need it."""

    key: Key
    event_time: datetime
    """End of its interval, the device's clock."""
    ingest_time: datetime
    names: tuple[str, ...] = field(repr=False)
    """Of its features."""
    values: Values = field(repr=False)
    """float32 (n_features, 3): mean, minimum, maximum."""


@dataclass(slots=True)
class LifeCounters:
    """Of one machine since the builder was made."""

    used: int = 0
    wrong_clock: int = 0
    """Summaries from the future, or older than any outbox."""


@dataclass(frozen=True, slots=True, eq=False)
class StepRows:
    """A machine's rows, in order of time; its components share them."""

    steps: npt.NDArray[np.int64] = field(repr=False)
    """int64 (n,), rising."""
    values: Values = field(repr=False)
    """float32 (n, n_columns): settings, then sensors; NaN where nothing was measured."""


class LifeBuilder:
    """Rows of one machine, built summary by summary.

    A step stays open while it is the newest or the one before. A late summary of a closed step is kept, and
    the step is `stale` until somebody brings back what had made it (`restore`).

    Args:
        plan: Of the machine's type.
        columns: Settings, then sensors; the plan's when None.
    """

    def __init__(self, plan: LifePlan, columns: Sequence[str] | None = None) -> None:
        self.plan = plan
        self._columns = [parse_column(name) for name in columns or (*plan.settings, *plan.sensors)]
        self._places: dict[tuple[str, ...], tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]] = {}
        self._aggregates = np.array([aggregate for _, aggregate in self._columns], np.intp)
        self._open: dict[int, dict[Key, _Part]] = {}
        self._closed: dict[int, Values] = {}
        self._newest = -(2**62)
        self.stale: set[int] = set()
        """Steps that late summaries belong to, whose earlier ones are no longer here."""
        self.counters = LifeCounters()

    def add(self, observed: Observed) -> None:
        """Take a summary into account; one that is known already changes nothing."""
        if not self.plan.is_clock_right(observed.event_time, observed.ingest_time):
            self.counters.wrong_clock += 1
            return
        step = self.plan.step_of(observed.event_time)
        if step in self._closed:
            self.stale.add(step)
        parts = self._open.setdefault(step, {})
        if observed.key not in parts:
            values = self._pick(observed)
            parts[observed.key] = _Part(observed.event_time, observed.key, observed.ingest_time, values)
            self.counters.used += 1
        if step > self._newest:
            self._newest = step
            self._close(before=step - 1)

    def restore(self, step: int, history: Iterable[Observed]) -> None:
        """Bring back what a stale step was made of; the late summaries are added to it.

        Args:
            step: One of `stale`.
            history: Every summary of that step that arrived before the first late one; more do no harm.
        """
        self._closed.pop(step, None)
        self.stale.discard(step)
        for observed in history:
            if self.plan.step_of(observed.event_time) == step:
                self.add(observed)
        self._close(before=self._newest - 1)

    def late_arrivals(self, step: int) -> dict[Key, datetime]:
        """When the late summaries of a stale step came."""
        return {key: part.ingest_time for key, part in self._open.get(step, {}).items()}

    def drop_repeated(self, step: int, keys: Iterable[Key]) -> None:
        """Forget late summaries of a stale step that were in its row before."""
        for key in keys:
            self._open[step].pop(key)
        if not self._open[step]:
            del self._open[step]
            self.stale.discard(step)

    def rows(self, cut: datetime) -> StepRows:
        """The rows of all steps that are over at a moment."""
        made = {step: _merge(parts.values(), self._aggregates) for step, parts in self._open.items()}
        made |= self._closed
        newest = self.plan.newest_over(cut)
        steps = sorted(step for step in made if step <= newest)
        values = [made[step] for step in steps]
        shape = len(steps), len(self._columns)
        return StepRows(np.array(steps, np.int64), np.array(values, np.float32).reshape(shape))

    def trim(self, starts: Sequence[datetime], inputs: InputSpec) -> None:
        """Forget the closed rows that no forecast reads: keep the first of each life, and the last.

        Args:
            starts: Of the lives that still run.
            inputs: What a model reads.
        """
        steps = sorted(self._closed)
        kept, head = set(steps[-inputs.n_rows :]), first_rows(inputs)
        for start in starts:
            first = bisect_left(steps, self.plan.step_of(start))
            kept.update(steps[first : first + 1 + head])  # the first may be that of the change
        self._closed = {step: self._closed[step] for step in steps if step in kept}

    def _close(self, before: int) -> None:
        over = [step for step in self._open if step < before and step not in self.stale]
        for step in over:
            self._closed[step] = _merge(self._open.pop(step).values(), self._aggregates)

    def _pick(self, observed: Observed) -> Values:
        """The plan's columns of a summary: float32 (n_columns,), NaN where it has no such feature."""
        if observed.names not in self._places:
            place = {name: index for index, name in enumerate(observed.names)}
            found = [place.get(feature, -1) for feature, _ in self._columns]
            self._places[observed.names] = np.array(found, np.intp), np.array(found) < 0
        where, is_missing = self._places[observed.names]
        if is_missing.all():
            return np.full(len(self._columns), np.nan, np.float32)
        values = observed.values[where, self._aggregates]
        values[is_missing] = np.nan
        return values


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What one summary gives to its step's row."""

    event_time: datetime
    key: Key
    ingest_time: datetime
    values: Values


def _merge(parts: Iterable[_Part], aggregates: npt.NDArray[np.intp]) -> Values:
    """One row of a step's summaries: means of means, lowest minima, highest maxima."""
    ordered = sorted(parts, key=operator.attrgetter("event_time", "key"))
    values = np.array([part.values for part in ordered], np.float64)
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    means = np.where(known, values, 0.0).sum(axis=0) / np.maximum(counts, 1)
    lowest = np.where(known, values, np.inf).min(axis=0)
    highest = np.where(known, values, -np.inf).max(axis=0)
    row = np.choose(aggregates, [means, lowest, highest])
    return np.where(counts > 0, row, np.nan).astype(np.float32)


def first_rows(inputs: InputSpec) -> int:
    """First rows of a life that must be known: all that a model reads, and the one that ages count from."""
    return max(inputs.head_rows, 1)


@dataclass(frozen=True, slots=True, eq=False)
class MachineHistory:
    """What is known of a machine at a moment."""

    machine: str
    """Its id, or its pseudonym."""
    rows: StepRows
    events: tuple[MachineEvent, ...] = field(default=(), repr=False)
    """That had happened and were known by then."""


def lives_of(history: MachineHistory, plan: LifePlan, spec: LifeSpec) -> list[tuple[Life, datetime]]:
    """Every life of its type's components that has a row, and when it began.

    A component that its log never names lives since the machine's first row.

    Args:
        history: With rows of the spec's columns.
        plan: That made the rows.
        spec: Type of the lives; components and events that it does not know are left out.
    """
    found: list[tuple[Life, datetime]] = []
    for component in spec.components:
        record = _record_of(history, component, plan, spec)
        if record is not None:
            built = build_lives(record, component, spec)
            found += [(life, built.installed[key_of(life)]) for life in built.lives]
    return found


def _record_of(
    history: MachineHistory, component: str, plan: LifePlan, spec: LifeSpec
) -> MachineRecord | None:
    """A machine as one of its components sees it: a step in which that was changed belongs to no life."""
    rows = history.rows
    changes = [e.time for e in history.events if e.kind in BOUNDARIES and e.component == component]
    is_kept = ~np.isin(rows.steps, [plan.step_of(time) for time in changes])
    if not is_kept.any():
        return None
    times_s, values = plan.ends_s(rows.steps[is_kept]), rows.values[is_kept]
    n_settings = len(spec.settings)
    return MachineRecord(
        machine=history.machine,
        times_s=times_s,
        settings=values[:, :n_settings],
        sensors=values[:, n_settings:],
        log=[event.entry for event in history.events if _is_told(event, component, spec)],
        until_s=float(times_s[-1]),
    )


def _is_told(event: MachineEvent, component: str, spec: LifeSpec) -> bool:
    if event.kind not in BOUNDARIES:
        return event.code in spec.events
    ending = FAILED if event.kind is LogKind.FAILURE else REPLACED
    return event.component == component or event.component + ending in spec.events
