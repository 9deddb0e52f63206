"""What policies came to, and how surely they differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from industrialguard.bench.fleet.rows import COMPARED, Compared, build_rows, compare
from industrialguard.bench.fleet.years import Maintenance, Years
from industrialguard.bench.report import Role
from simulators.year.ledger import Cost, Ledger


def ledger(downtime_h: float, cost: float) -> Ledger:
    found = Ledger(unplanned_h=downtime_h, used_h=40.0, possible_h=50.0)
    found.pay(Cost.PARTS, cost)
    return found


def years(ours: float) -> Years:
    rng = np.random.default_rng(1)
    base = rng.uniform(80, 120, 12)
    return {
        policy: [ledger(each * factor, 1000 * each * factor) for each in base]
        for policy, factor in zip(Maintenance, (2.0, 1.0, 0.9, ours), strict=True)
    }


def test_ours_is_the_main_row_and_all_but_time_based_are_compared_with_it() -> None:
    rows = build_rows(years(0.5))
    assert [row.name for row in rows] == [str(each) for each in reversed(Maintenance)]
    assert [row.is_main for row in rows] == [True, False, False, False]
    assert rows[0].role is Role.OURS
    for row in rows:
        compared = {name for name, metric in row.metrics.items() if isinstance(metric, Compared)}
        assert compared == (set() if row.name == Maintenance.TIME_BASED else set(COMPARED))
    cost = rows[0].metrics["cost"].to_json()
    assert cost["vs_time_based_pct"] == pytest.approx(-50) and cost["ci_high"] == pytest.approx(-50)


@given(st.lists(st.tuples(st.floats(1, 100), st.floats(1, 100)), min_size=2, max_size=15))
def test_an_interval_holds_its_change(pairs: list[tuple[float, float]]) -> None:
    found = compare([a for a, _ in pairs], [b for _, b in pairs])
    assert found is not None
    changes = [100 * (a / b - 1) for a, b in pairs]
    assert min(changes) - 1e-2 <= found.ci_low <= found.ci_high <= max(changes) + 1e-2


def test_what_is_missing_is_left_out_of_both() -> None:
    found = compare([1.0, None, 3.0], [2.0, 5.0, 6.0])
    assert found is not None and found.vs_time_based_pct == -50.0
    assert compare([None], [1.0]) is None
    assert compare([1.0, 2.0], [0.0, 1.0]) is None, "a plant without any cannot be divided by"
