"""What was paid adds up, and lives are counted by their hours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.year.ledger import Cost, Ledger


@given(st.lists(st.tuples(st.sampled_from(list(Cost)), st.floats(0, 1e6))))
def test_costs_add_up(paid: list[tuple[Cost, float]]) -> None:
    ledger = Ledger()
    for cost, euros in paid:
        ledger.pay(cost, euros)
    assert ledger.cost == pytest.approx(sum(euros for _, euros in paid))


def test_a_part_that_failed_was_used_whole() -> None:
    assert Ledger().life_used_pct is None
    ledger = Ledger()
    ledger.retire(100.0, 100.0)
    ledger.retire(130.0, 100.0)
    assert (ledger.used_h, ledger.possible_h, ledger.replaced) == (200.0, 200.0, 0)
    ledger.retire(50.0, 300.0)
    assert ledger.life_used_pct == 50.0 and ledger.replaced == 1
