from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.updates import UpdateReport, UpdateState
from edge_agent.slot_rules import Event, step
from edge_agent.slot_state import Reason, Result, Slot, SlotReport, SlotState, Stage
from edge_agent.update_rules import renew, translate
from tests.edge_agent.test_model_slot_rules import FRESH, events

WHEN = datetime(2026, 11, 20, tzinfo=UTC)
CONFIRMED = SlotReport("confirmed", "2", "1", "2", Reason.NONE, "", 1.8e9, 7, "r1", "pump", "ab")
SAID = UpdateReport(8, "r2", UpdateState.WAITING, "1", "3", "", WHEN, "busy", "later")


@given(st.lists(events, max_size=40))
def test_whatever_the_slots_say_can_be_told_and_is_true(happened: list[Event]) -> None:
    state = FRESH
    for number, event in enumerate(happened):
        state, _ = step(state, event, float(number))
        report = state.report()
        said = translate(report)
        assert said.in_charge == state.held[state.in_charge].version
        assert (said.assignment, said.rollout) == (report.attempt, report.rollout)
        is_news = report.state != Result.NONE
        assert not is_news or said.under_way == report.wanted


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (Stage.VERIFYING, UpdateState.VERIFIED),
        (Stage.STAGING, UpdateState.VERIFIED),
        (Stage.TESTING, UpdateState.SELF_TEST),
        (Stage.SHADOW, UpdateState.SHADOW),
        (Stage.PROBATION, UpdateState.PROBATION),
        (Result.REFUSED, UpdateState.REFUSED),
        (Result.ROLLED_BACK, UpdateState.ROLLED_BACK),
        (Result.CANCELLED, UpdateState.CANCELLED),
    ],
    ids=str,
)
def test_every_stage_and_outcome_has_its_word(state: Stage | Result, said: UpdateState) -> None:
    report = replace(CONFIRMED, state=state.value, wanted="3")
    assert translate(report).state is said


def test_a_device_that_was_handed_nothing_says_what_it_runs() -> None:
    said = translate(SlotState({Slot.FACTORY: FRESH.held[Slot.FACTORY]}).report())
    assert (said.state, said.assignment, said.in_charge, said.under_way) == (
        UpdateState.CONFIRMED,
        0,
        "1",
        "1",
    )


def test_a_sentence_of_a_library_fits_into_a_message() -> None:
    report = replace(CONFIRMED, state="refused", wanted="3", sentence="no\nsuch file " * 40)
    assert len(translate(report).reason) == 200


def test_what_waited_to_be_sent_says_what_is_in_charge_when_it_is() -> None:
    assert renew(SAID, CONFIRMED) == replace(SAID, in_charge="2", previous="1")
    early = replace(SAID, state=UpdateState.VERIFIED)
    assert renew(early, CONFIRMED).in_charge == "2"


def test_a_refusal_that_the_slots_never_saw_stays_one() -> None:
    refused = replace(SAID, state=UpdateState.REFUSED)
    assert renew(refused, CONFIRMED) == replace(refused, in_charge="2", previous="1")


def test_what_the_slots_said_is_said_as_they_say_it_now() -> None:
    stale = translate(replace(CONFIRMED, state="probation"))
    assert renew(stale, CONFIRMED) == translate(CONFIRMED)
    back = replace(CONFIRMED, state="rolled_back", version="1", previous="", reason=Reason.SLOW, sentence="s")
    assert renew(translate(CONFIRMED), back) == translate(back)
