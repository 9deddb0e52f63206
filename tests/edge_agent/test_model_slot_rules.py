from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.slot_rules import (
    MOST_STARTS,
    Action,
    Booted,
    Broken,
    Cancelled,
    Closed,
    Declined,
    Event,
    Failed,
    Offered,
    Passed,
    Reported,
    TakenBack,
    step,
)
from edge_agent.slot_state import MOST_REFUSALS, Offer, Reason, Release, Result, Slot, SlotState, Stage

FACTORY = Release("pump", "1", "f" * 64, 10)
STRANGER = Release("fan", "1", "e" * 64, 10)
RELEASES = [Release("pump", str(n), str(n) * 64, 10) for n in range(2, 6)]
FRESH = SlotState({Slot.FACTORY: FACTORY})
TRIAL = (Stage.VERIFYING, Stage.STAGING, Stage.TESTING, Stage.SHADOW, Stage.PROBATION)

offers = st.builds(
    Offer, st.sampled_from([*RELEASES, STRANGER, FACTORY]), st.just("/tmp/x"), st.integers(1, 2)
)
slot_sets = st.sets(st.sampled_from([Slot.A, Slot.B])).map(frozenset)
events = st.one_of(
    st.builds(Offered, offers),
    st.just(Passed()),
    st.just(Passed()),
    st.just(Passed()),
    st.builds(Failed, st.sampled_from([r for r in Reason if r]), st.just("why")),
    st.just(Cancelled()),
    st.just(TakenBack()),
    st.builds(Declined, offers, st.just(Reason.DISK), st.just("why")),
    st.builds(Booted, st.sampled_from([FACTORY, STRANGER]), slot_sets),
    st.builds(Booted, st.just(FACTORY), st.just(frozenset(Slot))),
    st.builds(Broken, st.just("why")),
    st.just(Closed()),
    st.just(Reported()),
)


def after(state: SlotState, *happened: Event) -> SlotState:
    for event in happened:
        state, _ = step(state, event, 0.0)
    return state


def updated(state: SlotState, release: Release) -> SlotState:
    """Taken through every stage."""
    return after(state, Offered(Offer(release, "/tmp/x")), *[Passed()] * len(TRIAL))


def check(state: SlotState) -> None:
    """What must be so in every state."""
    assert state.in_charge in state.held and state.held[Slot.FACTORY].family in ("pump", "fan")
    assert state.fallback is None or (state.fallback in state.held and state.fallback != state.in_charge)
    assert (state.offer is None) == (state.stage is Stage.IDLE)
    assert len(state.refusals) <= MOST_REFUSALS
    if state.offer is not None and state.stage in (Stage.TESTING, Stage.SHADOW, Stage.PROBATION):
        assert state.held[state.candidate] == state.offer.release
    if state.stage in (Stage.VERIFYING, Stage.STAGING, Stage.TESTING, Stage.SHADOW):
        assert state.candidate not in (state.in_charge, Slot.FACTORY)
    report = state.report()
    assert report.version == state.held[state.in_charge].version
    if report.state in (Result.REFUSED, Result.ROLLED_BACK):
        assert report.reason and report.sentence


@settings(max_examples=600, deadline=None)
@given(st.integers(0, 2), st.lists(events, max_size=40))
def test_whatever_happens_every_state_holds_together(updates: int, happened: list[Event]) -> None:
    state = FRESH
    for release in RELEASES[:updates]:
        state = updated(state, release)
    for number, event in enumerate(happened):
        before = state
        state, actions = step(before, event, float(number))
        check(state)
        check_step(before, event, state, actions)


