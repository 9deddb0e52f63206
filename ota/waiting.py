"""What a rollout waits for, in a sentence that says what would end it.

Rule: pure; the same rollout at the same time waits for the same. It is over or waits for something, and says
which devices it cannot go on without: a group that has fallen silent must not look like one at work.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from ota.member import FAILED, UNDER_WAY, Member, MemberState
from ota.rollout import Awaited, Rollout, RolloutState, Tally, tallies
from ota.rollout_plan import Group

IN_SHORT: Mapping[Awaited, str] = MappingProxyType(
    {
        Awaited.NOTHING: "",
        Awaited.APPROVAL: "waits for approval",
        Awaited.START: "waits to begin",
        Awaited.PAUSE: "paused",
        Awaited.HALT: "halted by itself",
        Awaited.UPDATES: "devices are being updated",
        Awaited.HOURS: "waits for the hours or the alarms of machines",
        Awaited.SILENCE: "waits for devices that are not heard",
        Awaited.FAILURES: "too few can be confirmed: devices have failed",
        Awaited.NOBODY: "no device is left to go on with",
        Awaited.SOAK: "waits until success has lasted",
    }
)
"""Without a look at the devices."""
_SETTLED = {
    RolloutState.AWAITING_APPROVAL: Awaited.APPROVAL,
    RolloutState.READY: Awaited.START,
    RolloutState.PAUSED: Awaited.PAUSE,
    RolloutState.HALTED: Awaited.HALT,
    RolloutState.COMPLETED: Awaited.NOTHING,
    RolloutState.ABORTED: Awaited.NOTHING,
}


@dataclass(frozen=True, slots=True)
class Wait:
    """What a rollout waits for."""

    kind: Awaited
    sentence: str
    """For people; its numbers are those of the moment."""


_FRESH = Wait(Awaited.START, "waits for its first look at the devices, which `cloud releases` takes")


def explain(rollout: Rollout, now: datetime) -> Wait:
    """What a rollout waits for now.

    Args:
        rollout: With its members.
        now: Cloud time.
    """
    if rollout.state is not RolloutState.RUNNING:
        return Wait(_SETTLED[rollout.state], _say_state(rollout))
    if rollout.waits_since is None:
        return _FRESH
    if rollout.group < 0:
        return Wait(Awaited.NOBODY, "no device matches its first group yet")
    group, count = rollout.plan.groups[rollout.group], tallies(rollout, now)[rollout.group]
    members = [member for member in rollout.members.values() if member.group == rollout.group]
    if count.is_good(group, is_first=rollout.group == 0):
        return Wait(Awaited.SOAK, _say_soak(rollout, group, now))
    facts = ", ".join(_count(members, count, now))
    needed = max(1, math.ceil(group.success_share * count.counted))
    kind = _kind_of(count)
    if count.counted == 0:
        return Wait(kind, f"waits for {group.name}: none of its {count.members} counts now; {facts}")
    asked = f"{count.confirmed} of {count.counted} confirmed, {needed} must be"
    more = f"; {facts}" if facts else ""
    hint = "; retry what failed, or abort" if kind is Awaited.FAILURES else ""
    return Wait(kind, f"waits for {group.name}: {asked}{more}{hint}")


def explain_briefly(rollout: Rollout) -> Wait:
    """The same without its members: of one that runs, only the kind of thing, as of its last step."""
    if rollout.state is not RolloutState.RUNNING:
        return Wait(_SETTLED[rollout.state], _say_state(rollout))
    if rollout.waits_since is None:
        return _FRESH
    return Wait(rollout.waits_for, IN_SHORT[rollout.waits_for])


def _kind_of(count: Tally) -> Awaited:
    """Whoever can still bring a group that is not good yet to its end."""
    if count.under_way:
        return Awaited.UPDATES
    if count.pending:
        return Awaited.HOURS
    if count.away:
        return Awaited.SILENCE
    if count.deferred:
        return Awaited.HOURS
    return Awaited.FAILURES if count.failed else Awaited.NOBODY


def _count(members: Iterable[Member], count: Tally, now: datetime) -> list[str]:
    """Where those are that are not confirmed."""
    members = list(members)
    here = [member for member in members if member.is_reachable]
    away = [now - member.away_since for member in members if member.away_since and not member.has_failed]
    at_work = Counter(str(member.state) for member in here if member.state in UNDER_WAY)
    told = ", ".join(f"{number} {_in_words(state)}" for state, number in sorted(at_work.items()))
    gone = Counter(_in_words(member.state) for member in here if _is_out(member))
    return [
        *([f"{count.under_way} under way ({told})"] if count.under_way else []),
        *([f"{count.pending} not told yet, by their hours or an open alarm"] if count.pending else []),
        *([f"{count.deferred} left for later, by their hours or an open alarm"] if count.deferred else []),
        *([f"{count.failed} failed"] if count.failed else []),
        *([f"{len(away)} not heard for {_say_spans(away)}"] if away else []),
        *(f"{number} {word}" for word, number in sorted(gone.items())),
    ]


def _is_out(member: Member) -> bool:
    """Whether nothing is expected of it any more."""
    if member.state in FAILED:
        return member.is_excused
    return member.state not in UNDER_WAY | {MemberState.PENDING, MemberState.CONFIRMED}


def _say_state(rollout: Rollout) -> str:
    why = f": {rollout.why}" if rollout.why else ""
    if rollout.state is RolloutState.AWAITING_APPROVAL:
        return f"waits for approval by somebody else than {rollout.plan.author.strip()}"
    if rollout.state is RolloutState.READY:
        return "waits to be started"
    if rollout.state is RolloutState.PAUSED:
        return f"paused{why}; resume it, or abort it"
    if rollout.state is RolloutState.HALTED:
        return f"halted{why}; look at its devices, then resume it, retry what failed, or abort it"
    if rollout.state is RolloutState.ABORTED:
        back = sum(member.state is MemberState.RETURNING for member in rollout.members.values())
        return f"aborted{why}" + (f"; {back} on their way back" if back else "")
    done = sum(member.state is MemberState.CONFIRMED for member in rollout.members.values())
    left = len(rollout.members) - done
    return "every group went through" + (
        f"; {left} not confirmed are served when they can be" if left else ""
    )


def _say_soak(rollout: Rollout, group: Group, now: datetime) -> str:
    since = rollout.good_since or now
    left = since + timedelta(seconds=group.soak_s) - now
    more = f", and goes on in {say_span(left)}" if left > timedelta(0) else ""
    return f"{group.name} has been good for {say_span(now - since)}{more}"


def _say_spans(spans: list[timedelta]) -> str:
    """One span where they look the same, and from which to which otherwise."""
    shortest, longest = say_span(min(spans)), say_span(max(spans))
    return shortest if shortest == longest else f"{shortest} to {longest}"


def say_span(span: timedelta) -> str:
    """A span of time in the largest unit that tells enough of it.

    >>> say_span(timedelta(hours=26)), say_span(timedelta(seconds=90)), say_span(timedelta(days=9))
    ('26 h', '2 min', '9 days')
    """
    seconds = max(0.0, span.total_seconds())
    if seconds < 3600:
        return f"{math.ceil(seconds / 60)} min"
    if seconds < 3 * 86_400:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} days"


def _in_words(state: str) -> str:
    return state.replace("_", " ")
