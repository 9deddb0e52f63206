"""Deltas of bundles are weighed as devices fetch them; a whole comparison takes real trainings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contract.bundle import load_bundle, parse_bundle
from industrialguard.bench.ota.deltas import (
    ALL,
    BEFORE,
    CALIBRATED,
    LAST,
    SCRATCH,
    compare,
    sum_up,
    take_snapshots,
    weigh,
)
from industrialguard.bench.ota.plan import Trainings
from industrialguard.bench.ota.publisher import CHANGED_SHARE, FAMILIES, make_release
from models.fault_trial import Trial

PUMP = load_bundle("pump")


def test_a_bundle_with_other_papers_is_a_delta_of_next_to_nothing() -> None:
    told = replace(PUMP, manifest=replace(PUMP.manifest, lineage={**PUMP.manifest.lineage, "seed": 2}))
    found = weigh(PUMP, told)
    assert found["unchanged_pct"] == 100
    assert (found["delta_pct"] or 100) < 2
    assert (found["packed_bytes"] or 0) < (found["bundle_bytes"] or 0)


def test_the_share_of_weights_that_stayed_is_told() -> None:
    first, second = (parse_bundle(make_release(FAMILIES[0], number).bundle) for number in (1, 2))
    found = weigh(first, second)
    assert found["unchanged_pct"] == pytest.approx(100 * (1 - CHANGED_SHARE), abs=3)
    assert (found["model_delta_bytes"] or 0) < (found["delta_bytes"] or 0) < len(first.model) / 2


def test_trials_are_summed_up_as_the_evaluator_does() -> None:
    tried = [Trial(0.9, True, 1, 2.0), Trial(0.7, False, 0, 2.0)]
    assert sum_up(tried) == {
        "auc_roc": pytest.approx(0.8),
        "events_found_pct": 50.0,
        "false_episodes_per_h": 0.25,
    }
    assert set(sum_up([]).values()) == {None}


@pytest.mark.slow
@pytest.mark.long
def test_adapting_makes_the_smaller_delta(tmp_path: Path) -> None:
    snapshots = take_snapshots(1, Trainings(machines=3, test_machines=2, seconds=2400, epochs=1), tmp_path)
    assert len(snapshots.after.machines) == 2 * len(snapshots.before.machines)
    known = {machine.machine_id for machine in snapshots.after.machines}
    assert not known & {machine.machine_id for machine in snapshots.test}
    found = dict(compare(snapshots, tmp_path))
    assert tuple(found) == (BEFORE, CALIBRATED, LAST, ALL, SCRATCH)
    sizes = [found[name]["delta_bytes"] or 0 for name in (CALIBRATED, LAST, ALL, SCRATCH)]
    assert sizes[0] < sizes[1] <= sizes[3] and sizes[2] < sizes[3] / 2
    assert all(figures["test_error"] for figures in found.values())
