"""What the rollout pages show, worked out beforehand.

Rule: pure; rollouts in, words and widths out. Colour is kept for what needs a person, and every state has its
word beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from cloud.store.rows import RolloutEvent
from ota.member import FAILED, UNDER_WAY, Member, MemberState
from ota.rollout import Awaited, Rollout, RolloutState, Tally, tallies
from ota.rollout_plan import Group
from ota.waiting import explain, explain_briefly

LABELS: Mapping[RolloutState, str] = MappingProxyType(
    {
        RolloutState.AWAITING_APPROVAL: "Awaits approval",
        RolloutState.READY: "Ready",
        RolloutState.RUNNING: "Running",
        RolloutState.PAUSED: "Paused",
        RolloutState.HALTED: "Halted",
        RolloutState.COMPLETED: "Completed",
        RolloutState.ABORTED: "Aborted",
    }
)
STUCK = frozenset({Awaited.SILENCE, Awaited.FAILURES, Awaited.NOBODY})
"""What no device ends by going on as it does."""
ACTIONS: Mapping[RolloutState, tuple[str, ...]] = MappingProxyType(
    {
        RolloutState.AWAITING_APPROVAL: ("approve", "abort"),
        RolloutState.READY: ("start", "abort"),
        RolloutState.RUNNING: ("pause", "retry-failed", "abort"),
        RolloutState.PAUSED: ("resume", "retry-failed", "abort"),
        RolloutState.HALTED: ("resume", "retry-failed", "abort"),
        RolloutState.COMPLETED: ("pause", "retry-failed", "abort"),
        RolloutState.ABORTED: (),
    }
)
"""What a person may do in each state."""
_URGENT = dict.fromkeys(FAILED | {MemberState.STRANDED}, 0) | dict.fromkeys(UNDER_WAY, 1)
"""Which devices stand first."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Devices by how they stand, as parts of a bar; widths in percent."""

    confirmed: float
    under_way: float
    failed: float
    text: str


@dataclass(frozen=True, slots=True)
class RolloutLine:
    """One rollout in the list."""

    id: str
    title: str
    label: str
    level: str
    """`halted`, `stuck`, or empty where nobody need look."""
    why: str
    author: str
    created_at: datetime
    bar: Bar


