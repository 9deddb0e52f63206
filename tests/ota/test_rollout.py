"""What a rollout does with devices that do as they should, and with those that do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from contract.updates import UpdateState
from ota.errors import RolloutError
from ota.maintenance import MaintenanceWindow
from ota.member import TIMED, UNDER_WAY, Held, MemberState
from ota.rollout import RolloutState, resume, retry_failed, tally
from ota.rollout_plan import Filter, Group, Timeouts
from ota.waiting import explain
from tests.ota.rollout_world import CANARY, NEW, NOON, OLD, REST, World, plan


def test_the_canary_first_and_then_everybody() -> None:
    world = World(plan())
    world.go()
    assert len(world.told()) == 2 == len(world.of(MemberState.ASSIGNED, 0))
    world.say_all(UpdateState.PROBATION)
    world.go(steps=5)
    assert len(world.told()) == 2, "installed is not confirmed"
    for device in world.of(MemberState.PROBATION):
        world.say(device, UpdateState.CONFIRMED)
    world.go()
    assert len(world.told()) == 10 and world.rollout.group == 1
    world.say_all(UpdateState.CONFIRMED)
    world.go()
    assert world.is_now(RolloutState.COMPLETED)
    assert [order.number for order in world.orders] == [1] * 10


def test_a_confirmation_that_names_another_version_in_charge_does_not_count() -> None:
    """hawkBit #3185: "installed" was counted while the device ran the old one."""
    world = World(plan())
    world.go()
    for device in world.of(MemberState.ASSIGNED):
        world.say(device, UpdateState.CONFIRMED, in_charge=OLD.version)
    world.go(steps=3)
    assert world.of(MemberState.CONFIRMED) == [] and world.rollout.group == 0


def test_a_later_fallback_takes_a_device_out_of_the_count_again() -> None:
    world = World(plan())
    canary = world.through_canary()
    assert tally(world.rollout, 0, world.now).confirmed == 2
    world.say(canary[0], UpdateState.ROLLED_BACK, reason="crash loop")
    world.go()
    assert tally(world.rollout, 0, world.now).confirmed == 1
    assert world.member(canary[0]).reason == "crash loop" and world.member(canary[0]).confirmed_at is None
    assert world.is_now(RolloutState.HALTED) and "canary" in world.rollout.why


@pytest.mark.parametrize("state", sorted(UNDER_WAY))
def test_a_stuck_device_counts_as_failed_and_holds_nobody(state: MemberState) -> None:
    """hawkBit #693, #1208."""
    world = World(plan(groups=(replace(CANARY, share=0.5, success_share=0.6, error_share=0.3), REST)))
    world.go()
    stuck, *others = world.of(MemberState.ASSIGNED)
    if state is not MemberState.ASSIGNED:
        world.say(stuck, UpdateState[state.name])
    world.say_all(UpdateState.CONFIRMED, others)
    limit = world.plan.timeouts.of(state)
    world.go(limit.total_seconds() + 61, steps=2)
    assert world.member(stuck).state is MemberState.TIMED_OUT
    assert world.member(stuck).reason_code == f"timeout_{state}"
    assert tally(world.rollout, 0, world.now).failed == 1 and world.rollout.group == 1


def test_every_state_in_which_something_is_awaited_has_a_timeout() -> None:
    for state in (*TIMED, MemberState.PENDING):
        assert Timeouts().of(state) > timedelta(0)


def test_who_is_not_heard_neither_holds_a_group_nor_counts_as_done() -> None:
    world = World(plan(groups=(CANARY, replace(REST, share=0.5), Group("last"))))
    canary = world.through_canary()
    assert world.rollout.group == 1
    first, second, *others = world.of(MemberState.ASSIGNED, 1)
    world.say(first, UpdateState.CONFIRMED)
    world.go()
    world.silent |= {first, second}
    world.say_all(UpdateState.CONFIRMED, others)
    world.go(1000)
    counted = tally(world.rollout, 1, world.now)
    assert (counted.members, counted.away, counted.confirmed, counted.counted) == (4, 2, 2, 2)
    assert world.rollout.group == 2 and canary


def test_no_time_passes_for_a_device_that_is_not_heard() -> None:
    world = World(plan())
    world.go()
    away, other = world.say_all(UpdateState.DOWNLOADING)
    world.go()
    world.silent |= {away, other}
    world.go(86_400, steps=30)
    assert world.member(away).state is MemberState.DOWNLOADING
    world.silent.clear()
    world.go()
    assert world.member(away).state is MemberState.DOWNLOADING
    world.go(86_400, steps=2)
    assert world.member(away).state is MemberState.TIMED_OUT


