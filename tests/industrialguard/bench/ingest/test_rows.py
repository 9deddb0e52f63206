"""A load as rows: ratios, slopes, and nothing where nothing was measured."""

from __future__ import annotations

from collections import Counter

import pytest

from cloud.store.rows import DeviceCounts
from industrialguard.bench.ingest.ceilings import Ceiling, Ceilings
from industrialguard.bench.ingest.loads import Load, LoadResult, Sample
from industrialguard.bench.ingest.places import GENERATOR_STAGE
from industrialguard.bench.ingest.probe import Probe
from industrialguard.bench.ingest.rows import (
    MIB,
    ceiling_rows,
    explain_ceilings,
    main_row,
    stage_rows,
    vs_pct,
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


CEILINGS = Ceilings(
    (
        Ceiling("pass", 400.0, {GENERATOR_STAGE: 0.4, "broker": 0.1, "ingest": 0.2}),
        Ceiling("pass otherwise", 100.0, {GENERATOR_STAGE: 9.0}, is_counted=False),
        Ceiling("copy", 200.0, {"sink": 0.3, "PostgreSQL": 0.2}),
    ),
    cores=2,
    servers=frozenset({"broker", "PostgreSQL"}),
)


def test_each_stage_says_what_it_cost_beside_what_it_would_cost_bare() -> None:
    rows = {row.name: row.metrics for row in stage_rows(result(), CEILINGS)}
    assert {name: metric.mean for name, metric in rows["of it: ingest"].items()} == {
        "cpu_s_per_1000": 0.25,
        "bare_cpu_s_per_1000": 0.2,
    }
    assert rows["of it: sink"]["rss_mib"].mean == 103
    assert "bare_cpu_s_per_1000" not in stage_rows(result())[0].metrics


def test_the_ratio_is_to_the_slowest_ceiling_of_the_road() -> None:
    assert vs_pct(100.0, CEILINGS.slowest) == pytest.approx(50.0)
    assert vs_pct(100.0, Ceilings().slowest) is None
    together = CEILINGS.together({}, {})
    assert "50 % of the slowest bare stage (copy, 200/s)" in explain_ceilings(100.0, CEILINGS, together)
    assert "cannot be seen" in explain_ceilings(100.0, CEILINGS, None)
    assert "No ceiling" in explain_ceilings(100.0, Ceilings(), None)


def test_a_ceilings_row_has_the_cost_of_all_its_processes() -> None:
    rows = {row.name: row.metrics for row in ceiling_rows(CEILINGS, CEILINGS.together({}, {}))}
    assert {name: metric.mean for name, metric in rows["pass"].items()} == {
        "messages_per_s": 400.0,
        "cpu_s_per_1000": pytest.approx(0.7),
        "servers_cpu_s_per_1000": 0.1,
    }
    assert rows["bare stages together"]["cpu_s_per_1000"].mean == pytest.approx(1.2)


@pytest.mark.parametrize(("stored", "duplicated"), [(999, 0), (1001, 1), (1000, 1)])
def test_a_lost_or_doubled_message_shows(stored: int, duplicated: int) -> None:
    assert result().is_whole
    assert not result(stored, duplicated).is_whole
