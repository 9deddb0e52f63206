"""One case for each machine and each thing that seems to be wrong with it, from the first alert to a finding.

Rule: pure. Alerts come and go by themselves and never close a case; people do, with a verdict. Whatever
happens to a case is an entry with who, when and why. A machine has at most one open case of a symptom, so
that a hundred alerts are one thing to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from cloud.alerts import AlertKind
from cloud.errors import CaseError
from cloud.findings import Finding

UNKNOWN = "unknown"
"""The symptom of a machine that is unlike itself, nobody can say how."""
DRIFT = "drift"
SENSOR = "sensor:"
"""Before the name of a sensor that cannot be believed."""
SYSTEM = "system"
"""Who did what no person did."""
MAX_TEXT = 2000
"""Characters of a comment or a reason."""
STANDS_ON = timedelta(days=7)
"""An alarm that goes on so long after its case was closed: something was missed, or is wrong besides."""


class CaseState(StrEnum):
    """Where a case stands."""

    NEW = "new"
    """Nobody has said that they have seen it."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody has, and nobody is on it."""
    ASSIGNED = "assigned"
    """Somebody is on it."""
    CLOSED = "closed"


class What(StrEnum):
    """What happened to a case."""

    OPENED = "opened"
    ALERT_JOINED = "alert_joined"
    SYMPTOM_CHANGED = "symptom_changed"
    MERGED = "merged"
    """Another case turned out to be the same thing; it is closed in favour of this one."""
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    RELEASED = "released"
    SNOOZED = "snoozed"
    WOKEN = "woken"
    COMMENTED = "commented"
    CLOSED = "closed"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True)
class Entry:
    """One step, for the audit trail."""

    what: What
    who: str
    when: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """What a case needs to know of an alert."""

    id: int
    kind: AlertKind
    opened_at: datetime
    last_seen_at: datetime
    is_active: bool
    score: float
    hint: str = ""
    """What it looks like most; empty: nobody can say."""
    sensor: str = ""
    """Of a sensor fault."""

    @property
    def symptom(self) -> str:
        """What it is a case of."""
        if self.kind is AlertKind.SENSOR_FAULT:
            return f"{SENSOR}{self.sensor}"
        if self.kind is AlertKind.DRIFT:
            return DRIFT
        return self.hint or UNKNOWN


@dataclass(frozen=True, slots=True)
class Case:
    """As it stands; times are the cloud's but where they come from alerts, aware UTC."""

    device_id: str
    symptom: str
    opened_at: datetime
    alerts: frozenset[int] = frozenset()
    state: CaseState = CaseState.NEW
    assignee: str = ""
    snoozed_until: datetime | None = None
    closed_at: datetime | None = None
    finding: Finding | None = None
    id: int = 0
    """0: it is not stored yet."""
    merged_into: int = 0
    """The case that goes on for this one; 0: none does."""

    @property
    def is_open(self) -> bool:
        """Whether there is still something to do."""
        return self.state is not CaseState.CLOSED

    def is_asleep(self, now: datetime) -> bool:
        """Whether nobody wants to be reminded yet."""
        return self.snoozed_until is not None and now < self.snoozed_until


@dataclass(frozen=True, slots=True)
class Change:
    """A case after something happened to it, and what there is to tell of that."""

    case: Case
    entries: tuple[Entry, ...] = ()


# -- what people do --------------------


def acknowledge(case: Case, who: str, now: datetime) -> Change:
    """Say that it was seen; again changes nothing.

    Raises:
        CaseError: it is closed.
    """
    _require_open(case)
    if case.state is not CaseState.NEW:
        return Change(case)
    return _done(replace(case, state=CaseState.ACKNOWLEDGED), What.ACKNOWLEDGED, who, now)


def assign(case: Case, who: str, to: str, now: datetime, why: str = "") -> Change:
    """Put somebody on it; to oneself is to claim it.

    Raises:
        CaseError: it is closed, or nobody was named.
    """
    _require_open(case)
    _require(bool(to.strip()), "say who shall do it")
    if case.assignee == to:
        return Change(case)
    assigned = replace(case, state=CaseState.ASSIGNED, assignee=to, snoozed_until=None)
    return _done(assigned, What.ASSIGNED, who, now, f"to {to}{': ' if why else ''}{_text(why)}")


