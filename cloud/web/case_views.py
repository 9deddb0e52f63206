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
from cloud.store.cases import StoredCase, StoredEntry
from cloud.store.rows import AlertRow
from cloud.triage import Assessment, Criticality, Outlook, Severity, Urgency, assess
from contract.labels import ComponentEnd, Verdict

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


@dataclass(frozen=True, slots=True)
class EntryView:
    """A line of the trail."""

    when: datetime
    what: str
    who: str
    why: str


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


def case_line(stored: StoredCase, assessment: Assessment, now: datetime) -> CaseLine:
    """A case in the inbox."""
    case = stored.case
    return CaseLine(
        id=case.id,
        version=stored.version,
        device_id=case.device_id,
        title=symptom_words(case.symptom),
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
    )


def case_view(
    stored: StoredCase, assessment: Assessment, entries: Sequence[StoredEntry], now: datetime
) -> CaseView:
    """A case on its own page."""
    case = stored.case
    return CaseView(
        line=case_line(stored, assessment, now),
        because=assessment.because,
        trail=tuple(_entry(each) for each in reversed(entries)),
        finding=() if case.finding is None else _finding(case.finding),
        merged_into=case.merged_into,
        can_claim=case.is_open,
    )


def assess_case(case: Case, alerts: Sequence[AlertRow], p10: timedelta | None) -> Assessment:
    """How bad and how soon, by what is known now.

    Args:
        case: Which.
        alerts: Its own.
        p10: Life left of the machine that is exceeded with a chance of 90 %; None: no forecast.
    """
    own = [alert for alert in alerts if alert.id in case.alerts]
    outlook = Outlook(
        p10=p10,
        score=max((alert.score for alert in own), default=0.0),
        is_active=any(alert.cleared_at is None for alert in own),
    )
    return assess(case.symptom, Criticality.MEDIUM, outlook)


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


def choices(words: Mapping[_Word, str]) -> tuple[Choice, ...]:
    """A list to pick from."""
    return tuple(Choice(str(key), label) for key, label in words.items())


def codes(kind: type[StrEnum]) -> tuple[Choice, ...]:
    """A list of ISO 14224's codes to pick from.

    >>> codes(Activity)[0]
    Choice(key='1', label='Replace')
    """
    return tuple(Choice(str(each), each.name.replace("_", " ").capitalize()) for each in kind)


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
            said.append((name, f"{code.name.replace('_', ' ').capitalize()} ({code})"))
    if finding.component:
        said.append((finding.component.replace("_", " ").capitalize(), ENDS[finding.end]))
    if finding.note:
        said.append(("Note", finding.note))
    return tuple(said)
