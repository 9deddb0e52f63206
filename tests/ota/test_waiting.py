"""A rollout says at every moment what it waits for, and tells of it when that changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.updates import UpdateState
from ota.member import MemberState
from ota.rollout import Awaited, RolloutState, abort, approve, pause
from ota.rollout_plan import Filter, Timeouts
from ota.waiting import IN_SHORT, explain
from tests.ota.rollout_world import CANARY, NOON, REST, World, plan

FIVE = replace(CANARY, share=0.5, success_share=0.8, error_share=0.5)


def wait_of(world: World) -> tuple[Awaited, str]:
    wait = explain(world.rollout, world.now)
    assert wait.kind is world.rollout.waits_for
    return wait.kind, wait.sentence


def waits_told(world: World) -> list[str]:
    return [event.why for event in world.events if event.what == "waits"]


def test_before_it_runs_it_waits_for_people() -> None:
    rollout = World(plan(needs_approval=True)).rollout
    assert explain(rollout, NOON).kind is Awaited.APPROVAL
    assert "somebody else than Aylin Kaya" in explain(rollout, NOON).sentence
    assert explain(approve(rollout, "Jo").rollout, NOON).kind is Awaited.START


def test_devices_at_work_are_told_from_devices_that_are_not_heard() -> None:
    world = World(plan(groups=(FIVE, REST)))
    world.go()
    canary = world.of(MemberState.ASSIGNED)
    world.say_all(UpdateState.CONFIRMED, canary[:2])
    world.say(canary[2], UpdateState.SHADOW)
    world.go()
    kind, sentence = wait_of(world)
    assert kind is Awaited.UPDATES
    assert sentence == "waits for canary: 2 of 5 confirmed, 4 must be; 3 under way (2 assigned, 1 shadow)"
    world.silent = set(canary)
    world.go(1000)
    world.go(26 * 3600)
    kind, sentence = wait_of(world)
    assert kind is Awaited.SILENCE
    assert sentence == "waits for canary: none of its 5 counts now; 5 not heard for 26 h"
    world.go(3600, steps=5)
    assert len(waits_told(world)) == 2, "only another kind is told"
    assert world.rollout.group == 0


def test_some_that_are_silent_stand_beside_those_at_work() -> None:
    world = World(plan(groups=(FIVE, REST)))
    world.go()
    canary = world.of(MemberState.ASSIGNED)
    world.say(canary[0], UpdateState.CONFIRMED)
    world.silent = {canary[4]}
    world.go(1000)
    world.silent |= {canary[3]}
    world.go(4 * 3600)
    _, sentence = wait_of(world)
    assert "1 of 3 confirmed, 3 must be; 2 under way (2 assigned)" in sentence
    assert "2 not heard for 0 min to 4 h" in sentence


def test_a_group_that_can_neither_go_on_nor_halt_says_so() -> None:
    world = World(plan(groups=(FIVE, REST)))
    world.go()
    canary = world.of(MemberState.ASSIGNED)
    world.say_all(UpdateState.REFUSED, canary[:2])
    world.say_all(UpdateState.CONFIRMED, canary[2:])
    world.go()
    kind, sentence = wait_of(world)
    assert kind is Awaited.FAILURES
    assert sentence.endswith("3 of 5 confirmed, 4 must be; 2 failed; retry what failed, or abort")


def test_hours_and_alarms_are_named() -> None:
    world = World(plan(timeouts=Timeouts(pending=3600.0)))
    for device, facts in world.facts.items():
        world.facts[device] = replace(facts, alarming_since=NOON)
    world.go(steps=2)
    assert wait_of(world)[0] is Awaited.HOURS and "2 not told yet" in wait_of(world)[1]
    world.go(4000)
    assert wait_of(world)[0] is Awaited.HOURS and "2 left for later" in wait_of(world)[1]


def test_a_group_of_which_nobody_is_left_says_so() -> None:
    world = World(plan(where=Filter({"device": ("d99",)})))
    world.go()
    assert wait_of(world) == (Awaited.NOBODY, "no device matches its first group yet")
    world.add("d99")
    world.go()
    world.say("d99", UpdateState.CANCELLED)
    world.go()
    kind, sentence = wait_of(world)
    assert kind is Awaited.NOBODY and sentence.endswith("none of its 1 counts now; 1 cancelled")


def test_success_that_must_last_says_how_long_yet() -> None:
    world = World(plan(groups=(replace(CANARY, soak_s=86_400.0), REST)))
    world.go()
    world.say_all(UpdateState.CONFIRMED)
    world.go()
    world.go(3600)
    assert wait_of(world) == (Awaited.SOAK, "canary has been good for 1 h, and goes on in 23 h")


def test_resting_it_says_who_can_go_on_and_over_what_is_left() -> None:
    world = World(plan())
    world.go()
    world.take(pause(world.rollout, "shift change"))
    world.go()
    assert wait_of(world) == (Awaited.PAUSE, "paused: shift change; resume it, or abort it")
    world.take(abort(world.rollout, "false alarms", world.now, is_returning=True))
    world.go()
    assert wait_of(world) == (Awaited.NOTHING, "aborted: false alarms")
    done = World(plan())
    done.through_canary()
    done.say_all(UpdateState.CONFIRMED)
    done.go()
    assert wait_of(done) == (Awaited.NOTHING, "every group went through")
    done.add("d77")
    done.go()
    assert wait_of(done)[1].endswith("1 not confirmed are served when they can be")


@pytest.mark.parametrize("kind", list(Awaited))
def test_every_kind_has_short_words(kind: Awaited) -> None:
    assert kind in IN_SHORT


def test_a_halt_by_failures_calls_off_who_has_not_switched_and_resuming_tells_them_again() -> None:
    world = World(plan())
    canary = world.through_canary()
    bad, switched, *others = world.of(MemberState.ASSIGNED)
    world.say(switched, UpdateState.PROBATION)
    for device in (bad, *others[:2]):
        world.say(device, UpdateState.REFUSED)
    world.say(others[2], UpdateState.SHADOW)
    world.go()
    assert world.is_now(RolloutState.HALTED) and wait_of(world)[0] is Awaited.HALT
    called = [order.device for order in world.orders if order.kind is not world.orders[0].kind]
    assert sorted(called) == others[2:] and canary
    assert world.of(MemberState.PROBATION) == [switched]
    for device in others[2:]:
        world.say(device, UpdateState.CANCELLED)
    orders = len(world.orders)
    world.go(steps=3)
    assert len(world.orders) == orders and world.of(MemberState.PENDING) == others[2:]


def test_a_halt_by_its_deadline_leaves_devices_at_work() -> None:
    world = World(plan(deadline_s=3600.0))
    world.go()
    world.go(3700)
    assert world.is_now(RolloutState.HALTED) and len(world.orders) == 2
