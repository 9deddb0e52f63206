"""Alerts become cases, and people do with them what they may."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.alerts import AlertKind
from cloud.cases import (
    DRIFT,
    STANDS_ON,
    UNKNOWN,
    AlertFacts,
    Case,
    CaseState,
    Change,
    What,
    acknowledge,
    assign,
    close,
    comment,
    release,
    reopen,
    snooze,
    take_alerts,
)
from cloud.errors import CaseError
from cloud.findings import Finding
from contract.labels import Verdict

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
FALSE = Finding(Verdict.FALSE_ALARM, NOW)


def alert(number: int, hint: str = "", kind: AlertKind = AlertKind.ANOMALY, **values: object) -> AlertFacts:
    at = NOW - 2 * HOUR + timedelta(minutes=number)
    facts = AlertFacts(number, kind, at, at, True, 0.8, hint)
    return replace(facts, **values)  # type: ignore[arg-type]


def case(**values: object) -> Case:
    return replace(Case("pump-7", UNKNOWN, NOW - HOUR, frozenset({1}), id=5), **values)  # type: ignore[arg-type]


def fold(cases: list[Case], alerts: list[AlertFacts], now: datetime = NOW) -> list[Case]:
    """All cases of a machine after its alerts were taken, new ones numbered."""
    kept = {each.id: each for each in cases}
    for change in take_alerts("pump-7", cases, alerts, now):
        number = change.case.id or max(kept, default=0) + 1
        kept[number] = replace(change.case, id=number)
    return list(kept.values())


def whats(change: Change) -> list[What]:
    return [entry.what for entry in change.entries]


def test_a_hundred_alerts_of_one_thing_are_one_case() -> None:
    (only,) = fold([], [alert(number, "imbalance") for number in range(1, 101)])
    assert only.symptom == "imbalance" and len(only.alerts) == 100
    assert only.opened_at == alert(1).opened_at


def test_things_that_differ_are_cases_of_their_own() -> None:
    alerts = [
        alert(1, "imbalance"),
        alert(2, "cavitation"),
        alert(3, kind=AlertKind.DRIFT),
        alert(4, kind=AlertKind.SENSOR_FAULT, sensor="vib_h"),
        alert(5, kind=AlertKind.SENSOR_FAULT, sensor="current"),
    ]
    symptoms = {each.symptom for each in fold([], alerts)}
    assert symptoms == {"imbalance", "cavitation", DRIFT, "sensor:vib_h", "sensor:current"}


def test_an_alert_that_nobody_can_name_belongs_to_what_the_machine_has() -> None:
    (only,) = fold([], [alert(1, "imbalance"), alert(2)])
    assert (only.symptom, set(only.alerts)) == ("imbalance", {1, 2})


def test_an_alert_that_shows_later_what_it_is_names_its_case() -> None:
    (before,) = fold([], [alert(1)])
    (change,) = take_alerts("pump-7", [before], [alert(1, "imbalance")], NOW)
    assert change.case.symptom == "imbalance" and whats(change) == [What.SYMPTOM_CHANGED]


def test_two_cases_that_turn_out_to_be_one_are_merged() -> None:
    unknown, named = case(), case(id=6, symptom="imbalance", alerts=frozenset({2}))
    changes = {
        each.case.id: each for each in take_alerts("pump-7", [unknown, named], [alert(1, "imbalance")], NOW)
    }
    kept, gone = (changes[number].case for number in (5, 6))
    assert (kept.symptom, set(kept.alerts), kept.is_open) == ("imbalance", {1, 2}, True)
    assert (gone.merged_into, gone.is_open) == (5, False)
    with pytest.raises(CaseError, match="case 5"):
        reopen(gone, "Jo", "it hums", NOW)


def test_what_was_seen_after_a_case_was_closed_is_a_new_one() -> None:
    closed = close(case(), "Jo", FALSE, NOW).case
    assert take_alerts("pump-7", [closed], [alert(1)], NOW + HOUR) == []
    back = alert(1, last_seen_at=NOW + HOUR)
    (change,) = take_alerts("pump-7", [closed], [back], NOW + HOUR)
    assert change.case.id == 0 and change.case.alerts == {1}
    later = replace(change.case, id=6)
    assert take_alerts("pump-7", [closed, later], [back], NOW + HOUR) == []


def test_an_alarm_that_outlives_its_case_is_a_new_one() -> None:
    closed = close(case(), "Jo", FALSE, NOW).case
    assert take_alerts("pump-7", [closed], [alert(1)], NOW + STANDS_ON - HOUR) == []
    (change,) = take_alerts("pump-7", [closed], [alert(1)], NOW + STANDS_ON)
    assert change.case.is_open and change.case.alerts == {1}
    again = close(replace(change.case, id=6), "Jo", FALSE, NOW + STANDS_ON).case
    assert take_alerts("pump-7", [closed, again], [alert(1)], NOW + STANDS_ON + HOUR) == []
    assert take_alerts("pump-7", [closed], [alert(1, is_active=False)], NOW + STANDS_ON) == []
    slow = alert(1, kind=AlertKind.DRIFT)
    assert take_alerts("pump-7", [closed], [slow], NOW + STANDS_ON) == [], "what drifts takes its time"


def test_another_alert_wakes_a_case_that_rests() -> None:
    resting = snooze(case(), "Jo", NOW + 24 * HOUR, "parts come tomorrow", NOW).case
    assert resting.is_asleep(NOW) and resting.state is CaseState.ACKNOWLEDGED
    (change,) = take_alerts("pump-7", [resting], [alert(1), alert(2)], NOW)
    assert not change.case.is_asleep(NOW) and What.WOKEN in whats(change)


def test_a_case_goes_from_seen_to_found() -> None:
    seen = acknowledge(case(), "Jo", NOW)
    assert (seen.case.state, whats(seen)) == (CaseState.ACKNOWLEDGED, [What.ACKNOWLEDGED])
    assert acknowledge(seen.case, "Kim", NOW) == Change(seen.case)
    taken = assign(seen.case, "Jo", "Kim", NOW, "knows this pump")
    assert (taken.case.state, taken.case.assignee) == (CaseState.ASSIGNED, "Kim")
    assert taken.entries[0].why == "to Kim: knows this pump"
    assert release(taken.case, "Kim", NOW).case.assignee == ""
    closed = close(taken.case, "Kim", FALSE, NOW).case
    assert (closed.state, closed.finding, closed.closed_at) == (CaseState.CLOSED, FALSE, NOW)
    again = reopen(closed, "Jo", "it hums again", NOW).case
    assert (again.state, again.finding, again.assignee) == (CaseState.ASSIGNED, None, "Kim")
    assert whats(comment(closed, "Jo", "photo in the folder", NOW)) == [What.COMMENTED]


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: acknowledge(case(state=CaseState.CLOSED), "Jo", NOW), "reopen it first"),
        (lambda: acknowledge(case(), "  ", NOW), "who you are"),
        (lambda: assign(case(), "Jo", " ", NOW), "who shall do it"),
        (lambda: release(case(), "Jo", NOW), "nobody is on it"),
        (lambda: snooze(case(), "Jo", NOW, "later", NOW), "that time is over"),
        (lambda: snooze(case(), "Jo", NOW + HOUR, " ", NOW), "why it may rest"),
        (lambda: comment(case(), "Jo", "", NOW), "says something"),
        (lambda: comment(case(), "Jo", "x" * 2001, NOW), "2000"),
        (lambda: close(case(), "Jo", replace(FALSE, found_at=NOW + HOUR), NOW), "future"),
        (lambda: reopen(case(), "Jo", "why not", NOW), "is open"),
        (lambda: reopen(case(state=CaseState.CLOSED), "Jo", "", NOW), "why it is not over"),
    ],
    ids=range(11),
)
def test_what_cannot_be_done_is_said(ask: object, sentence: str) -> None:
    with pytest.raises(CaseError, match=sentence):
        ask()  # type: ignore[operator]


HINTS = ("", "imbalance", "cavitation")
ALERTS = st.lists(
    st.builds(
        lambda number, hint, kind, active, seen: alert(
            number,
            hint,
            kind,
            sensor="vib" if kind is AlertKind.SENSOR_FAULT else "",
            is_active=active,
            last_seen_at=NOW + timedelta(hours=seen),
        ),
        st.integers(1, 12),
        st.sampled_from(HINTS),
        st.sampled_from(AlertKind),
        st.booleans(),
        st.integers(-1, 3),
    ),
    max_size=8,
    unique_by=lambda each: each.id,
)


@given(st.lists(st.tuples(ALERTS, st.integers(0, 3)), max_size=5))
def test_whatever_alerts_and_people_do_there_is_one_open_case_of_each_symptom(
    rounds: list[tuple[list[AlertFacts], int]],
) -> None:
    cases: list[Case] = []
    for number, (alerts, closing) in enumerate(rounds):
        now = NOW + number * HOUR
        cases = fold(cases, alerts, now)
        once = sorted(cases, key=lambda each: each.id)
        assert sorted(fold(cases, alerts, now), key=lambda each: each.id) == once, "again changes nothing"
        still_open = [each for each in cases if each.is_open]
        assert max(Counter(each.symptom for each in still_open).values(), default=1) == 1
        for each in alerts:
            holders = [found for found in cases if each.id in found.alerts]
            assert holders and sum(found.is_open for found in holders) <= 1
            if each.is_active and each.last_seen_at > now:
                assert any(found.is_open for found in holders), "what is still seen is still to do"
        if closing < len(still_open):
            ended = close(still_open[closing], "Jo", FALSE, now).case
            cases = [ended if each.id == ended.id else each for each in cases]


@given(ALERTS)
def test_the_order_of_alerts_does_not_matter(alerts: list[AlertFacts]) -> None:
    def shape(cases: list[Case]) -> set[tuple[str, frozenset[int]]]:
        return {(each.symptom, each.alerts) for each in cases}

    assert shape(fold([], alerts)) == shape(fold([], alerts[::-1]))