def check_step(before: SlotState, event: Event, state: SlotState, actions: tuple[Action, ...]) -> None:
    """What must be so of every step."""
    if isinstance(event, Booted):
        return
    is_switch = state.stage is Stage.PROBATION and before.stage is not Stage.PROBATION
    assert not is_switch or (before.stage is Stage.SHADOW and isinstance(event, Passed))
    changed = before.held[before.in_charge] != state.held[state.in_charge]
    assert changed == (Action.RUN in actions)
    if before.offer is not None and before.stage is not Stage.PROBATION and not isinstance(event, Broken):
        assert before.in_charge in state.held, "the old one is kept while a new one is tried"
    if before.stage is Stage.PROBATION:
        assert before.way_back in state.held, "and until the new one is confirmed"
    is_news = (before.stage, before.offer, before.outcome) != (state.stage, state.offer, state.outcome)
    assert not (is_news and state.is_reported)


@settings(max_examples=200, deadline=None)
@given(st.lists(events, max_size=20), st.sampled_from(RELEASES))
def test_from_wherever_it_stands_the_cloud_gets_a_device_onto_a_release(
    happened: list[Event], wanted: Release
) -> None:
    state = after(FRESH, *happened, Booted(FACTORY, frozenset(Slot)))
    for _ in range(3):
        state = after(state, Offered(Offer(wanted, "/tmp/x", attempt=9)), *[Passed()] * len(TRIAL))
    assert state.stage is Stage.IDLE and state.held[state.in_charge] == wanted
    assert state.report().state == Result.CONFIRMED and state.report().wanted == wanted.version


def test_a_release_goes_through_every_stage() -> None:
    state, actions = step(FRESH, Offered(Offer(RELEASES[0], "/tmp/x")), 5.0)
    seen = [(state.stage, actions)]
    while state.offer is not None:
        state, actions = step(state, Passed(), 6.0)
        seen.append((state.stage, actions))
    assert seen == [
        (Stage.VERIFYING, (Action.VERIFY,)),
        (Stage.STAGING, (Action.STAGE,)),
        (Stage.TESTING, (Action.TEST,)),
        (Stage.SHADOW, (Action.SHADOW,)),
        (Stage.PROBATION, (Action.RUN,)),
        (Stage.IDLE, (Action.CLEAN_UP,)),
    ]
    assert (state.in_charge, state.fallback, state.since_s) == (Slot.A, Slot.FACTORY, 6.0)


def test_updates_alternate_between_the_slots_and_keep_the_one_before() -> None:
    first = updated(FRESH, RELEASES[0])
    second = updated(first, RELEASES[1])
    third = updated(second, RELEASES[2])
    assert [s.in_charge for s in (first, second, third)] == [Slot.A, Slot.B, Slot.A]
    assert third.held == {Slot.FACTORY: FACTORY, Slot.B: RELEASES[1], Slot.A: RELEASES[2]}
    assert third.report().previous == RELEASES[1].version


@pytest.mark.parametrize("stage", TRIAL, ids=str)
def test_what_fails_is_left_and_not_tried_again(stage: Stage) -> None:
    before = updated(FRESH, RELEASES[0])
    state = after(before, Offered(Offer(RELEASES[1], "/tmp/x")), *[Passed()] * TRIAL.index(stage))
    assert state.stage is stage
    state = after(state, Failed(Reason.SLOW, "too slow"))

    assert state.held[state.in_charge] == RELEASES[0] and state.stage is Stage.IDLE
    said = state.report()
    expected = Result.ROLLED_BACK if stage is Stage.PROBATION else Result.REFUSED
    assert (said.state, said.reason, said.sentence) == (expected, Reason.SLOW, "too slow")
    again = after(state, Offered(Offer(RELEASES[1], "/tmp/x")))
    assert again.stage is Stage.IDLE and again.report() == said
    assert after(state, Offered(Offer(RELEASES[1], "/tmp/x", attempt=2))).stage is Stage.VERIFYING


def test_what_fails_before_it_is_staged_costs_nothing() -> None:
    second = updated(updated(FRESH, RELEASES[0]), RELEASES[1])
    state = after(second, Offered(Offer(RELEASES[2], "/tmp/x")), Failed(Reason.DAMAGED, "why"))
    assert (state.held, state.fallback) == (second.held, second.fallback)


