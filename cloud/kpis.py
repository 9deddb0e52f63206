"""How well the alarms do, and how the machines do: figures from cases, the maintenance log and watched time.

Rule: pure. Every figure carries the counts that it rests on, and its formula with its source stands in its
docstring. A share of few is shown as counts with an interval, never as a bare percentage; of none there is no
figure at all. What nobody checked counts neither for nor against the alarms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from statistics import mean, quantiles

from contract.labels import ComponentEnd, Verdict

WARNS = timedelta(days=90)
"""A case that is older than this when something fails has not warned of it."""
REPAIRED_WITHIN = timedelta(days=7)
"""A replacement or maintenance this soon after a failure is its repair."""
HOUR_S, YEAR_H = 3600.0, 8766.0
_Z = 1.959964
"""Of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What is counted of a case; one that was merged into another is not counted."""

    device_id: str
    opened_at: datetime
    """By the machine's clock, as a failure is."""
    raised_at: datetime
    """By the cloud's clock, as an acknowledgement is."""
    seen_at: datetime | None = None
    """When the first person did something to it."""
    closed_at: datetime | None = None
    verdict: Verdict | None = None
    end: ComponentEnd | None = None
    is_about_machine: bool = True
    """Not about a sensor."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A component that failed, by the maintenance log."""

    device_id: str
    at: datetime
    installed_at: datetime | None = None
    """Since when it had been in, where the log says so."""
    repaired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """How long a machine was watched."""

    device_id: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """All that figures are made of."""

    cases: tuple[CaseFacts, ...] = ()
    failures: tuple[Failure, ...] = ()
    watches: tuple[Watch, ...] = ()
    planned_h: tuple[float, ...] = ()
    """From start to end of orders for components that were replaced before they failed."""

    def of(self, devices: Iterable[str]) -> Facts:
        """Only of these machines; planned repairs stay, they are few."""
        wanted = frozenset(devices)
        return replace(
            self,
            cases=tuple(each for each in self.cases if each.device_id in wanted),
            failures=tuple(each for each in self.failures if each.device_id in wanted),
            watches=tuple(each for each in self.watches if each.device_id in wanted),
        )


@dataclass(frozen=True, slots=True)
class Period:
    """From a moment until before another, aware UTC."""

    start: datetime
    end: datetime

    def holds(self, time: datetime | None) -> bool:
        """Whether something happened in it."""
        return time is not None and self.start <= time < self.end


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    hits: int
    of: int

    @property
    def value(self) -> float | None:
        """0..1; None where there are none."""
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the true share lies with 95 %: Wilson's score interval, which holds for small numbers, too.

        E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

        >>> tuple(round(each, 2) for each in Share(9, 10).interval)
        (0.6, 0.98)
        """
        if not self.of:
            return None
        n, p = self.of, self.hits / self.of
        middle = p + _Z**2 / (2 * n)
        half = _Z * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        scale = 1 + _Z**2 / n
        return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


@dataclass(frozen=True, slots=True)
class Rate:
    """So many events in so much watched time."""

    events: int
    hours: float

    @property
    def between_h(self) -> float | None:
        """Hours between two events, on average; None where there were none."""
        return self.hours / self.events if self.events else None

    @property
    def per_year(self) -> float | None:
        """Events per machine and year; None where nothing was watched."""
        return self.events / self.hours * YEAR_H if self.hours else None

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which numbers of events the true mean lies with 95 %: Byar's approximation for counts.

        N. E. Breslow and N. E. Day, "Statistical methods in cancer research", vol. II, 1987, p. 69.

        >>> tuple(round(each, 1) for each in Rate(4, 1000.0).bounds)
        (1.1, 10.2)
        """
        n = self.events
        low = n * (1 - 1 / (9 * n) - _Z / (3 * math.sqrt(n))) ** 3 if n else 0.0
        more = n + 1
        return max(low, 0.0), more * (1 - 1 / (9 * more) + _Z / (3 * math.sqrt(more))) ** 3


