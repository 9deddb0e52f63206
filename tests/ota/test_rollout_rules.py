"""Whatever devices and people do, and in whatever order, the rules of a rollout hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from contract.updates import UpdateState
from ota.errors import RolloutError
from ota.member import UNDER_WAY, MemberState
from ota.rollout import SERVING, Awaited, Change, RolloutState, abort, pause, resume, retry_failed, tallies
from ota.rollout_plan import Group
from ota.rollout_step import NOT_SWITCHED, Order, OrderKind, step
from ota.waiting import explain
from tests.ota.rollout_world import CANARY, NEW, NOON, OLD, REST, World, plan

DEVICES = [f"d{number:02}" for number in range(14)]
ROADS = [state for state in UpdateState if state is not UpdateState.CONFIRMED]
SPANS_S = [30.0, 400.0, 4000.0, 100_000.0, 900_000.0]


def is_new(order: Order) -> bool:
    """Whether it tells a device to take what is rolled out."""
    return order.kind is OrderKind.INSTALL and order.release == NEW


class AnyCourse(RuleBasedStateMachine):
    """Twelve devices at first, two that come later; three groups."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(plan(groups=(CANARY, replace(REST, share=0.5), Group("last"))), n_devices=12)
        self.opened = -1
        self.passed_canary = False

    @rule(span=st.sampled_from(SPANS_S), steps=st.integers(1, 3))
    def time_passes(self, span: float, steps: int) -> None:
        for _ in range(steps):
            before, asked = self.world.rollout, len(self.world.orders)
            self.world.go(span)
            self._check_orders(before.state, asked)

    @rule(device=st.sampled_from(DEVICES), state=st.sampled_from(ROADS), old=st.booleans())
    def it_says(self, device: str, state: UpdateState, old: bool) -> None:
        if device in self.world.facts:
            self.world.say(device, state, in_charge=OLD.version if old else None)

    @rule(device=st.sampled_from(DEVICES))
    def it_confirms(self, device: str) -> None:
        if device in self.world.facts:
            self.world.say(device, UpdateState.CONFIRMED)

    @rule()
    def all_confirm(self) -> None:
        for state in UNDER_WAY:
            self.world.say_all(UpdateState.CONFIRMED, self.world.of(state))

    @rule(device=st.sampled_from(DEVICES))
    def it_comes_or_goes(self, device: str) -> None:
        self.world.silent ^= {device}

    @rule(device=st.sampled_from(DEVICES))
    def it_alarms_or_calms_down(self, device: str) -> None:
        if device in self.world.facts:
            facts = self.world.facts[device]
            since = None if facts.alarming_since else self.world.now
            alarms = (*facts.alarms, self.world.now) if since else facts.alarms
            self.world.facts[device] = replace(facts, alarming_since=since, alarms=alarms)

    @rule(device=st.sampled_from(DEVICES[12:]))
    def it_appears(self, device: str) -> None:
        if device not in self.world.facts:
            self.world.add(device, heard_at=self.world.now)

    @rule(name=st.sampled_from(["pause", "resume", "abort", "return", "retry"]))
    def somebody_asks(self, name: str) -> None:
        world, later = self.world, self.world.now + timedelta(days=60)
        if name in ("abort", "return") and world.now - NOON < timedelta(days=20):
            return
        asked: dict[str, Callable[[], Change]] = {
            "pause": lambda: pause(world.rollout, ""),
            "resume": lambda: resume(world.rollout, "", world.now, later),
            "abort": lambda: abort(world.rollout, "", world.now),
            "return": lambda: abort(world.rollout, "", world.now, is_returning=True),
            "retry": lambda: retry_failed(world.rollout, "", world.now),
        }
        try:
            change = asked[name]()
        except RolloutError:
            return
        world.take(change)

    @invariant()
    def groups_only_open(self) -> None:
        assert self.world.rollout.group >= self.opened
        assert self.world.rollout.group - self.opened <= 3
        self.opened = self.world.rollout.group

    @invariant()
    def nobody_beyond_the_canary_before_the_canary_is_good(self) -> None:
        canary = [m for m in self.world.rollout.members.values() if m.group == 0]
        self.passed_canary |= any(m.state is MemberState.CONFIRMED for m in canary)
        if not self.passed_canary:
            told = {order.device for order in self.world.orders if is_new(order)}
            assert all(self.world.member(device).group == 0 for device in told)

    @invariant()
    def numbers_rise(self) -> None:
        numbers: dict[str, list[int]] = {}
        for order in self.world.orders:
            numbers.setdefault(order.device, []).append(order.number)
        assert all(each == list(range(1, len(each) + 1)) for each in numbers.values())

    @invariant()
    def only_what_it_says_itself_is_confirmed(self) -> None:
        for device in self.world.of(MemberState.CONFIRMED):
            report = self.world.facts[device].report
            assert report is not None
            # What was said since the last step is not taken in yet.
            said = self.world.member(device).confirmed_at
            assert said is not None and said <= self.world.now

    @invariant()
    def everybody_is_counted_once(self) -> None:
        for count in tallies(self.world.rollout, self.world.now):
            parts = count.confirmed + count.failed + count.under_way + count.pending
            assert parts == count.counted <= count.members

    @invariant()
    def it_says_what_it_waits_for(self) -> None:
        world = self.world
        wait = explain(world.rollout, world.now)
        assert wait.sentence
        if world.rollout.waits_since is None or not world.is_now(RolloutState.RUNNING):
            return
        last = next((event for event in reversed(world.events) if event.what == "waits"), None)
        assert last is not None
        if wait.kind is Awaited.SILENCE:
            group = [m for m in world.rollout.members.values() if m.group == world.rollout.group]
            assert not any(m.is_reachable and m.state in UNDER_WAY for m in group)

    @invariant()
    def who_was_called_off_by_a_halt_is_pending(self) -> None:
        if self.world.is_now(RolloutState.HALTED) and self.world.rollout.is_calling_off:
            assert not any(self.world.of(state) for state in NOT_SWITCHED)

    @invariant()
    def the_same_step_twice_tells_nobody_twice(self) -> None:
        world = self.world
        again = step(world.rollout, world.facts, world.now)
        twice = step(again.rollout, world.facts, world.now)
        told = {order.device for order in again.orders}
        assert not told & {order.device for order in twice.orders if order.kind is OrderKind.INSTALL} or (
            world.is_now(RolloutState.ABORTED)
        )

    def _check_orders(self, before: RolloutState, asked: int) -> None:
        orders = self.world.orders[asked:]
        assert max(Counter(order.device for order in orders).values(), default=0) <= 1
        if before not in SERVING and before is not RolloutState.ABORTED:
            assert orders == []
        if self.world.is_now(RolloutState.HALTED):
            assert not any(is_new(order) for order in orders)
        if before is RolloutState.ABORTED:
            assert all(order.release != NEW or order.kind is OrderKind.CANCEL for order in orders)
        for order in orders:
            assert order.expires > self.world.now

    def teardown(self) -> None:
        """Left to itself with everybody there, nothing awaits anything for ever."""
        world = self.world
        world.silent.clear()
        for device, facts in world.facts.items():
            world.facts[device] = replace(facts, alarming_since=None)
        if world.rollout.state in (RolloutState.PAUSED, RolloutState.HALTED):
            world.take(resume(world.rollout, "", world.now, world.now + timedelta(days=900)))
        world.go(900_000.0, steps=40)
        stuck = {
            device: member.state
            for device, member in world.rollout.members.items()
            if member.state in UNDER_WAY or member.state is MemberState.RETURNING
        }
        assert stuck == {}, f"{stuck} in a rollout that is {world.rollout.state}"


TestAnyCourse = AnyCourse.TestCase
TestAnyCourse.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
