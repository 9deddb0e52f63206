"""A rollout, and what people may do to it.

Rule: pure. What people ask for changes the rollout alone; what follows from that for devices is
`ota.rollout_step`'s business, which a scheduler takes again and again. Every change comes with the events
that tell of it, for an audit trail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ota.errors import RolloutError
from ota.member import FAILED, UNDER_WAY, Member, MemberState, is_deferred
from ota.rollout_plan import Group, Plan, is_person, is_same_person


class RolloutState(StrEnum):
    """Where a rollout stands."""

    AWAITING_APPROVAL = "awaiting_approval"
    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    """By a person."""
    HALTED = "halted"
    """By itself; the reason says why."""
    COMPLETED = "completed"
    """Every group went through; who comes late is still served."""
    ABORTED = "aborted"


class Awaited(StrEnum):
    """What kind of thing a rollout waits for (`ota.waiting`)."""

    NOTHING = "nothing"
    """It is over."""
    APPROVAL = "approval"
    START = "start"
    PAUSE = "pause"
    """Whoever paused it."""
    HALT = "halt"
    """Somebody who looks at why it halted."""
    UPDATES = "updates"
    """Devices that are at it."""
    HOURS = "hours"
    """Machines whose hours or whose alarm do not let them."""
    SILENCE = "silence"
    """Devices that are not heard."""
    FAILURES = "failures"
    """Nobody is at it, and too many have failed to go on, yet too few to halt."""
    NOBODY = "nobody"
    """No device matches, or none is left."""
    SOAK = "soak"
    """Time, during which success must last."""


LIVE = frozenset(
    {
        RolloutState.RUNNING,
        RolloutState.PAUSED,
        RolloutState.HALTED,
        RolloutState.COMPLETED,
        RolloutState.ABORTED,
    }
)
"""Whose devices are still listened to."""
SERVING = frozenset({RolloutState.RUNNING, RolloutState.COMPLETED})
"""That may assign the release to devices."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the audit trail tells."""

    what: str
    why: str = ""
    device: str = ""
    """Empty: the rollout as a whole."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A plan and how far it has come; times are the cloud's, aware UTC."""

    id: str
    plan: Plan
    created_at: datetime
    state: RolloutState = RolloutState.READY
    why: str = ""
    """It stands as it does, where that needs saying."""
    rank: int = 0
    """Rises with each start of any rollout: the later one has the device. 0: not started."""
    approved_by: str = ""
    started_at: datetime | None = None
    deadline: datetime | None = None
    group: int = -1
    """The newest one that was opened; never falls. -1: none."""
    good_since: datetime | None = None
    """Since when that group is as good as was asked."""
    watch_since: datetime | None = None
    """Since when alarms are compared."""
    is_through: bool = False
    """Every group went through; for ever."""
    is_returning: bool = False
    """It was aborted, and devices that run the release are sent back."""
    is_calling_off: bool = False
    """It was halted by what was seen of the release: who has not switched to it is told to leave it."""
    waits_for: Awaited = Awaited.START
    """As of its last step."""
    waits_since: datetime | None = None
    """Since when it waits for that; None: it took no step since it was started or resumed."""
    members: Mapping[str, Member] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Change:
    """A rollout after something was done, and what there is to tell of that."""

    rollout: Rollout
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """How a group stands; `counted` are the devices over which shares are taken."""

    members: int = 0
    counted: int = 0
    """Reachable or failed, and neither left for later nor out of it."""
    confirmed: int = 0
    """Reachable and health-confirmed."""
    failed: int = 0
    under_way: int = 0
    pending: int = 0
    away: int = 0
    deferred: int = 0
    """Wanted for long, but its hours or its alarm did not let it; served when they do."""

    def is_good(self, group: Group, is_first: bool) -> bool:
        """Whether the group has done what was asked; a later one of which nobody is heard holds nobody up."""
        if self.counted == 0:
            return not is_first
        return 0 < self.confirmed >= group.success_share * self.counted

    def is_bad(self, group: Group) -> bool:
        """Whether more have failed than was allowed."""
        return self.failed > group.error_share * self.counted


def create(rollout_id: str, plan: Plan, now: datetime) -> Change:
    """A rollout that has not begun."""
    state = RolloutState.AWAITING_APPROVAL if plan.needs_approval else RolloutState.READY
    rollout = Rollout(rollout_id, plan, now, state)
    return Change(rollout, (Event("created", f"{plan.release.family} {plan.release.version}"),))


def approve(rollout: Rollout, who: str) -> Change:
    """Let a rollout that asked for approval be started.

    Raises:
        RolloutError: by its author, or it does not wait for that.
    """
    _require_person(who)
    _require_state(rollout, "approved", RolloutState.AWAITING_APPROVAL)
    if is_same_person(who, rollout.plan.author):
        raise RolloutError("a rollout is approved by somebody else than its author")
    return Change(replace(rollout, state=RolloutState.READY, approved_by=who.strip()), (Event("approved"),))


def start(rollout: Rollout, rank: int, now: datetime) -> Change:
    """Begin.

    Args:
        rollout: One that is ready.
        rank: Above that of every rollout that was started before.
        now: Cloud time.

    Raises:
        RolloutError: it is not ready.
    """
    if rollout.state is RolloutState.AWAITING_APPROVAL:
        raise RolloutError("it waits for approval by somebody else than its author")
    _require_state(rollout, "started", RolloutState.READY)
    begun = replace(
        rollout,
        state=RolloutState.RUNNING,
        rank=rank,
        started_at=now,
        deadline=now + timedelta(seconds=rollout.plan.deadline_s),
        watch_since=now,
    )
    return Change(begun, (Event("started"),))