@dataclass(frozen=True, slots=True)
class Spread:
    """Lengths of time, in h, in order."""

    hours: tuple[float, ...] = ()
    missing: int = 0
    """Of which it is not known, or not over."""

    @property
    def quartiles(self) -> tuple[float, float, float] | None:
        """A quarter, half and three quarters are shorter; None below two.

        >>> Spread((1.0, 2.0, 3.0)).quartiles
        (1.5, 2.0, 2.5)
        """
        if len(self.hours) < 2:
            return None
        low, middle, high = quantiles(self.hours, n=4, method="inclusive")
        return low, middle, high

    @property
    def mean(self) -> float | None:
        """None where there are none."""
        return mean(self.hours) if self.hours else None


@dataclass(frozen=True, slots=True)
class Avoided:
    """What warnings have saved, as far as it can be shown."""

    confirmed: int
    """Components that were replaced before they failed, by a finding that the alarm was right."""
    failure_h: float | None
    """How long a failure keeps a machine, on average."""
    planned_h: float | None
    """How long a planned repair does."""

    @property
    def hours(self) -> float | None:
        """None where one of the three is not known."""
        if not self.confirmed or self.failure_h is None or self.planned_h is None:
            return None
        return self.confirmed * (self.failure_h - self.planned_h)


@dataclass(frozen=True, slots=True)
class Kpis:
    """The figures of some machines over a period."""

    precision: Share
    not_checked: int
    """Closed, and nobody had looked."""
    recall: Share
    unwatched: int
    """Failures of machines that were not watched yet, or not any more."""
    forewarning: Spread
    acknowledging: Spread
    repair: Spread
    failures: Rate
    nuisance: Rate
    avoided: Avoided


def count(facts: Facts, period: Period) -> Kpis:
    """All figures."""
    watches = _Watches(facts.watches)
    failures = [each for each in facts.failures if period.holds(each.at)]
    watched = [each for each in failures if watches.cover(each)]
    by_device: dict[str, list[CaseFacts]] = {}
    for case in facts.cases:
        by_device.setdefault(case.device_id, []).append(case)
    warnings = [_warning_h(each, by_device.get(each.device_id, ())) for each in watched]
    closed = [each for each in facts.cases if period.holds(each.closed_at)]
    repair = time_to_repair(watched)
    return Kpis(
        precision=alert_precision(closed),
        not_checked=sum(each.verdict is Verdict.NOT_CHECKED for each in closed),
        recall=recall_on_failures(warnings),
        unwatched=len(failures) - len(watched),
        forewarning=forewarning(warnings),
        acknowledging=time_to_acknowledge([each for each in facts.cases if period.holds(each.raised_at)]),
        repair=repair,
        failures=time_between_failures(watched, watches.hours(period)),
        nuisance=nuisance(closed, watches.hours(period)),
        avoided=avoided_downtime(closed, repair, facts.planned_h),
    )


def alert_precision(closed: Iterable[CaseFacts]) -> Share:
    """Cases that were right, of those that somebody checked.

    right / (right + false alarms), over cases closed in the period with a verdict other than "not checked".
    It is the "precision" of information retrieval (C. J. van Rijsbergen, 1979), counted in cases, not alerts.
    """
    checked = [each for each in closed if each.verdict not in (None, Verdict.NOT_CHECKED)]
    return Share(sum(each.verdict is not Verdict.FALSE_ALARM for each in checked), len(checked))


def recall_on_failures(warnings: Sequence[float | None]) -> Share:
    """Failures that a case had warned of.

    warned / all failures in the maintenance log (ISO 14224:2016, 3.23: failure) of machines that were watched
    then. Warned: a case about the machine was opened at most `WARNS` before, after the component had been
    installed, and nobody had called it a false alarm by then.
    """
    return Share(sum(each is not None for each in warnings), len(warnings))


def forewarning(warnings: Sequence[float | None]) -> Spread:
    """How long before the failure the first such case was opened, in h; `missing` are failures without."""
    known = sorted(each for each in warnings if each is not None)
    return Spread(tuple(known), len(warnings) - len(known))


