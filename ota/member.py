"""One device within a rollout: what it was told, what it has said, and how long that may take.

Rule: pure. A device counts as updated only by its own report that the new version is in charge and has passed
its probation, and no longer than its newest report says so. Every state in which something is awaited has a
timeout; the clock is the cloud's, and it stands still while the device is not heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from contract.updates import UpdateState
from ota.maintenance import MaintenanceWindow
from ota.rollout_plan import Plan


class MemberState(StrEnum):
    """Where a device stands in a rollout."""

    PENDING = "pending"
    """Its turn has not come, or it cannot be told now."""
    ASSIGNED = "assigned"
    WAITING = "waiting"
    DOWNLOADING = "downloading"
    VERIFIED = "verified"
    STAGED = "staged"
    SELF_TEST = "self_test"
    SHADOW = "shadow"
    PROBATION = "probation"
    CONFIRMED = "confirmed"
    """Health-confirmed: it runs the new version and has passed its probation."""
    REFUSED = "refused"
    ROLLED_BACK = "rolled_back"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    RETURNING = "returning"
    """It was told to go back."""
    RETURNED = "returned"
    STRANDED = "stranded"
    """It was told to go back, and has not."""
    SUPERSEDED = "superseded"
    """A later rollout has it now."""


UNDER_WAY = frozenset(
    {
        MemberState.ASSIGNED,
        MemberState.WAITING,
        MemberState.DOWNLOADING,
        MemberState.VERIFIED,
        MemberState.STAGED,
        MemberState.SELF_TEST,
        MemberState.SHADOW,
        MemberState.PROBATION,
    }
)
FAILED = frozenset({MemberState.REFUSED, MemberState.ROLLED_BACK, MemberState.TIMED_OUT})
LEAVING = frozenset({MemberState.RETURNING, MemberState.STRANDED})
TIMED = UNDER_WAY | {MemberState.RETURNING}
"""States that end by a timeout if by nothing else; a pending device is left for later instead."""
_OUTCOMES = frozenset({MemberState.CONFIRMED, MemberState.REFUSED, MemberState.ROLLED_BACK})
_CLOSED = frozenset({MemberState.SUPERSEDED, MemberState.RETURNED})


@dataclass(frozen=True, slots=True)
class Report:
    """The newest of a device, as the cloud keeps it."""

    assignment: int
    rollout: str
    state: UpdateState
    in_charge: str
    reason_code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """The newest assignment of a device, whoever made it."""

    number: int
    rank: int
    """Of the rollout that made it; 0: none did."""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What the cloud knows of a device at one moment; times by the cloud's clock, aware UTC."""

    device: str
    family: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    heard_at: datetime | None = None
    alarming_since: datetime | None = None
    """When the machine's open alarm was heard of; None: it does not alarm."""
    report: Report | None = None
    held: Held | None = None
    windows: tuple[MaintenanceWindow, ...] = ()
    """Its own maintenance windows."""
    alarms: tuple[datetime, ...] = ()
    """When alarms of the machine were heard of, since the rollout's watch began."""
    drifts: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A device's place in a rollout."""

    group: int
    since: datetime
    """When this state began; moved on by the time that the device was not heard."""
    state: MemberState = MemberState.PENDING
    number: int = 0
    """Of its newest assignment in this rollout; 0: none yet."""
    attempts: int = 0
    wanted_since: datetime | None = None
    """Since when it could have been told, had its machine and its hours allowed; moved on likewise."""
    away_since: datetime | None = None
    """Since when it is not heard; None: it is reachable."""
    assigned_at: datetime | None = None
    """The first time; from then on it is no machine to compare with."""
    confirmed_at: datetime | None = None
    expires: datetime | None = None
    """When its assignment does."""
    reason_code: str = ""
    reason: str = ""
    is_excused: bool = False
    """It failed, and somebody has resumed the rollout knowing that."""

    @property
    def is_reachable(self) -> bool:
        """Whether it was heard lately."""
        return self.away_since is None

    @property
    def has_failed(self) -> bool:
        """Whether it counts as a failure."""
        return self.state in FAILED and not self.is_excused

    def turn(self, state: MemberState, now: datetime, code: str = "", reason: str = "") -> Member:
        """The same device in another state."""
        return replace(self, state=state, since=now, reason_code=code, reason=reason)


