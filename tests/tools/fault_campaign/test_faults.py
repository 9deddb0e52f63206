"""The same seed plans the same faults, and nobody is spared."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tools.fault_campaign.faults import FaultKind, FaultPlan, Target, draw_faults


def test_the_same_seed_plans_the_same_faults() -> None:
    one, again, other = (draw_faults(FaultPlan(seed=seed)) for seed in (1, 1, 2))
    assert one == again != other


@given(st.integers(1, 300), st.integers(0, 300), st.integers(0, 1000))
def test_every_target_is_hit_equally_often(n_faults: int, n_outages: int, seed: int) -> None:
    plan = FaultPlan(n_faults, min(n_outages, n_faults), seed=seed)
    faults = draw_faults(plan)
    hits = Counter(fault.target for fault in faults)
    assert len(faults) == n_faults
    assert max(hits.values()) - min(hits[target] for target in Target) <= 1
    outages = [fault for fault in faults if fault.kind is FaultKind.OUTAGE]
    assert len(outages) == plan.outages
    assert {fault.hold_s for fault in outages} <= {plan.outage_s}
    assert not faults[0].is_early
