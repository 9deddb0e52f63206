"""k of the last n windows raise the alarm, a run of calm ones clears it, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.alarm_rule import AlarmEdge, AlarmRule
from contract.messages import AlarmTransition
from contract.profiles import AlarmSpec

SPEC = AlarmSpec(threshold=0.5, k=3, n=5, clear_below=0.3, clear_after=4)
"""As `MachineProfile.alarm_rule` gives it: with its threshold worked out."""
RAISED, CLEARED = AlarmTransition.RAISED, AlarmTransition.CLEARED

scores = st.lists(
    st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.1, 0.3, 0.4, 0.5, 0.9])), max_size=120
)


@st.composite
def specs(draw: st.DrawFn) -> AlarmSpec:
    n = draw(st.integers(1, 8))
    threshold = draw(st.floats(0.2, 0.9))
    return AlarmSpec(
        threshold=threshold,
        k=draw(st.integers(1, n)),
        n=n,
        clear_below=draw(st.floats(0.1, threshold)),
        clear_after=draw(st.integers(1, 6)),
    )


def edges(spec: AlarmSpec, values: Sequence[float | None]) -> list[AlarmEdge]:
    rule = AlarmRule(spec)
    return [edge for t, score in enumerate(values) if (edge := rule.update(float(t), score)) is not None]


def test_k_anomalous_windows_among_n_raise_it_at_the_kth() -> None:
    (edge,) = edges(SPEC, [0.1, 0.9, 0.1, 0.6, 0.1, 0.5])

    assert (edge.transition, edge.event_time_s, edge.since_s, edge.score) == (RAISED, 5.0, 1.0, 0.5)


def test_fewer_than_k_among_n_do_not() -> None:
    assert edges(SPEC, [0.9, 0.9, 0.1, 0.1, 0.1] * 10) == []


def test_a_window_older_than_n_does_not_count() -> None:
    assert edges(SPEC, [0.9, 0.9, 0.1, 0.1, 0.1, 0.9, 0.1]) == []


def test_calm_windows_must_come_in_a_row() -> None:
    raised = [0.9] * 3
    assert len(edges(SPEC, [*raised, 0.1, 0.1, 0.1, 0.3, 0.1, 0.1, 0.1])) == 1
    both = edges(SPEC, [*raised, 0.1, 0.1, 0.1, 0.1])
    assert [e.transition for e in both] == [RAISED, CLEARED]
    assert both[1].since_s == both[0].since_s == 0.0


def test_after_clearing_it_takes_fresh_evidence() -> None:
    values = [0.9] * 3 + [0.1] * 4 + [0.9] * 2
    assert len(edges(SPEC, values)) == 2
    assert len(edges(SPEC, [*values, 0.9])) == 3


def test_a_repair_ends_an_alarm_and_what_was_on_the_way_to_one() -> None:
    rule = AlarmRule(SPEC)
    for t in range(2):
        assert rule.update(float(t), 0.9) is None
    assert rule.end(2.0) is None, "there was none yet"
    assert [rule.update(float(t), 0.9) for t in (3, 4)] == [None, None], "it takes fresh evidence"
    raised = rule.update(5.0, 0.9)
    assert raised is not None and raised.since_s == 3.0
    assert rule.end(6.0) == AlarmEdge(CLEARED, 6.0, 3.0, 0.0)
    assert not rule.is_active and rule.end(7.0) is None


def test_unscored_windows_neither_advance_nor_reset() -> None:
    with_holes: list[float | None] = [0.9, None, 0.9, None, None, 0.9, None, 0.1, 0.1, None, 0.1, 0.1]
    assert [e.transition for e in edges(SPEC, with_holes)] == [RAISED, CLEARED]


@given(specs(), scores)
def test_edges_alternate_and_start_with_raised(spec: AlarmSpec, values: list[float | None]) -> None:
    transitions = [edge.transition for edge in edges(spec, values)]

    assert transitions == [RAISED, CLEARED] * (len(transitions) // 2) + [RAISED] * (len(transitions) % 2)


@given(specs(), scores, st.data())
def test_decisions_on_a_prefix_are_those_of_the_whole_run_cut_there(
    spec: AlarmSpec, values: list[float | None], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(values)))

    assert edges(spec, values[:cut]) == [e for e in edges(spec, values) if e.event_time_s < cut]


@given(specs(), scores)
def test_each_alarm_takes_k_anomalous_windows_that_no_other_took(
    spec: AlarmSpec, values: list[float | None]
) -> None:
    """What the expected number of false alarms a day rests on (`MachineProfile.alarm_rule`)."""
    raised = [edge for edge in edges(spec, values) if edge.transition is RAISED]
    anomalous = sum(v is not None and v >= spec.threshold for v in values)
    assert len(raised) * spec.k <= anomalous
    for one, other in pairwise(raised):
        assert one.event_time_s < other.since_s


@given(specs(), scores)
def test_unscored_windows_change_only_the_times(spec: AlarmSpec, values: list[float | None]) -> None:
    dense = [v for v in values if v is not None]

    assert [(e.transition, e.score) for e in edges(spec, values)] == [
        (e.transition, e.score) for e in edges(spec, dense)
    ]


@given(specs(), scores)
def test_raised_means_k_of_the_last_n_scored(spec: AlarmSpec, values: list[float | None]) -> None:
    for edge in edges(spec, values):
        upto = [v for v in values[: int(edge.event_time_s) + 1] if v is not None]
        if edge.transition is RAISED:
            assert sum(v >= spec.threshold for v in upto[-spec.n :]) >= spec.k
            first = values[int(edge.since_s)]
            assert first is not None and first >= spec.threshold
        else:
            assert all(v < spec.clear_below for v in upto[-spec.clear_after :])


@given(specs(), scores, st.data())
def test_state_survives_json_at_any_moment(
    spec: AlarmSpec, values: list[float | None], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(values)))
    first, second = AlarmRule(spec), AlarmRule(spec)
    found = [first.update(float(t), v) for t, v in enumerate(values[:cut])]
    second.restore(json.loads(json.dumps(first.to_state())))
    found += [second.update(float(cut + t), v) for t, v in enumerate(values[cut:])]

    assert [e for e in found if e] == edges(spec, values)


def test_it_says_whether_it_is_active() -> None:
    rule = AlarmRule(SPEC)
    found = []
    for t, score in enumerate([0.9] * 3 + [0.1] * 4):
        rule.update(float(t), score)
        found.append(rule.is_active)
    assert found == [False, False, True, True, True, True, False]


def test_a_longer_memory_than_n_is_cut_to_the_newest() -> None:
    rule = AlarmRule(SPEC)
    rule.restore({"since_s": None, "calm_run": 0, "anomalous_at": [1.0, 2.0, *[None] * 5]})
    assert rule.to_state()["anomalous_at"] == [None] * 5


@pytest.mark.parametrize(
    "state", [{}, {"since_s": "x", "anomalous_at": [], "calm_run": 0}, {"since_s": None, "anomalous_at": 3}]
)
def test_a_state_that_is_none_is_refused(state: dict[str, object]) -> None:
    rule = AlarmRule(SPEC)
    rule.update(0.0, 0.9)
    before = rule.to_state()
    with pytest.raises(ValueError, match=r"."):
        rule.restore(state)
    assert rule.to_state() == before, "nothing has been changed"