@pytest.mark.parametrize("reason", [Reason.DISK, Reason.DAMAGED])
def test_what_is_not_the_releases_fault_may_be_handed_over_again(reason: Reason) -> None:
    state = after(FRESH, Offered(Offer(RELEASES[0], "/tmp/x")), Failed(reason, "why"))
    assert state.report().reason is reason
    assert after(state, Offered(Offer(RELEASES[0], "/tmp/x"))).stage is Stage.VERIFYING


def test_another_familys_release_is_refused() -> None:
    state = after(FRESH, Offered(Offer(STRANGER, "/tmp/x")))
    said = state.report()
    assert (said.state, said.reason) == (Result.REFUSED, Reason.FAMILY)
    assert said.sentence == "it is for fan, this machine is a pump"


def test_a_newer_assignment_takes_the_place_of_what_is_tried_but_not_of_a_probation() -> None:
    offer, other = Offered(Offer(RELEASES[0], "/tmp/x")), Offered(Offer(RELEASES[1], "/tmp/y"))
    for passed in range(4):
        state = after(FRESH, offer, *[Passed()] * passed, other)
        assert state.stage is Stage.VERIFYING and state.offer == other.offer
        assert set(state.held) == {Slot.FACTORY}
    probation = after(FRESH, offer, *[Passed()] * 4)
    assert after(probation, other) == probation
    back = after(probation, Offered(Offer(FACTORY, "/tmp/z")))
    assert back.in_charge is Slot.FACTORY and back.report().state == Result.CANCELLED


def test_a_cancelled_release_is_left_and_may_come_again() -> None:
    probation = after(FRESH, Offered(Offer(RELEASES[0], "/tmp/x")), *[Passed()] * 4)
    state = after(probation, Cancelled())
    assert (state.in_charge, state.report().state) == (Slot.FACTORY, Result.CANCELLED)
    assert after(state, Offered(Offer(RELEASES[0], "/tmp/x"))).stage is Stage.VERIFYING
    assert after(FRESH, Cancelled()) == FRESH, "and what is confirmed stays"


def test_crashes_are_counted_stage_by_stage_and_clean_ends_are_not() -> None:
    boot = Booted(FACTORY, frozenset(Slot))
    shadow = after(FRESH, Offered(Offer(RELEASES[0], "/tmp/x")), *[Passed()] * 3)
    for _ in range(10):
        shadow = after(shadow, Closed(), boot)
    crashed = after(shadow, *[boot] * (MOST_STARTS - 1))
    assert crashed.stage is Stage.SHADOW
    assert after(crashed, Passed()).starts == 1, "a stage begins with none"
    assert after(crashed, boot).report().reason is Reason.CRASH_LOOP


def test_a_self_test_that_ends_the_agent_is_not_tried_for_ever() -> None:
    """However the agent ended: the system may stop it cleanly because of the memory the test took."""
    boot = Booted(FACTORY, frozenset(Slot))
    state = after(FRESH, Offered(Offer(RELEASES[0], "/tmp/x")), *[Passed()] * 2)
    for _ in range(MOST_STARTS):
        state = after(state, Closed(), boot)
    assert state.report().reason is Reason.CRASH_LOOP


@pytest.mark.parametrize("is_way_back_whole", [True, False])
def test_damage_on_the_disk_puts_what_is_whole_in_charge(is_way_back_whole: bool) -> None:
    second = updated(updated(FRESH, RELEASES[0]), RELEASES[1])
    intact = frozenset({Slot.A}) if is_way_back_whole else frozenset()
    state = after(second, Booted(FACTORY, intact))
    assert state.held[state.in_charge] == (RELEASES[0] if is_way_back_whole else FACTORY)
    assert state.report().reason is Reason.DAMAGED
    assert after(state, Offered(Offer(RELEASES[1], "/tmp/x"))).stage is Stage.VERIFYING