def note_presence(member: Member, facts: DeviceFacts | None, plan: Plan, now: datetime) -> Member:
    """Take into account whether the device is heard; while it is not, no time passes for it."""
    heard_at = facts.heard_at if facts else None
    is_heard = heard_at is not None and now - heard_at <= timedelta(seconds=plan.reachable_s)
    if is_heard and member.away_since is not None:
        away = now - member.away_since
        wanted = member.wanted_since and member.wanted_since + away
        return replace(member, away_since=None, since=member.since + away, wanted_since=wanted)
    if not is_heard and member.away_since is None:
        return replace(member, away_since=now)
    return member


def note_report(member: Member, rollout: str, report: Report | None, plan: Plan, now: datetime) -> Member:
    """Take the device's newest report into account."""
    if report is None or member.state in _CLOSED:
        return member
    if member.state in LEAVING:
        return _note_return(member, report, plan, now)
    runs_it = report.in_charge == plan.release.version
    if member.state is MemberState.CONFIRMED:
        return member if runs_it else _fall_back(member, report, now)
    if runs_it and report.state is UpdateState.CONFIRMED:
        return replace(member.turn(MemberState.CONFIRMED, now), confirmed_at=now, is_excused=False)
    is_ours = report.rollout == rollout and report.assignment == member.number > 0
    return _note_progress(member, report, now) if is_ours else member


def note_time(member: Member, plan: Plan, now: datetime) -> Member:
    """End what has lasted too long."""
    if member.state is MemberState.ASSIGNED and member.expires is not None and now >= member.expires:
        return _note_expiry(member, plan, now)
    if member.state not in TIMED or not member.is_reachable:
        return member
    limit = plan.timeouts.of(member.state)
    if now - member.since <= limit:
        return member
    hours = limit.total_seconds() / 3600
    sentence = f"{member.state.replace('_', ' ')} for more than {hours:.4g} h"
    is_leaving = member.state is MemberState.RETURNING
    outcome = MemberState.STRANDED if is_leaving else MemberState.TIMED_OUT
    return member.turn(outcome, now, f"timeout_{member.state}", sentence)


def is_deferred(member: Member, plan: Plan, now: datetime) -> bool:
    """Whether a pending device was wanted for so long that its group does not wait for it any more."""
    is_waiting = member.state is MemberState.PENDING and member.wanted_since is not None
    return is_waiting and now - (member.wanted_since or now) > plan.timeouts.of("pending")


def _note_progress(member: Member, report: Report, now: datetime) -> Member:
    """Take a report on the member's own assignment into account."""
    state = MemberState(report.state.name.lower())
    is_open = member.state in UNDER_WAY or member.state is MemberState.PENDING
    if state in (member.state, MemberState.CONFIRMED):  # nothing new; or confirmed, but not this version
        return member
    if not is_open and state not in _OUTCOMES:  # it has failed or was called off: only an outcome is news
        return member
    return replace(member.turn(state, now, report.reason_code, report.reason), wanted_since=None)


def _note_expiry(member: Member, plan: Plan, now: datetime) -> Member:
    """Let a device be told again when its hours come again, unless that was done for too long."""
    told_since = member.wanted_since or member.since
    if member.is_reachable and now - told_since > plan.timeouts.of("pending"):
        sentence = f"told {member.attempts} times, and it never began in its hours"
        return member.turn(MemberState.TIMED_OUT, now, "timeout_assigned", sentence)
    return member.turn(MemberState.PENDING, now, "expired", "its assignment ended before it began")


def _fall_back(member: Member, report: Report, now: datetime) -> Member:
    sentence = report.reason or f"it runs {report.in_charge or 'another version'} again"
    return replace(member.turn(MemberState.ROLLED_BACK, now, report.reason_code, sentence), confirmed_at=None)


def _note_return(member: Member, report: Report, plan: Plan, now: datetime) -> Member:
    is_back = plan.back_to is not None and report.in_charge == plan.back_to.version
    if is_back and report.state is UpdateState.CONFIRMED:
        return member.turn(MemberState.RETURNED, now)
    has_failed = report.state in (UpdateState.REFUSED, UpdateState.ROLLED_BACK)
    if has_failed and report.assignment == member.number and member.state is MemberState.RETURNING:
        return member.turn(MemberState.STRANDED, now, report.reason_code, report.reason)
    return member