def release(case: Case, who: str, now: datetime, why: str = "") -> Change:
    """Nobody is on it any more.

    Raises:
        CaseError: nobody was.
    """
    _require_open(case)
    _require(bool(case.assignee), "nobody is on it")
    return _done(
        replace(case, state=CaseState.ACKNOWLEDGED, assignee=""), What.RELEASED, who, now, _text(why)
    )


def snooze(case: Case, who: str, until: datetime, why: str, now: datetime) -> Change:
    """Let it rest; whoever does it says until when and why, and has seen it.

    Raises:
        CaseError: it is closed, that time is over, or no reason was given.
    """
    _require_open(case)
    _require(until > now, "that time is over; say until when it may rest")
    _require(bool(why.strip()), "say why it may rest")
    seen = CaseState.ACKNOWLEDGED if case.state is CaseState.NEW else case.state
    reason = f"until {until.isoformat(timespec='minutes')}: {_text(why)}"
    return _done(replace(case, state=seen, snoozed_until=until), What.SNOOZED, who, now, reason)


def comment(case: Case, who: str, text: str, now: datetime) -> Change:
    """Write something down, also when it is closed.

    Raises:
        CaseError: nothing was written, or too much.
    """
    _require(bool(text.strip()), "a comment says something")
    return _done(case, What.COMMENTED, who, now, _text(text))


def close(case: Case, who: str, finding: Finding, now: datetime) -> Change:
    """End it with what was found.

    Raises:
        CaseError: it is closed already, or it was found in the future.
    """
    _require_open(case)
    _require(finding.found_at <= now, "what was found lies in the future; look at the clock")
    closed = replace(case, state=CaseState.CLOSED, closed_at=now, finding=finding, snoozed_until=None)
    return _done(closed, What.CLOSED, who, now, str(finding.verdict))


def reopen(case: Case, who: str, why: str, now: datetime) -> Change:
    """It is not over; what was found before is taken back.

    Raises:
        CaseError: it is open, it goes on in another case, or no reason was given.
    """
    _require(not case.is_open, "it is open")
    _require(not case.merged_into, f"it goes on as case {case.merged_into}; reopen that one")
    _require(bool(why.strip()), "say why it is not over")
    state = CaseState.ASSIGNED if case.assignee else CaseState.ACKNOWLEDGED
    reopened = replace(case, state=state, closed_at=None, finding=None)
    return _done(reopened, What.REOPENED, who, now, _text(why))


# -- what alerts do --------------------


def take_alerts(
    device_id: str, cases: Sequence[Case], alerts: Iterable[AlertFacts], now: datetime
) -> list[Change]:
    """Put each alert of a machine into its case; the same alerts again change nothing.

    Args:
        device_id: The machine.
        cases: Its open cases, and those that hold one of these alerts.
        alerts: Its alerts as they are now; any that are left out are not touched.
        now: Cloud time.

    Returns:
        The cases that changed or are new, each once, in no order.
    """
    work = _Work(device_id, cases, now)
    for alert in sorted(alerts, key=lambda each: (each.opened_at, each.id)):
        work.take(alert)
    return work.changes()


@dataclass(slots=True)
class _Draft:
    """A case under way."""

    case: Case
    before: Case | None
    """None: it is new."""
    entries: list[Entry] = field(default_factory=list)


