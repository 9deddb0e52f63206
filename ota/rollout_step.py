"""What follows for devices from a rollout and from what is known of them.

Rule: pure: the same rollout, facts and time give the same step. A device is told only when its group is open,
it is heard, its hours allow it and it has not been told already; a group opens when the one before has done
what was asked, and never closes again. The first group is never enlarged: who comes late joins a later one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from ota.evidence import Watched, evidence
from ota.maintenance import open_until
from ota.member import (
    UNDER_WAY,
    DeviceFacts,
    Member,
    MemberState,
    note_presence,
    note_report,
    note_time,
)
from ota.rollout import LIVE, SERVING, Event, Rollout, RolloutState, tallies
from ota.rollout_plan import ReleaseRef
from ota.waiting import explain

Facts = Mapping[str, DeviceFacts]
"""Of every device of the release's family, by its id."""
MOST_ORDERS = 500
"""In one step, so that signing them takes a moment; the rest follow in the next."""
MIN_EVENTS = 2
"""Updated machines that must have alarmed before a comparison may halt anything."""
NOT_SWITCHED = UNDER_WAY - {MemberState.PROBATION}
"""States in which the old model is in charge still."""
_HASH = 2.0**64


class OrderKind(StrEnum):
    """What a device is told."""

    INSTALL = "install"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Order:
    """What one device shall be told; becomes its signed assignment."""

    device: str
    number: int
    """One above that of its newest assignment."""
    kind: OrderKind
    release: ReleaseRef
    expires: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """A rollout a moment later, with what is to be told to devices and to people."""

    rollout: Rollout
    orders: tuple[Order, ...] = ()
    events: tuple[Event, ...] = ()


def step(rollout: Rollout, facts: Facts, now: datetime, most_orders: int = MOST_ORDERS) -> Step:
    """Take a rollout one step on.

    Args:
        rollout: As it was stored.
        facts: What is known of the family's devices; one that is missing is not reachable.
        now: Cloud time.
        most_orders: The step gives no more than these.
    """
    if rollout.state not in LIVE:
        return Step(rollout)
    work = _Work(rollout, facts, now)
    work.listen()
    if rollout.state in SERVING:
        work.enrol()
        work.judge()
        if work.rollout.state in SERVING:
            work.assign(most_orders)
    elif rollout.state is RolloutState.ABORTED:
        work.recall(most_orders)
    if work.rollout.is_calling_off:
        work.call_off(most_orders)
    work.tell_wait()
    return Step(work.rollout, tuple(work.orders), tuple(work.events))


