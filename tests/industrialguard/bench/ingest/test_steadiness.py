"""Growth is a slope beyond its error that comes to something; noise and warming up are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from industrialguard.bench.ingest.loads import Sample
from industrialguard.bench.ingest.steadiness import MIB, fit, judge
from industrialguard.bench.ingest.usage import Usage

RATE = 100.0


def samples(memory_mib: list[float], lags: list[int]) -> list[Sample]:
    return [
        Sample(10.0 * n, {"sink": Usage(float(n), round(mib * MIB))}, lag)
        for n, (mib, lag) in enumerate(zip(memory_mib, lags, strict=True))
    ]


def noise(size: float, count: int = 60) -> list[float]:
    return list(np.random.default_rng(1).normal(0, size, count))


def test_slope_and_error_are_those_of_least_squares() -> None:
    drawn = noise(1.0)
    trend = fit([(float(n), 5.0 * n + each) for n, each in enumerate(drawn)])
    assert trend is not None
    x = np.arange(30.0, 60.0)
    coefficients, covariance = np.polyfit(x, 5.0 * x + np.array(drawn[30:]), 1, cov=True)
    assert trend.slope_per_h == pytest.approx(3600 * coefficients[0])
    assert trend.error_per_h == pytest.approx(3600 * np.sqrt(covariance[0, 0]))


def test_what_warms_up_and_then_stays_does_not_grow() -> None:
    warming = [100.0 + min(n, 20) + each for n, each in enumerate(noise(0.2))]
    lags = [50 + round(each) for each in noise(20.0)]
    found = judge(samples(warming, lags), RATE)
    assert found.growing == []
    assert found.sentence().startswith("Neither memory nor lag grows.")


def test_what_grows_is_named() -> None:
    leaking = [100.0 + 0.3 * n + each for n, each in enumerate(noise(0.2))]
    found = judge(samples(leaking, [10 * n for n in range(60)]), RATE)
    assert found.growing == ["sink", "lag"]
    assert found.sentence().startswith("GROWING: sink and lag.")
    assert found.memory_figures()["sink"]["rss_slope_mib_per_h"] == pytest.approx(108, rel=0.1)
    assert found.lag_figures()["lag_slope_per_h"] == pytest.approx(3600)


def test_a_server_that_fills_its_heap_is_told_and_not_judged() -> None:
    given = [
        replace(each, usage={"Kafka": each.usage["sink"]})
        for each in samples([100.0 + n for n in range(60)], [0] * 60)
    ]
    found = judge(given, RATE)
    assert found.growing == []
    assert "that is set for them: Kafka +360.0 ± 0.0 MiB/h" in found.sentence()


def test_a_certain_slope_that_comes_to_nothing_is_no_growth() -> None:
    found = judge(samples([100.0 + 0.01 * n for n in range(60)], [n // 10 for n in range(60)]), RATE)
    assert found.growing == []


def test_of_too_few_samples_nothing_is_said() -> None:
    found = judge(samples([1.0] * 5, [0] * 5), RATE)
    assert found.growing == []
    assert found.sentence().startswith("Too short")
    assert not found.memory_figures()
    assert not found.lag_figures()
