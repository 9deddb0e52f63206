"""What one process did alone, beside the bare stages, and whether it reached its bar."""

from __future__ import annotations

import pytest

from cloud.store.rows import DeviceCounts
from industrialguard.bench.ingest.alone_rows import Alone
from industrialguard.bench.ingest.ceilings import Ceiling, Ceilings
from industrialguard.bench.ingest.course import Point, measure_stretch
from industrialguard.bench.ingest.usage import Usage

PASS = Ceiling("pass", 400.0, {"generator": 9.0, "broker": 0.1, "ingest": 0.2})
TAKEN = Ceiling("take", 900.0, {"broker": 0.1, "ingest": 0.1})
PRODUCE = Ceiling("produce", 800.0, {"ingest": 0.1, "Kafka": 0.2})
OWN = Ceilings((TAKEN, PRODUCE), cores=2, servers=frozenset({"broker", "Kafka"}))
SHOWN = Ceilings((PASS, TAKEN, PRODUCE), cores=2, servers=OWN.servers)


def point(time_s: float, done: int, cpu_s: float = 0.0) -> Point:
    return Point(time_s, done, {"ingest": Usage(cpu_s, 1)})


def alone(bar_per_s: float | None = None) -> Alone:
    stretch = measure_stretch([point(0.0, 0), point(1.0, 100, 0.5), point(6.0, 1100, 1.0)], 0)
    return Alone("a to b", "ingest", stretch, (1100, DeviceCounts(1100)), (SHOWN, OWN), bar_per_s)


def test_its_start_is_left_out() -> None:
    points = [point(0.0, 7), point(4.0, 7, 9.0), point(5.0, 17, 9.5), point(7.0, 57, 10.5)]
    stretch = measure_stretch(points, 7)
    assert (stretch.messages, stretch.seconds) == (40, 2.0)
    assert stretch.cpu_s == {"ingest": 1.0}


def test_what_one_look_found_is_counted_from_the_look_before() -> None:
    stretch = measure_stretch([point(0.0, 7), point(4.0, 7), point(5.0, 17)], 7)
    assert (stretch.messages, stretch.seconds) == (10, 1.0)


@pytest.mark.parametrize(("bar", "word"), [(200.0, "is met: 200/s"), (201.0, "is not met: 200/s")])
def test_the_bar_is_judged_by_the_runs_own_figures(bar: float, word: str) -> None:
    assert word in " ".join(alone(bar).sentences())
    assert "The bar of" not in " ".join(alone().sentences())


def test_it_stands_beside_the_slowest_stage_and_its_own_stages_together() -> None:
    rows = {row.name: {name: m.mean for name, m in row.metrics.items()} for row in alone().rows()}
    ours = rows["a to b"]
    assert ours["cpu_us_per_message"] == pytest.approx(500.0)
    assert ours["vs_slowest_ceiling_pct"] == pytest.approx(50.0)
    assert ours["vs_bare_together_pct"] == pytest.approx(100 * 200 / 4000)
    assert rows["bare stages together"]["cpu_s_per_1000"] == pytest.approx(0.5)
    assert rows["of it: ingest"]["bare_cpu_s_per_1000"] == pytest.approx(0.2)
