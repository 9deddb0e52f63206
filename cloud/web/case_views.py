"""What the case pages show, worked out beforehand.

Rule: pure; cases in, words out. What is most urgent stands first, every colour has its word beside it, and a
list to pick from is no longer than a phone's screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from cloud.cases import DRIFT, SENSOR, UNKNOWN, Case, CaseState, What
from cloud.findings import Activity, FailureCause, FailureMode, Finding
from cloud.hint_words import cause_of
from cloud.outcomes import MadeForecast
from cloud.store.cases import StoredCase, StoredEntry
from cloud.triage import Assessment, Severity, Urgency
from cloud.words import span_words
from contract.labels import ComponentEnd, Verdict
from contract.snapshot import SECONDS

_Word = TypeVar("_Word", bound=StrEnum)
STATES: Mapping[CaseState, str] = MappingProxyType(
    {
        CaseState.NEW: "New",
        CaseState.ACKNOWLEDGED: "Seen",
        CaseState.ASSIGNED: "In work",
        CaseState.CLOSED: "Closed",
    }
)
URGENCIES: Mapping[Urgency, str] = MappingProxyType(
    {
        Urgency.NOW: "Act today",
        Urgency.SOON: "Act this week",
        Urgency.PLAN: "Next planned stop",
        Urgency.WATCH: "Watch",
    }
)
SEVERITIES: Mapping[Severity, str] = MappingProxyType(
    {
        Severity.CRITICAL: "critical",
        Severity.DEGRADED: "degraded",
        Severity.INCIPIENT: "incipient",
    }
)
VERDICTS: Mapping[Verdict, str] = MappingProxyType(
    {
        Verdict.TRUE: "The alarm was right",
        Verdict.EARLY: "Right, but it can wait",
        Verdict.FALSE_ALARM: "False alarm",
        Verdict.NOT_CHECKED: "Not checked",
    }
)
ENDS: Mapping[ComponentEnd, str] = MappingProxyType(
    {
        ComponentEnd.RUNS_ON: "It runs on",
        ComponentEnd.REPLACED: "Replaced before it failed",
        ComponentEnd.FAILED: "It had failed",
    }
)
_WHATS: Mapping[What, str] = MappingProxyType(
    {
        What.OPENED: "opened",
        What.ALERT_JOINED: "another alert",
        What.SYMPTOM_CHANGED: "looks like",
        What.MERGED: "merged",
        What.ACKNOWLEDGED: "seen",
        What.ASSIGNED: "assigned",
        What.RELEASED: "given back",
        What.SNOOZED: "rests",
        What.WOKEN: "woken",
        What.COMMENTED: "comment",
        What.CLOSED: "closed",
        What.REOPENED: "reopened",
    }
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a list to pick from."""

    key: str
    label: str


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One case in the inbox."""

    id: int
    version: int
    device_id: str
    title: str
    state: str
    level: str
    """`now`, `soon`, or empty where it can wait."""
    urgency: str
    severity: str
    because: str
    assignee: str
    rests_until: datetime | None
    opened_at: datetime
    alerts: int
    is_open: bool
    found: str
    """What it turned out to be; empty: nobody has said."""


@dataclass(frozen=True, slots=True)
class EntryView:
    """A line of the trail."""

    when: datetime
    what: str
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class LifeView:
    """How long a component will last."""

    component: str
    soonest: str
    """Nine of ten such components last longer."""
    median: str
    latest: str
    """One of ten lasts longer."""
    made_at: datetime
    model: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """One case on its own page."""

    line: CaseLine
    because: tuple[str, ...]
    trail: tuple[EntryView, ...]
    """The newest first."""
    finding: tuple[tuple[str, str], ...]
    """Names and words; empty: there is none."""
    merged_into: int
    can_claim: bool


def case_line(stored: StoredCase, assessment: Assessment, title: str, now: datetime) -> CaseLine:
    """A case in the inbox.

    Args:
        stored: Which.
        assessment: How bad and how soon.
        title: What to call it; empty: what its symptom says.
        now: Cloud time.
    """
    case = stored.case
    return CaseLine(
        id=case.id,
        version=stored.version,
        device_id=case.device_id,
        title=title or symptom_words(case.symptom),
        state=STATES[case.state],
        level=_level(case, assessment),
        urgency=URGENCIES[assessment.urgency],
        severity=SEVERITIES[assessment.severity],
        because=assessment.because[-1],
        assignee=case.assignee,
        rests_until=case.snoozed_until if case.is_asleep(now) else None,
        opened_at=case.opened_at,
        alerts=len(case.alerts),
        is_open=case.is_open,
        found=found_words(case.finding),
    )


def case_view(
    stored: StoredCase, assessment: Assessment, title: str, entries: Sequence[StoredEntry], now: datetime
) -> CaseView:
    """A case on its own page."""
    case = stored.case
    return CaseView(
        line=case_line(stored, assessment, title, now),
        because=assessment.because,
        trail=tuple(_entry(each) for each in reversed(entries)),
        finding=() if case.finding is None else _finding(case.finding),
        merged_into=case.merged_into,
        can_claim=case.is_open,
    )


def life_view(made: MadeForecast, now: datetime) -> LifeView:
    """How long a component will last, for people.

    Args:
        made: Its newest forecast.
        now: Cloud time.
    """
    unit = timedelta(seconds=SECONDS.get(made.time_unit, 0.0))
    forecast = made.forecast

    def left(quantile: float) -> str:
        if not unit:
            return f"{quantile:.0f} {made.time_unit}"
        if quantile >= forecast.horizon:
            return f"more than {span_words(made.made_at + forecast.horizon * unit - now)}"
        span = made.made_at + quantile * unit - now
        return span_words(span) if span > timedelta(0) else "over by now"

    return LifeView(
        component=made.component.replace("_", " "),
        soonest=left(forecast.p10),
        median=left(forecast.p50),
        latest=left(forecast.p90),
        made_at=made.made_at,
        model=made.model_version,
    )


def symptom_words(symptom: str) -> str:
    """What a case looks like, for people.

    >>> symptom_words("sensor:vib_h")
    'Sensor vib_h cannot be believed'
    >>> symptom_words("imbalance")
    'Looks like imbalance'
    """
    if symptom == UNKNOWN:
        return "Unlike itself"
    if symptom == DRIFT:
        return "Changes slowly"
    if symptom.startswith(SENSOR):
        return f"Sensor {symptom.removeprefix(SENSOR)} cannot be believed"
    return f"Looks like {cause_of(symptom)}"


def found_words(finding: Finding | None) -> str:
    """What a case turned out to be, in one line."""
    if finding is None:
        return ""
    said = [VERDICTS[finding.verdict]]
    if finding.mode is not None:
        said.append(_code_words(finding.mode).lower())
    if finding.component:
        said.append(f"{finding.component.replace('_', ' ')}: {ENDS[finding.end].lower()}")
    return ", ".join(said)


def record_words(verdicts: Mapping[Verdict, int]) -> str:
    """How often cases that looked the same were right.

    >>> record_words({Verdict.TRUE: 8, Verdict.EARLY: 1, Verdict.FALSE_ALARM: 3, Verdict.NOT_CHECKED: 2})
    'right in 9 of 12 that somebody checked'
    """
    right = verdicts.get(Verdict.TRUE, 0) + verdicts.get(Verdict.EARLY, 0)
    checked = right + verdicts.get(Verdict.FALSE_ALARM, 0)
    return f"right in {right} of {checked} that somebody checked" if checked else "nobody has checked one yet"


def choices(words: Mapping[_Word, str]) -> tuple[Choice, ...]:
    """A list to pick from."""
    return tuple(Choice(str(key), label) for key, label in words.items())


def codes(kind: type[StrEnum]) -> tuple[Choice, ...]:
    """A list of ISO 14224's codes to pick from.

    >>> codes(Activity)[0]
    Choice(key='1', label='Replace')
    """
    return tuple(Choice(str(each), _code_words(each)) for each in kind)


def _code_words(code: StrEnum) -> str:
    return code.name.replace("_", " ").capitalize()


def _level(case: Case, assessment: Assessment) -> str:
    if not case.is_open or assessment.urgency < Urgency.SOON:
        return ""
    return "now" if assessment.urgency is Urgency.NOW else "soon"


def _entry(stored: StoredEntry) -> EntryView:
    entry = stored.entry
    return EntryView(entry.when, _WHATS[entry.what], entry.who, entry.why)


def _finding(finding: Finding) -> tuple[tuple[str, str], ...]:
    said = [("Verdict", VERDICTS[finding.verdict])]
    coded: tuple[tuple[str, FailureMode | FailureCause | Activity | None], ...] = (
        ("Failure mode", finding.mode),
        ("Cause", finding.cause),
        ("Activity", finding.activity),
    )
    for name, code in coded:
        if code is not None:
            said.append((name, f"{_code_words(code)} ({code})"))
    if finding.component:
        said.append((finding.component.replace("_", " ").capitalize(), ENDS[finding.end]))
    if finding.note:
        said.append(("Note", finding.note))
    return tuple(said)