def test_a_folder_that_was_another_kind_of_machines_begins_anew() -> None:
    state, actions = step(updated(FRESH, RELEASES[0]), Booted(STRANGER, frozenset(Slot)), 0.0)
    assert replace(state, since_s=0.0, is_reported=True) == SlotState({Slot.FACTORY: STRANGER})
    assert actions == (Action.CLEAN_UP,)


def test_a_person_takes_back_what_is_in_charge_or_what_is_tried() -> None:
    first = updated(FRESH, RELEASES[0])
    back, actions = step(first, TakenBack(), 0.0)
    assert (back.in_charge, back.report().reason) == (Slot.FACTORY, Reason.BY_HAND)
    assert Action.RUN in actions
    assert after(back, Offered(Offer(RELEASES[0], "/tmp/x"))).stage is Stage.IDLE
    again = after(back, Offered(Offer(RELEASES[0], "/tmp/x", attempt=2)), *[Passed()] * 5)
    gone = after(again, TakenBack(), Offered(Offer(RELEASES[0], "/tmp/x", attempt=2)))
    assert (again.in_charge, gone.stage) == (Slot.A, Stage.IDLE), "not under the same attempt again"
    assert after(FRESH, TakenBack()) == FRESH
    tried = after(first, Offered(Offer(RELEASES[1], "/tmp/x")), *[Passed()] * 3, TakenBack())
    assert (tried.in_charge, tried.report().state) == (Slot.A, Result.REFUSED)


def told(state: SlotState) -> tuple[str, int, str]:
    report = state.report()
    return report.state, report.attempt, report.rollout


def asked(release: Release, attempt: int, rollout: str = "r1") -> Offered:
    return Offered(Offer(release, "/tmp/x", attempt, rollout))


def test_every_report_names_the_assignment_that_it_is_about() -> None:
    state = after(FRESH, asked(RELEASES[0], 5))
    assert told(state) == ("verifying", 5, "r1")
    assert told(after(state, Failed(Reason.SLOW, "why"))) == ("refused", 5, "r1")
    state = after(state, *[Passed()] * len(TRIAL))
    assert told(state) == ("confirmed", 5, "r1")
    assert told(after(state, TakenBack())) == ("rolled_back", 5, "r1")
    assert told(after(state, asked(STRANGER, 6, "r2"))) == ("refused", 6, "r2")


def test_what_is_in_charge_is_confirmed_anew_for_whoever_asks_for_it() -> None:
    state = after(updated(FRESH, RELEASES[0]), asked(RELEASES[0], 8, "r2"))
    assert told(state) == ("confirmed", 8, "r2") and not state.is_reported
    same = after(replace(state, is_reported=True), asked(RELEASES[0], 8, "r2"))
    assert same.is_reported, "and once only"
    gone = after(state, TakenBack())
    assert told(gone) == ("rolled_back", 8, "r2")
    assert after(gone, asked(RELEASES[0], 8, "r2")).stage is Stage.IDLE, (
        "the assignment that stands is no reason"
    )


def test_what_is_tried_goes_on_for_whoever_asked_last() -> None:
    state = after(FRESH, asked(RELEASES[0], 5), Passed(), Passed(), asked(RELEASES[0], 6, "r2"))
    assert (state.stage, told(state)) == (Stage.TESTING, ("testing", 6, "r2"))
    assert told(after(state, asked(RELEASES[0], 5))) == ("testing", 6, "r2"), "an older one is no news"
    assert told(after(state, Failed(Reason.SLOW, "why"))) == ("refused", 6, "r2")


def test_the_same_bytes_go_by_the_name_that_they_are_assigned_under() -> None:
    named = replace(FACTORY, version="1-0a1b2c3d4e5f")
    state = after(FRESH, asked(named, 2))
    assert state.report().version == state.report().wanted == named.version
    assert after(state, Booted(FACTORY, frozenset())) == state, "also after a restart"
    newer = after(state, Booted(replace(FACTORY, version="1b", sha256="b" * 64), frozenset()))
    assert (newer.report().version, newer.report().state) == ("1b", "none"), "others were confirmed by nobody"