def pause(rollout: Rollout, why: str) -> Change:
    """Assign nothing more for now; what is under way on devices goes on.

    Raises:
        RolloutError: it does not run.
    """
    _require_state(rollout, "paused", RolloutState.RUNNING, RolloutState.COMPLETED)
    return Change(replace(rollout, state=RolloutState.PAUSED, why=why), (Event("paused", why),))


def resume(rollout: Rollout, why: str, now: datetime, deadline: datetime | None = None) -> Change:
    """Go on, knowing what has failed so far: that is excused, and alarms are watched anew.

    Raises:
        RolloutError: it neither rests nor was halted, or its deadline is over and no other was given.
    """
    _require_state(rollout, "resumed", RolloutState.PAUSED, RolloutState.HALTED)
    deadline = deadline or rollout.deadline
    if deadline is not None and deadline <= now and not rollout.is_through:
        raise RolloutError("its deadline is over; give a new one to resume it")
    is_halted = rollout.state is RolloutState.HALTED
    members = {device: _resumed(member, is_halted, now) for device, member in rollout.members.items()}
    running = replace(
        rollout,
        state=RolloutState.COMPLETED if rollout.is_through else RolloutState.RUNNING,
        why="",
        is_calling_off=False,
        waits_since=None,
        deadline=deadline,
        good_since=None,
        watch_since=now if is_halted else rollout.watch_since,
        members=members,
    )
    return Change(running, (Event("resumed", why),))


def abort(rollout: Rollout, why: str, now: datetime, is_returning: bool = False) -> Change:
    """Call it off for good.

    Args:
        rollout: Any that is not over.
        why: For people.
        now: Cloud time.
        is_returning: Send devices that run the release back to the plan's `back_to`.

    Raises:
        RolloutError: it is over already, or its plan names nothing to go back to.
    """
    if rollout.state is RolloutState.ABORTED and not (is_returning and not rollout.is_returning):
        raise RolloutError("it is aborted already")
    if is_returning and rollout.plan.back_to is None:
        raise RolloutError("its plan names no release to go back to; abort it without, and roll one out")
    members = {
        device: member.turn(MemberState.CANCELLED, now) if member.state is MemberState.PENDING else member
        for device, member in rollout.members.items()
    }
    aborted = replace(
        rollout, state=RolloutState.ABORTED, why=why, is_returning=is_returning, members=members
    )
    return Change(aborted, (Event("aborted, devices go back" if is_returning else "aborted", why),))


def retry_failed(rollout: Rollout, why: str, now: datetime) -> Change:
    """Give every device that failed, or was called off at the device, another attempt.

    Raises:
        RolloutError: it has not begun or is aborted, or nothing has failed.
    """
    _require_state(
        rollout,
        "retried",
        RolloutState.RUNNING,
        RolloutState.PAUSED,
        RolloutState.HALTED,
        RolloutState.COMPLETED,
    )
    again = FAILED | {MemberState.CANCELLED}
    failed = {device for device, member in rollout.members.items() if member.state in again}
    if not failed:
        raise RolloutError("no device has failed")
    members = dict(rollout.members)
    for device in failed:
        fresh = members[device].turn(MemberState.PENDING, now)
        members[device] = replace(fresh, number=0, expires=None, wanted_since=None, is_excused=False)
    events = (Event("failed devices are tried again", why), *(Event("retry", "", d) for d in sorted(failed)))
    return Change(replace(rollout, members=members, good_since=None), events)


def tally(rollout: Rollout, group: int, now: datetime) -> Tally:
    """How a group stands now."""
    return tallies(rollout, now)[group]


def tallies(rollout: Rollout, now: datetime) -> list[Tally]:
    """How each group stands now."""
    counts = [dict.fromkeys(Tally.__slots__, 0) for _ in rollout.plan.groups]
    for member in rollout.members.values():
        count = counts[member.group]
        for name in _places(member, rollout.plan, now):
            count[name] += 1
    return [Tally(**count) for count in counts]


def _places(member: Member, plan: Plan, now: datetime) -> tuple[str, ...]:
    """Under what a member is counted."""
    if member.has_failed:
        return "members", "counted", "failed"
    if not member.is_reachable:
        return "members", "away"
    if member.state is MemberState.CONFIRMED:
        return "members", "counted", "confirmed"
    if member.state in UNDER_WAY:
        return "members", "counted", "under_way"
    if member.state is MemberState.PENDING:
        deferred = is_deferred(member, plan, now)
        return ("members", "deferred") if deferred else ("members", "counted", "pending")
    return ("members",)


def _resumed(member: Member, is_halted: bool, now: datetime) -> Member:
    if member.state is MemberState.PENDING and member.wanted_since is not None:
        return replace(member, wanted_since=now)
    if is_halted and member.state in FAILED:
        return replace(member, is_excused=True)
    return member


def _require_state(rollout: Rollout, done: str, *states: RolloutState) -> None:
    if rollout.state not in states:
        words = " or ".join(state.replace("_", " ") for state in states)
        raise RolloutError(
            f"it cannot be {done}: it is {rollout.state.replace('_', ' ')}, and would have to be {words}"
        )


def _require_person(who: str) -> None:
    if not is_person(who):
        raise RolloutError("say who you are: a name of 1 to 80 characters")