def test_a_canary_that_nobody_hears_opens_nothing() -> None:
    world = World(plan(deadline_s=1e9))
    world.silent = set(world.facts)
    world.go(86_400, steps=20)
    assert world.rollout.group == 0 and world.told() == []


def test_one_that_comes_back_after_its_group_went_through_is_served() -> None:
    world = World(plan())
    world.silent = {"d03"}
    world.now += timedelta(hours=1)
    world.through_canary()
    world.say_all(UpdateState.CONFIRMED)
    world.go()
    assert world.is_now(RolloutState.COMPLETED) and "d03" not in world.told()
    world.silent.clear()
    world.go()
    assert "d03" in world.told()
    world.say("d03", UpdateState.CONFIRMED)
    world.go()
    assert world.member("d03").state is MemberState.CONFIRMED


def test_one_that_appears_late_joins_but_never_the_canary() -> None:
    world = World(plan())
    world.go()
    for number in range(40, 60):
        world.add(f"d{number}")
    world.go()
    assert {world.member(f"d{number}").group for number in range(40, 60)} == {1}
    assert len(world.told()) == 2
    world.say_all(UpdateState.CONFIRMED)
    world.go(steps=2)
    world.say_all(UpdateState.CONFIRMED)
    world.go()
    world.add("d99")
    world.go()
    assert "d99" in world.told()


def test_too_many_failures_halt_it_and_nothing_more_is_assigned() -> None:
    world = World(plan())
    world.through_canary()
    for device in world.of(MemberState.ASSIGNED)[:3]:
        world.say(device, UpdateState.REFUSED, reason_code="slow", reason="too slow")
    world.go()
    assert world.is_now(RolloutState.HALTED)
    assert "rest: 3 of 8" in world.rollout.why
    world.add("d77")
    world.go(steps=3)
    assert "d77" not in world.told()


def test_an_old_report_is_not_taken_for_one_of_the_new_attempt() -> None:
    world = World(plan())
    world.go()
    bad, _ = world.of(MemberState.ASSIGNED)
    world.say(bad, UpdateState.REFUSED)
    world.go()
    world.take(retry_failed(world.rollout, "", world.now))
    world.take(resume(world.rollout, "", world.now))
    world.go(steps=3)
    assert world.member(bad).state is MemberState.ASSIGNED
    assert [order.number for order in world.orders if order.device == bad] == [1, 2]


def test_a_later_rollout_has_the_device() -> None:
    world = World(plan())
    world.go()
    taken = world.of(MemberState.PENDING)[0]
    world.facts[taken] = replace(world.facts[taken], held=Held(9, rank=2))
    world.say_all(UpdateState.CONFIRMED)
    world.go(steps=3)
    assert world.member(taken).state is MemberState.SUPERSEDED and taken not in world.told()


def test_an_alarming_machine_is_left_alone_and_left_for_later() -> None:
    world = World(plan(timeouts=Timeouts(pending=3600.0)))
    world.facts["d05"] = replace(world.facts["d05"], alarming_since=NOON)
    world.through_canary()
    world.go(steps=2)
    assert "d05" not in world.told()
    world.say_all(UpdateState.CONFIRMED)
    world.go(4000, steps=2)
    assert tally(world.rollout, world.member("d05").group, world.now).deferred == 1
    assert world.is_now(RolloutState.COMPLETED)
    world.facts["d05"] = replace(world.facts["d05"], alarming_since=None)
    world.go()
    assert "d05" in world.told()


def test_only_in_the_hours_of_group_and_machine() -> None:
    night = MaintenanceWindow("Europe/Berlin", time(22), time(4))
    early = MaintenanceWindow("Europe/Berlin", time(20), time(23))
    world = World(plan(groups=(replace(CANARY, share=1.0, windows=(night,)),)))
    world.facts["d00"] = replace(world.facts["d00"], windows=(early,))
    world.go(3600, steps=8)  # 20:00 UTC, 21:00 in Berlin
    assert world.told() == []
    world.go(3600)  # 22:00 in Berlin
    assert len(world.told()) == 10
    ends = {order.device: order.expires for order in world.orders}
    assert ends["d00"] == datetime(2026, 3, 2, 22, tzinfo=UTC)
    assert ends["d01"] == datetime(2026, 3, 3, 3, tzinfo=UTC)
    world.go(3600, steps=2)
    assert world.of(MemberState.PENDING) == ["d00"], "its hours are over"


