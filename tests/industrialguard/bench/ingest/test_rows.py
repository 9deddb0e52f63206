"""A load as rows: ratios, slopes, and nothing where nothing was measured."""

from __future__ import annotations

from collections import Counter

import pytest

from cloud.store.rows import DeviceCounts
from industrialguard.bench.ingest.ceilings import Ceiling
from industrialguard.bench.ingest.loads import GENERATOR_STAGE, Load, LoadResult, Sample
from industrialguard.bench.ingest.probe import Probe
from industrialguard.bench.ingest.rows import (
    MIB,
    lag_slope_per_min,
    main_row,
    stage_rows,
    vs_slowest_pct,
)
from industrialguard.bench.ingest.usage import Usage
from simulators.load.counters import Ages, LoadCounters

LOAD = Load("half-1", 2, 10)


def result(stored: int = 1000, duplicated: int = 0, n_samples: int = 4) -> LoadResult:
    counters = LoadCounters(
        offered=1000,
        acknowledged=1000,
        active_s=10.0,
        kinds=Counter(summary=1000),
        ages=Ages(Counter({3: 1}), 0.2),
    )
    samples = tuple(Sample(10.0 * n, {"sink": Usage(n, (100 + n) * MIB)}, 5 * n) for n in range(n_samples))
    cpu_s = {"ingest": 0.25, "sink": 0.5, GENERATOR_STAGE: 0.1}
    probe = Probe("sqlite:///none", LOAD.devices(), None)
    return LoadResult(LOAD, counters, DeviceCounts(stored, duplicated), probe, cpu_s, samples)


def test_the_road_is_the_sum_of_its_stages_without_the_load() -> None:
    metrics = main_row(result()).metrics
    assert metrics["messages_per_s"].mean == 100.0
    assert metrics["cpu_s_per_1000"].mean == pytest.approx(0.75)
    assert "p50_s" not in metrics  # nobody has looked


def test_each_stage_says_what_it_cost_and_whether_it_grows() -> None:
    rows = {row.name: row.metrics for row in stage_rows(result())}
    assert rows["of it: ingest"].keys() == {"cpu_s_per_1000"}
    assert rows["of it: sink"]["rss_mib"].mean == 103
    assert rows["of it: sink"]["rss_slope_mib_per_h"].mean == pytest.approx(360.0)
    assert lag_slope_per_min(result().samples) == pytest.approx(30.0)
    assert lag_slope_per_min(result(n_samples=2).samples) is None


def test_the_ratio_is_to_the_slowest_ceiling() -> None:
    ceilings = [Ceiling("a", 400.0, 0.1), Ceiling("b", 200.0, 0.1)]
    assert vs_slowest_pct(result(), ceilings) == pytest.approx(50.0)
    assert vs_slowest_pct(result(), []) is None


@pytest.mark.parametrize(("stored", "duplicated"), [(999, 0), (1001, 1), (1000, 1)])
def test_a_lost_or_doubled_message_shows(stored: int, duplicated: int) -> None:
    assert result().is_whole
    assert not result(stored, duplicated).is_whole