@dataclass(frozen=True, slots=True)
class GroupView:
    """One group with its bar."""

    name: str
    is_open: bool
    asks: str
    bar: Bar


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device of a rollout."""

    device_id: str
    group: str
    state: str
    level: str
    """`failed`, `away`, or empty."""
    reason: str
    since: datetime
    away_since: datetime | None


@dataclass(frozen=True, slots=True)
class RolloutView:
    """One rollout."""

    line: RolloutLine
    facts: tuple[tuple[str, str], ...]
    groups: tuple[GroupView, ...]
    devices: tuple[DeviceView, ...]
    hidden_devices: int
    """How many more there are."""
    events: tuple[RolloutEvent, ...]
    """The newest first."""
    actions: tuple[str, ...]


def rollout_line(rollout: Rollout, counts: Mapping[MemberState, int]) -> RolloutLine:
    """A rollout in the list, by how many devices are in which state."""
    wait = explain_briefly(rollout)
    return _line(rollout, wait.kind, wait.sentence, _bar_of(counts))


def rollout_view(
    rollout: Rollout, events: Sequence[RolloutEvent], now: datetime, most_devices: int
) -> RolloutView:
    """A rollout on its own page.

    Args:
        rollout: With its members.
        events: Of the rollout as a whole, the newest first.
        now: Cloud time.
        most_devices: No more are shown.
    """
    wait, counts = explain(rollout, now), tallies(rollout, now)
    states = [member.state for member in rollout.members.values()]
    line = _line(
        rollout, wait.kind, wait.sentence, _bar_of({each: states.count(each) for each in set(states)})
    )
    devices = sorted(rollout.members.items(), key=lambda item: _device_rank(item[0], item[1]))
    return RolloutView(
        line=line,
        facts=_facts(rollout),
        groups=tuple(
            _group(group, count, is_open=number <= rollout.group)
            for number, (group, count) in enumerate(zip(rollout.plan.groups, counts, strict=True))
        ),
        devices=tuple(_device(rollout, device, member) for device, member in devices[:most_devices]),
        hidden_devices=max(0, len(devices) - most_devices),
        events=tuple(events),
        actions=ACTIONS[rollout.state],
    )


def level_of(state: RolloutState, kind: Awaited) -> str:
    """Whether somebody has to look.

    >>> level_of(RolloutState.RUNNING, Awaited.SILENCE), level_of(RolloutState.RUNNING, Awaited.UPDATES)
    ('stuck', '')
    """
    if state is RolloutState.HALTED:
        return "halted"
    return "stuck" if kind in STUCK else ""


def _line(rollout: Rollout, kind: Awaited, sentence: str, bar: Bar) -> RolloutLine:
    release = rollout.plan.release
    return RolloutLine(
        id=rollout.id,
        title=f"{release.family} {release.version}",
        label=LABELS[rollout.state],
        level=level_of(rollout.state, kind),
        why=f"{sentence[:1].upper()}{sentence[1:]}",
        author=rollout.plan.author,
        created_at=rollout.created_at,
        bar=bar,
    )


def _bar_of(counts: Mapping[MemberState, int]) -> Bar:
    confirmed = counts.get(MemberState.CONFIRMED, 0)
    under_way = sum(counts.get(state, 0) for state in UNDER_WAY)
    failed = sum(counts.get(state, 0) for state in FAILED)
    return _bar(sum(counts.values()), confirmed, under_way, failed)


def _bar(total: int, confirmed: int, under_way: int, failed: int, more: str = "") -> Bar:
    scale = 100 / total if total else 0.0
    words = [f"{confirmed} of {total} confirmed"] if total else ["no devices yet"]
    words += [f"{under_way} under way"] if under_way else []
    words += [f"{failed} failed"] if failed else []
    return Bar(
        confirmed * scale, under_way * scale, failed * scale, " · ".join([*words, *([more] if more else [])])
    )


def _group(group: Group, count: Tally, *, is_open: bool) -> GroupView:
    more = [f"{count.away} not heard"] if count.away else []
    more += [f"{count.deferred} left for later"] if count.deferred else []
    bar = _bar(count.members, count.confirmed, count.under_way, count.failed, " · ".join(more))
    soak = f", for {group.soak_s / 3600:.3g} h" if group.soak_s else ""
    asks = f"{group.success_share:.0%} confirmed{soak}; halts above {group.error_share:.0%} failed"
    return GroupView(group.name, is_open, asks, bar)


def _device(rollout: Rollout, device: str, member: Member) -> DeviceView:
    level = "failed" if member.state in FAILED else "away" if not member.is_reachable else ""
    return DeviceView(
        device_id=device,
        group=rollout.plan.groups[member.group].name,
        state=member.state.replace("_", " "),
        level=level,
        reason=member.reason,
        since=member.since,
        away_since=member.away_since,
    )


def _device_rank(device: str, member: Member) -> tuple[int, int, str]:
    return _URGENT.get(member.state, 2), member.group, device


def _facts(rollout: Rollout) -> tuple[tuple[str, str], ...]:
    plan = rollout.plan
    where = "; ".join(f"{name}: {', '.join(patterns)}" for name, patterns in plan.where.where.items())
    return (
        ("Written by", plan.author),
        ("Approved by", rollout.approved_by or ("nobody yet" if plan.needs_approval else "not asked for")),
        ("Devices", where or f"all of family {plan.release.family}"),
        ("Back to", plan.back_to.version if plan.back_to else "nothing: an abort sends no device back"),
        ("Deadline", f"{rollout.deadline:%Y-%m-%d %H:%M} UTC" if rollout.deadline else "runs from the start"),
        ("Bundle", f"{plan.release.length:,} bytes, sha256 {plan.release.sha256[:12]}…"),
    )
