"""What people may ask of a rollout, and which plans they may write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from contract.updates import UpdateState
from ota.errors import RolloutError
from ota.member import MemberState
from ota.rollout import Change, RolloutState, abort, approve, pause, resume, retry_failed, start
from ota.rollout_plan import ReleaseRef
from ota.rollout_step import OrderKind
from tests.ota.rollout_world import CANARY, NEW, NOON, OLD, World, plan


def test_the_second_person_is_another_one() -> None:
    world = World(plan(needs_approval=True))
    with pytest.raises(RolloutError, match="waits for approval"):
        start(world.rollout, 1, NOON)
    for name in ("Aylin Kaya", "aylin  KAYA "):
        with pytest.raises(RolloutError, match="somebody else"):
            approve(world.rollout, name)
    ready = approve(world.rollout, "Jo Brandt").rollout
    assert start(ready, 1, NOON).rollout.state is RolloutState.RUNNING


def test_resuming_excuses_what_had_failed_and_retrying_tries_it_again() -> None:
    world = World(plan())
    world.go()
    bad, good = world.of(MemberState.ASSIGNED)
    world.say(bad, UpdateState.REFUSED)
    world.say(good, UpdateState.CONFIRMED)
    world.go()
    assert world.is_now(RolloutState.HALTED)
    world.take(resume(world.rollout, "a bad disk", world.now))
    world.go()
    assert world.is_now(RolloutState.RUNNING) and world.rollout.group == 1
    world.take(retry_failed(world.rollout, "new disk", world.now))
    world.go()
    assert [order.number for order in world.orders if order.device == bad] == [1, 2]
    world.say(bad, UpdateState.CONFIRMED)
    world.go()
    assert world.member(bad).state is MemberState.CONFIRMED


def test_paused_it_assigns_nothing_and_still_listens() -> None:
    world = World(plan())
    world.go()
    world.take(pause(world.rollout, "shift change"))
    canary = world.say_all(UpdateState.CONFIRMED)
    world.go(steps=3)
    assert len(world.told()) == 2 and world.of(MemberState.CONFIRMED) == canary
    world.take(resume(world.rollout, "", world.now))
    world.go(steps=2)
    assert len(world.told()) == 10


def test_aborted_it_calls_off_what_is_under_way_and_sends_back_what_runs_it() -> None:
    world = World(plan())
    canary = world.through_canary()
    world.say("d03" if "d03" not in canary else "d04", UpdateState.SHADOW)
    world.take(abort(world.rollout, "false alarms", world.now, is_returning=True))
    world.go()
    assert world.of(MemberState.RETURNING) == canary
    back = [order for order in world.orders if order.device in canary][-2:]
    assert {order.release for order in back} == {OLD} and {order.number for order in back} == {2}
    assert len(world.told(OrderKind.CANCEL)) == 8
    for device in canary:
        world.say(device, UpdateState.CONFIRMED, in_charge=OLD.version)
    world.go()
    assert world.of(MemberState.RETURNED) == canary
    orders = len(world.orders)
    world.go(86_400, steps=20)
    assert len(world.orders) == orders


def test_one_that_confirms_after_the_abort_is_sent_back_too() -> None:
    world = World(plan())
    world.go()
    late, other = world.of(MemberState.ASSIGNED)
    world.take(abort(world.rollout, "", world.now, is_returning=True))
    world.go()
    assert world.member(late).state is MemberState.CANCELLED
    world.say(late, UpdateState.CONFIRMED, assignment=1)
    world.go(steps=2)
    assert world.member(late).state is MemberState.RETURNING
    world.go(13 * 86_400)
    assert world.member(late).state is MemberState.STRANDED and other


def test_without_asking_for_it_nobody_is_sent_back() -> None:
    world = World(plan())
    canary = world.through_canary()
    world.take(abort(world.rollout, "", world.now))
    world.go(steps=3)
    assert world.of(MemberState.CONFIRMED) == canary
    assert {order.release for order in world.orders} == {NEW}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"groups": ()}, "1 to 20 groups"),
        ({"groups": (CANARY, CANARY)}, "same name"),
        ({"author": " "}, "author"),
        ({"back_to": ReleaseRef("fan", "1-a", "a" * 64, 1)}, "same family"),
        ({"back_to": NEW}, "another version"),
        ({"false_halt": 0.9}, "false_halt"),
        ({"reachable_s": 0}, "positive"),
    ],
    ids=["no group", "names", "author", "family", "version", "false_halt", "reachable"],
)
def test_a_plan_that_cannot_be_carried_out_cannot_be_built(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RolloutError, match=words):
        plan(**changes)


def test_what_people_ask_at_the_wrong_time_is_refused_in_a_sentence() -> None:
    world = World(plan())
    asked: tuple[Callable[[], Change], ...] = (
        lambda: resume(world.rollout, "", NOON),
        lambda: retry_failed(world.rollout, "", NOON),
        lambda: start(world.rollout, 1, NOON),
        lambda: approve(world.rollout, "Jo"),
    )
    for wrong in asked:
        with pytest.raises(RolloutError):
            wrong()
    world.take(abort(world.rollout, "", NOON))
    with pytest.raises(RolloutError, match="aborted already"):
        abort(world.rollout, "", NOON)