class _Work:
    """One step under way."""

    def __init__(self, rollout: Rollout, facts: Facts, now: datetime) -> None:
        self.rollout = rollout
        self.members: dict[str, Member] = dict(rollout.members)
        self.orders: list[Order] = []
        self.events: list[Event] = []
        self._plan = rollout.plan
        self._facts = facts
        self._now = now

    def listen(self) -> None:
        """Take in what devices have said and how long they have taken."""
        for device, member in self.members.items():
            self._put(device, self._listened(device, member))

    def _listened(self, device: str, member: Member) -> Member:
        facts = self._facts.get(device)
        if facts and facts.held and facts.held.rank > self.rollout.rank:
            is_new = member.state is not MemberState.SUPERSEDED
            return member.turn(MemberState.SUPERSEDED, self._now) if is_new else member
        member = note_presence(member, facts, self._plan, self._now)
        report = facts.report if facts else None
        return note_time(
            note_report(member, self.rollout.id, report, self._plan, self._now), self._plan, self._now
        )

    def enrol(self) -> None:
        """Deal devices into groups: all at first, later those that were not there."""
        new = [
            each
            for each in self._facts.values()
            if each.device not in self.members
            and each.family == self._plan.release.family
            and self._plan.where.matches(each.attributes)
        ]
        if self.rollout.group < 0:
            self._deal(new)
        else:
            for facts in new:
                self._join(facts)

    def _deal(self, devices: list[DeviceFacts]) -> None:
        waiting = sorted(devices, key=lambda each: _draw(self.rollout.id, each.device))
        groups: list[list[DeviceFacts]] = []
        for number, group in enumerate(self._plan.groups):
            matching = [each for each in waiting if group.where.matches(each.attributes)]
            if number == 0:  # a canary that nobody hears would tell nothing
                matching.sort(key=lambda each: not self._is_heard(each))
            groups.append(matching[: math.ceil(group.share * len(matching))])
            taken = {each.device for each in groups[-1]}
            waiting = [each for each in waiting if each.device not in taken]
        if not groups[0]:
            return
        for number, dealt in enumerate(groups):
            for facts in dealt:
                self._admit(facts, number)
        self._open(0)

    def _join(self, facts: DeviceFacts) -> None:
        first = max(self.rollout.group, min(1, len(self._plan.groups) - 1))
        places = [
            number
            for number, group in enumerate(self._plan.groups)
            if number >= first and group.where.matches(facts.attributes)
        ]
        if not places:
            places = [
                number
                for number, group in enumerate(self._plan.groups)
                if number > 0 and group.where.matches(facts.attributes)
            ][-1:]
        for number in places:
            drawn = _draw(f"{self.rollout.id}/{number}", facts.device)
            if drawn < self._plan.groups[number].share:
                self._admit(facts, number)
                self.events.append(Event("joined late", self._plan.groups[number].name, facts.device))
                return

    def _admit(self, facts: DeviceFacts, group: int) -> None:
        member = note_presence(Member(group, self._now), facts, self._plan, self._now)
        self.members[facts.device] = note_report(member, self.rollout.id, facts.report, self._plan, self._now)

    def judge(self) -> None:
        """Halt what goes badly, and open the next group where this one has done what was asked."""
        if self._is_late():
            self._halt("its deadline is over")
        if self.rollout.group < 0 or self.rollout.state not in SERVING:
            return
        counts = tallies(replace(self.rollout, members=self.members), self._now)
        groups = self._plan.groups
        for number, (count, group) in enumerate(zip(counts, groups, strict=True)):
            if number <= self.rollout.group and count.is_bad(group):
                why = f"group {group.name}: {count.failed} of {count.counted} reachable devices failed"
                self._halt(why, is_calling_off=True)
                return
        if reason := self._compare():
            self._halt(reason, is_calling_off=True)
            return
        if self.rollout.is_through:
            return
        number = self.rollout.group
        is_good = counts[number].is_good(groups[number], is_first=number == 0)
        good_since = (self.rollout.good_since or self._now) if is_good else None
        self.rollout = replace(self.rollout, good_since=good_since)
        if good_since is not None and self._now - good_since >= timedelta(seconds=groups[number].soak_s):
            self._pass(number)

    def _is_late(self) -> bool:
        deadline = self.rollout.deadline
        return not self.rollout.is_through and deadline is not None and self._now >= deadline

    def _pass(self, number: int) -> None:
        self.events.append(Event("group went through", self._plan.groups[number].name))
        if number + 1 < len(self._plan.groups):
            self._open(number + 1)
            return
        self.rollout = replace(self.rollout, state=RolloutState.COMPLETED, is_through=True, why="")
        self.events.append(Event("completed"))

    def _open(self, number: int) -> None:
        self.rollout = replace(self.rollout, group=number, good_since=None, why="")
        self.events.append(Event("group opened", self._plan.groups[number].name))

    def _halt(self, why: str, *, is_calling_off: bool = False) -> None:
        self.rollout = replace(
            self.rollout,
            state=RolloutState.HALTED,
            why=why,
            good_since=None,
            is_calling_off=is_calling_off,
        )
        self.events.append(Event("halted", why))

    def _compare(self) -> str:
        """What speaks against the updated devices, by alarms and drift; empty where nothing does."""
        if self._plan.false_halt is None:
            return ""
        measures: tuple[tuple[str, Callable[[DeviceFacts], tuple[datetime, ...]]], ...] = (
            ("alarms", lambda facts: facts.alarms),
            ("drift", lambda facts: facts.drifts),
        )
        for name, events_of in measures:
            watched = [
                each
                for facts in self._facts.values()
                if (each := self._watch(facts, events_of(facts))) is not None
            ]
            n_events = sum(each.is_updated and each.event is not None for each in watched)
            strength = evidence(watched)
            if n_events >= MIN_EVENTS and strength >= len(measures) / self._plan.false_halt:
                n_updated = sum(each.is_updated for each in watched)
                return (
                    f"updated machines show more {name} than the others: {n_events} of {n_updated} against "
                    f"{sum(not e.is_updated and e.event is not None for e in watched)} of "
                    f"{len(watched) - n_updated} (evidence {strength:.3g})"
                )
        return ""

    def _watch(self, facts: DeviceFacts, events: tuple[datetime, ...]) -> Watched | None:
        """A device's part in the comparison; None: it tells nothing."""
        start, end, is_updated = self.rollout.watch_since or self._now, facts.heard_at, False
        member = self.members.get(facts.device)
        if member is None:
            if facts.family != self._plan.release.family or not self._plan.where.matches(facts.attributes):
                return None
        elif member.state is MemberState.CONFIRMED and member.confirmed_at is not None:
            start, is_updated = max(start, member.confirmed_at), True
        elif member.assigned_at is not None and end is not None:
            end = min(end, member.assigned_at)
        if end is None or end <= start or (facts.alarming_since and facts.alarming_since < start):
            return None
        first = min((each for each in events if start <= each <= end), default=None)
        return Watched(start.timestamp(), end.timestamp(), first.timestamp() if first else None, is_updated)

    def assign(self, most: int) -> None:
        """Tell the devices whose turn it is."""
        for device, member in sorted(self.members.items(), key=lambda item: item[1].group):
            if member.state is not MemberState.PENDING or member.group > self.rollout.group:
                continue
            facts = self._facts.get(device)
            if facts is None or not member.is_reachable:
                continue
            wanted = replace(member, wanted_since=member.wanted_since or self._now)
            self.members[device] = wanted
            until = self._free_until(wanted, facts)
            if until is None or len(self.orders) >= most:
                continue
            expires = min(until, self._now + timedelta(seconds=self._plan.assignment_s))
            number = self._order(facts, OrderKind.INSTALL, self._plan.release, expires)
            told = replace(
                wanted.turn(MemberState.ASSIGNED, self._now),
                number=number,
                attempts=wanted.attempts + 1,
                assigned_at=wanted.assigned_at or self._now,
                expires=expires,
            )
            self._put(device, told)

    def _free_until(self, member: Member, facts: DeviceFacts) -> datetime | None:
        """Until when it may begin; None: not now."""
        if self._plan.not_while_alarming and facts.alarming_since is not None:
            return None
        ends = [
            open_until(windows, self._now)
            for windows in (self._plan.groups[member.group].windows, facts.windows)
        ]
        known = [end for end in ends if end is not None]
        return min(known) if len(known) == len(ends) else None

    def recall(self, most: int) -> None:
        """Call off what is under way, and send back what runs the release where that was asked."""
        back = self._plan.back_to if self.rollout.is_returning else None
        expires = self._now + timedelta(seconds=self._plan.assignment_s)
        for device, member in self.members.items():
            facts = self._facts.get(device)
            if facts is None or len(self.orders) >= most:
                continue
            runs_it = facts.report is not None and facts.report.in_charge == self._plan.release.version
            is_told = member.state in UNDER_WAY or member.state is MemberState.TIMED_OUT
            if back and (member.state is MemberState.CONFIRMED or (is_told and runs_it)):
                number = self._order(facts, OrderKind.INSTALL, back, expires)
                told, note = MemberState.RETURNING, ""
            elif is_told:
                number = self._order(facts, OrderKind.CANCEL, self._plan.release, expires)
                told, note = MemberState.CANCELLED, "the rollout was aborted"
            else:
                continue
            self._put(device, replace(member.turn(told, self._now, "", note), number=number))

    def call_off(self, most: int) -> None:
        """Keep what halted this from devices that have not switched to it; they are pending again.

        Those on probation go on: their old model waits beside the new one, and comes back by itself.
        """
        expires = self._now + timedelta(seconds=self._plan.assignment_s)
        for device, member in self.members.items():
            facts = self._facts.get(device)
            if member.state not in NOT_SWITCHED or facts is None or len(self.orders) >= most:
                continue
            self._order(facts, OrderKind.CANCEL, self._plan.release, expires)
            called = member.turn(MemberState.PENDING, self._now, "halted", "called off by the halt")
            self._put(device, replace(called, number=0, expires=None, wanted_since=None))

    def tell_wait(self) -> None:
        """Note what it waits for now, and tell of it where that is something else than before."""
        before = self.rollout
        self.rollout = replace(before, members=self.members, waits_since=before.waits_since or self._now)
        wait = explain(self.rollout, self._now)
        if wait.kind is before.waits_for and before.waits_since is not None:
            return
        self.rollout = replace(self.rollout, waits_for=wait.kind, waits_since=self._now)
        if self.rollout.state is RolloutState.RUNNING:  # any other state has told of itself
            self.events.append(Event("waits", wait.sentence))

    def _order(self, facts: DeviceFacts, kind: OrderKind, release: ReleaseRef, expires: datetime) -> int:
        number = facts.held.number + 1 if facts.held else 1
        self.orders.append(Order(facts.device, number, kind, release, expires))
        return number

    def _put(self, device: str, member: Member) -> None:
        """Keep a device's new state, and tell of it where it is another one."""
        old = self.members[device]
        self.members[device] = member
        if member.state is not old.state:
            self.events.append(Event(str(member.state), member.reason, device))

    def _is_heard(self, facts: DeviceFacts) -> bool:
        limit = timedelta(seconds=self._plan.reachable_s)
        return facts.heard_at is not None and self._now - facts.heard_at <= limit


def _draw(lot: str, device: str) -> float:
    """A number from 0 to below 1, always the same for the same device and lot."""
    return int.from_bytes(sha256(f"{lot}/{device}".encode()).digest()[:8], "big") / _HASH
