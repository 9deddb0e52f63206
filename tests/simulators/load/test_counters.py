"""Counts of several processes add up, and survive a file."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from simulators.load.counters import Ages, LoadCounters

ages_s = st.lists(st.floats(1e-3, 1e4), min_size=1, max_size=40)


def ages_of(values: list[float]) -> Ages:
    ages = Ages()
    for value in values:
        ages.add(value)
    return ages


@given(ages_s, st.floats(0.01, 1.0))
def test_a_quantile_is_at_most_two_per_cent_too_large(values: list[float], share: float) -> None:
    exact = sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]
    found = ages_of(values).quantile(share)
    assert found is not None
    assert exact * 0.999 <= found <= exact * 1.021


@given(ages_s, ages_s)
def test_merged_ages_are_those_of_all(one: list[float], other: list[float]) -> None:
    merged = ages_of(one)
    merged.merge(ages_of(other))
    assert merged == ages_of(one + other)


def test_no_ages_have_no_quantile() -> None:
    assert Ages().quantile(0.5) is None


def test_counts_survive_a_file_and_add_up() -> None:
    part = LoadCounters(offered=10, acknowledged=9, cpu_s=1.5, kinds=Counter(summary=10), ages=ages_of([1.0]))
    again = LoadCounters.read(json.loads(json.dumps(part.to_json())))
    assert again == part
    total = LoadCounters.total([part, again])
    assert (total.offered, total.acknowledged, total.cpu_s) == (20, 18, 3.0)
    assert total.kinds == {"summary": 20}
    assert total.ages.buckets.total() == 2