def test_a_device_that_never_begins_in_its_hours_fails_in_the_end() -> None:
    hour = MaintenanceWindow("UTC", time(13), time(14))
    world = World(plan(groups=(replace(CANARY, share=1.0, windows=(hour,)),)), n_devices=1)
    world.go(600, steps=9 * 24 * 6)
    assert world.of(MemberState.TIMED_OUT) == ["d00"] and len(world.orders) > 3


def test_a_deadline_halts_it_and_needs_another_to_go_on() -> None:
    world = World(plan(deadline_s=3600.0))
    world.go(3700)
    assert (world.rollout.state, world.rollout.why) == (RolloutState.HALTED, "its deadline is over")
    with pytest.raises(RolloutError, match="new one"):
        resume(world.rollout, "", world.now)
    world.take(resume(world.rollout, "", world.now, world.now + timedelta(hours=1)))
    world.go()
    assert len(world.told()) == 2


def test_filters_choose_devices_and_groups() -> None:
    chosen = plan(
        where=Filter({"site": ("north",)}),
        groups=(Group("one line", where=Filter({"line": ("3",)})), Group("the site")),
    )
    world = World(chosen, n_devices=0)
    for number in range(6):
        site = "north" if number < 4 else "south"
        labels = {"site": site, "line": str(number)}
        world.add(f"d{number}", attributes=labels)
    world.add("x1", family="fan", attributes={"site": "north"})
    world.go()
    assert world.told() == ["d3"]
    assert set(world.rollout.members) == {"d0", "d1", "d2", "d3"}


def test_it_waits_for_a_first_group_that_has_nobody_yet() -> None:
    world = World(plan(), n_devices=0)
    world.go(steps=2)
    assert world.rollout.group == -1 and "no device" in explain(world.rollout, world.now).sentence
    world.add("d1")
    world.go()
    assert world.told() == ["d1"]


def test_success_must_last_as_long_as_was_asked() -> None:
    world = World(plan(groups=(replace(CANARY, soak_s=600.0), REST)))
    world.go()
    world.say_all(UpdateState.CONFIRMED)
    world.go(steps=9)
    assert world.rollout.group == 0
    world.go(steps=3)
    assert world.rollout.group == 1


def test_one_that_runs_it_already_needs_no_order() -> None:
    world = World(plan())
    for device in world.facts:
        world.say(device, UpdateState.CONFIRMED, in_charge=NEW.version, rollout="", assignment=0)
    world.go(steps=3)
    assert world.orders == [] and world.is_now(RolloutState.COMPLETED)


def test_more_alarms_of_the_updated_halt_it() -> None:
    world = World(plan(groups=(replace(CANARY, share=0.2, soak_s=1e6), REST), deadline_s=1e8), n_devices=40)
    world.go()
    canary = world.say_all(UpdateState.CONFIRMED)
    world.go(steps=10)
    assert world.is_now(RolloutState.RUNNING)
    for device in canary[:6]:
        world.facts[device] = replace(world.facts[device], alarms=(world.now, world.now))
        world.go()
    assert world.is_now(RolloutState.HALTED)
    assert "more alarms than the others" in world.rollout.why


def test_one_machine_alone_is_no_evidence() -> None:
    group = replace(CANARY, share=0.025, soak_s=1e6)
    world = World(plan(groups=(group, REST), deadline_s=1e8, false_halt=0.5), n_devices=40)
    world.go()
    (canary,) = world.say_all(UpdateState.CONFIRMED)
    world.go(steps=3)
    world.facts[canary] = replace(world.facts[canary], alarms=(world.now,))
    world.go(steps=3)
    assert world.is_now(RolloutState.RUNNING)


def test_a_bad_night_for_all_halts_nothing() -> None:
    world = World(plan(groups=(replace(CANARY, share=0.2, soak_s=1e6), REST), deadline_s=1e8), n_devices=40)
    world.go()
    world.say_all(UpdateState.CONFIRMED)
    world.go(steps=10)
    for device in world.facts:
        world.facts[device] = replace(world.facts[device], drifts=(world.now,), alarms=(world.now,))
        world.go()
    assert world.is_now(RolloutState.RUNNING)