class _Work:
    """The cases of one machine while alerts are put into them."""

    def __init__(self, device_id: str, cases: Sequence[Case], now: datetime) -> None:
        self._device_id, self._now = device_id, now
        self._drafts = [_Draft(case, case) for case in sorted(cases, key=lambda each: each.opened_at)]

    def take(self, alert: AlertFacts) -> None:
        holder = self._holder(alert)
        if holder is None:
            self._join(self._open_case(alert.symptom) or self._new(alert), alert)
        elif holder.case.is_open:
            self._refine(holder, alert)

    def changes(self) -> list[Change]:
        return [
            Change(draft.case, tuple(draft.entries)) for draft in self._drafts if draft.case != draft.before
        ]

    def _holder(self, alert: AlertFacts) -> _Draft | None:
        """The case that has it; a closed one has nothing to do with what was seen since."""
        holders = [draft for draft in self._drafts if alert.id in draft.case.alerts]
        for draft in holders:
            if draft.case.is_open:
                return draft
        for draft in holders:
            closed_at = draft.case.closed_at
            if closed_at is not None and alert.opened_at <= closed_at and not self._is_back(alert, closed_at):
                return draft
        return None

    def _is_back(self, alert: AlertFacts, closed_at: datetime) -> bool:
        """Whether a case that was closed then is no answer to it; what drifts takes its time to come back."""
        stands_on = alert.kind is not AlertKind.DRIFT and self._now - closed_at >= STANDS_ON
        return alert.is_active and (alert.last_seen_at > closed_at or stands_on)

    def _open_case(self, symptom: str) -> _Draft | None:
        """The open case of a symptom; what nobody can name belongs to what the machine has already."""
        for draft in self._drafts:
            if draft.case.is_open and draft.case.symptom == symptom:
                return draft
        if symptom != UNKNOWN:
            return next((d for d in self._drafts if d.case.is_open and d.case.symptom == UNKNOWN), None)
        about_machine = [d for d in self._drafts if d.case.is_open and _is_about_machine(d.case.symptom)]
        return about_machine[-1] if about_machine else None

    def _new(self, alert: AlertFacts) -> _Draft:
        draft = _Draft(Case(self._device_id, alert.symptom, alert.opened_at), None)
        draft.entries.append(Entry(What.OPENED, SYSTEM, self._now))
        self._drafts.append(draft)
        return draft

    def _join(self, draft: _Draft, alert: AlertFacts) -> None:
        if draft.before is not None:
            draft.entries.append(Entry(What.ALERT_JOINED, SYSTEM, self._now, f"alert {alert.id}"))
        case = draft.case
        wakes = case.is_asleep(self._now) and alert.is_active
        if wakes:
            draft.entries.append(Entry(What.WOKEN, SYSTEM, self._now, "another alert"))
        until = None if wakes else case.snoozed_until
        draft.case = replace(case, alerts=case.alerts | {alert.id}, snoozed_until=until)
        self._refine(draft, alert)

    def _refine(self, draft: _Draft, alert: AlertFacts) -> None:
        """An alert may show later what it is about."""
        if draft.case.symptom != UNKNOWN or alert.symptom == UNKNOWN:
            return
        other = next(
            (
                d
                for d in self._drafts
                if d is not draft and d.case.is_open and d.case.symptom == alert.symptom
            ),
            None,
        )
        if other is None:
            draft.case = replace(draft.case, symptom=alert.symptom)
            draft.entries.append(Entry(What.SYMPTOM_CHANGED, SYSTEM, self._now, alert.symptom))
            return
        kept, gone = sorted((other, draft), key=_age)
        self._merge(gone, kept, alert.symptom)

    def _merge(self, gone: _Draft, kept: _Draft, symptom: str) -> None:
        alerts = kept.case.alerts | gone.case.alerts
        kept.case = replace(kept.case, alerts=alerts, symptom=symptom)
        if gone.before is None:  # nobody has seen it
            self._drafts.remove(gone)
            return
        kept.entries.append(Entry(What.MERGED, SYSTEM, self._now, f"with case {gone.case.id}"))
        ended = replace(gone.case, state=CaseState.CLOSED, closed_at=self._now, alerts=frozenset())
        gone.case = replace(ended, merged_into=kept.case.id)
        gone.entries.append(Entry(What.MERGED, SYSTEM, self._now, f"into case {kept.case.id}"))


def _age(draft: _Draft) -> tuple[bool, datetime, int]:
    """The one that people have seen longest comes first."""
    return draft.before is None, draft.case.opened_at, draft.case.id


def _is_about_machine(symptom: str) -> bool:
    return symptom != DRIFT and not symptom.startswith(SENSOR)


def _done(case: Case, what: What, who: str, now: datetime, why: str = "") -> Change:
    _require(bool(who.strip()), "say who you are")
    return Change(case, (Entry(what, who.strip(), now, why),))


def _text(text: str) -> str:
    _require(len(text) <= MAX_TEXT, f"at most {MAX_TEXT} characters")
    return text.strip()


def _require_open(case: Case) -> None:
    _require(case.is_open, "the case is closed; reopen it first")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise CaseError(message)
