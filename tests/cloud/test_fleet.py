"""Who is worst, and what each place adds up to."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cloud.fleet import RANKS, OpenCase, PlaceCount, add_up, judge_cases, worst_of_each
from cloud.health import Health
from cloud.triage import Criticality

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOURS = st.integers(-100, 3000).map(lambda hours: NOON + timedelta(hours=hours))
CASES = st.builds(
    OpenCase,
    id=st.integers(1, 10**6),
    device_id=st.sampled_from(["a", "b", "c"]),
    symptom=st.sampled_from(["imbalance", "overheating", "drift", "sensor:vib_h", "unknown"]),
    opened_at=HOURS,
    is_new=st.booleans(),
    assignee=st.just(""),
    rests_until=st.none() | HOURS,
    score=st.floats(0, 1),
    is_active=st.booleans(),
    p10_at=st.none() | HOURS,
    criticality=st.sampled_from(Criticality),
)
COUNTS = st.lists(
    st.builds(
        PlaceCount,
        path=st.tuples(st.sampled_from("ns"), st.sampled_from(["", "a"]), st.sampled_from(["", "1", "2"])),
        health=st.sampled_from(Health),
        machines=st.integers(1, 50),
        due=st.integers(0, 3),
    ),
    max_size=20,
)


@given(st.lists(CASES, max_size=12, unique_by=lambda case: case.id))
def test_what_presses_most_comes_first(cases: list[OpenCase]) -> None:
    judged = judge_cases(cases, NOON)
    assert Counter(each.case for each in judged) == Counter(cases)
    for one, next_one in pairwise(judged):
        assert one.is_asleep <= next_one.is_asleep
        if one.is_asleep == next_one.is_asleep:
            assert one.assessment.urgency >= next_one.assessment.urgency
    worst = worst_of_each(judged)
    assert set(worst) == {case.device_id for case in cases}
    assert list(worst.values()) == sorted(worst.values(), key=lambda each: each.rank)


@given(COUNTS)
def test_a_place_adds_up_and_is_as_bad_as_its_worst(counts: list[PlaceCount]) -> None:
    plant = add_up(counts)
    assert (plant.machines, plant.due) == (sum(c.machines for c in counts), sum(c.due for c in counts))
    assert plant.worst is min((c.health for c in counts), key=RANKS.__getitem__, default=Health.UNKNOWN)
    for line in plant.lines:
        if line.path:
            own = [count for count in counts if count.path == line.path]
            assert line.counts == sum((Counter({c.health: c.machines}) for c in own), Counter())
    for branch in plant.branches.values():
        assert branch.machines == sum(each.machines for each in branch.branches.values())