def time_to_acknowledge(raised: Iterable[CaseFacts]) -> Spread:
    """From the opening of a case to the first thing that a person did to it, in h; `missing` still wait.

    IEC 62682:2022 (ISA-18.2) asks for the time that alarms stay unacknowledged.
    """
    cases = list(raised)
    waits = [(each.seen_at - each.raised_at) for each in cases if each.seen_at is not None]
    return Spread(tuple(sorted(_hours(each) for each in waits)), len(cases) - len(waits))


def time_to_repair(failures: Iterable[Failure]) -> Spread:
    """MTTR: total time to restoration / number of failures, in h.

    EN 15341:2007, T21; SMRP 3.5.2; ISO 14224:2016, annex C. From a failure to the next replacement or
    maintenance of that component in the log, within `REPAIRED_WITHIN`; `missing` have none there.
    """
    found = list(failures)
    known = [_hours(each.repaired_at - each.at) for each in found if each.repaired_at is not None]
    return Spread(tuple(sorted(known)), len(found) - len(known))


def time_between_failures(failures: Sequence[Failure], watched_h: float) -> Rate:
    """MTBF: total operating time / number of failures.

    EN 15341:2007, T17; SMRP 3.5.1. Operating time is the time in which machines were watched, standstill
    included; the time of machines that did not fail counts in full, so that none is left out for not having
    failed yet (right censoring).
    """
    return Rate(len(failures), watched_h)


def nuisance(closed: Iterable[CaseFacts], watched_h: float) -> Rate:
    """False alarms per machine and year: cases closed as such / watched time.

    After the nuisance alarms of IEC 62682:2022 (ISA-18.2), as people have judged them.
    """
    return Rate(sum(each.verdict is Verdict.FALSE_ALARM for each in closed), watched_h)


def avoided_downtime(closed: Iterable[CaseFacts], repair: Spread, planned_h: Sequence[float]) -> Avoided:
    """Confirmed findings × (time to repair after a failure - time of a planned repair), in h.

    Confirmed: the case was right, and the component was replaced before it failed. That it would have failed
    is what the technician found, not what anybody saw.
    """
    confirmed = sum(
        each.verdict in (Verdict.TRUE, Verdict.EARLY) and each.end is ComponentEnd.REPLACED for each in closed
    )
    return Avoided(confirmed, repair.mean, mean(planned_h) if planned_h else None)


@dataclass(slots=True)
class _Watches:
    """When which machine was watched."""

    watches: Sequence[Watch]
    _by_device: dict[str, Watch] = field(init=False)

    def __post_init__(self) -> None:
        self._by_device = {each.device_id: each for each in self.watches}

    def cover(self, failure: Failure) -> bool:
        """Whether it was watched up to a failure; a device that fell silent a day before has not seen it."""
        watch = self._by_device.get(failure.device_id)
        return watch is not None and watch.since <= failure.at <= watch.until + timedelta(days=1)

    def hours(self, period: Period) -> float:
        spans = [
            min(each.until, period.end) - max(each.since, period.start) for each in self._by_device.values()
        ]
        return sum(_hours(span) for span in spans if span > timedelta(0))


def _warning_h(failure: Failure, cases: Iterable[CaseFacts]) -> float | None:
    """How long before a failure the first of its machine's cases warned of it, in h; None: none did."""
    earliest = failure.at - WARNS
    if failure.installed_at is not None:
        earliest = max(earliest, failure.installed_at)
    opened = [
        each.opened_at
        for each in cases
        if each.is_about_machine
        and earliest <= each.opened_at < failure.at
        and not _was_denied(each, failure.at)
    ]
    return _hours(failure.at - min(opened)) if opened else None


def _was_denied(case: CaseFacts, at: datetime) -> bool:
    return case.verdict is Verdict.FALSE_ALARM and case.closed_at is not None and case.closed_at < at


def _hours(span: timedelta) -> float:
    return span.total_seconds() / HOUR_S
