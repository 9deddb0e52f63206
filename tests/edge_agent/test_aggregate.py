from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.features import FeatureVector, feature_specs
from contract.messages import MachineState
from contract.signals import QualityFlag
from edge_agent.aggregate import Aggregator, TimedSummary
from edge_agent.scorer import Verdict
from tests.edge_agent.rig import START_S, rig_profile

PROFILE = rig_profile()  # summary interval 4 s, hop 1 s
SPECS = feature_specs(PROFILE)
WATCHING = MachineState.WATCHING


def window(
    at: float, score: float | None = 0.1, level: float = 1.0, confidence: float = 1.0, regime: str = "running"
) -> tuple[Verdict, MachineState, FeatureVector]:
    values = np.full(len(SPECS), level, np.float32)
    vector = FeatureVector(
        START_S + at,
        values,
        np.isfinite(values),
        regime,
        False,
        MappingProxyType({"vib": (250, 4, 2)}),
        MappingProxyType({"vib": QualityFlag.CLIPPED if level > 5 else QualityFlag.NONE}),
        confidence,
    )
    return Verdict(START_S + at, WATCHING, score, confidence, regime), WATCHING, vector


def summarise(
    windows: list[tuple[Verdict, MachineState, FeatureVector]], flush: bool = True
) -> list[TimedSummary]:
    aggregator = Aggregator(PROFILE, SPECS)
    found = [s for w in windows for s in aggregator.add(*w)]
    return found + (aggregator.flush() if flush else [])


def ends(found: list[TimedSummary]) -> list[tuple[float, int]]:
    return [(round(s.event_time_s - START_S, 6), s.summary.window_count) for s in found]


def test_the_window_that_ends_an_interval_completes_its_summary() -> None:
    assert ends(summarise([window(float(t)) for t in range(1, 13)], flush=False)) == [
        (4.0, 4),
        (8.0, 4),
        (12.0, 4),
    ]


def test_the_grid_starts_with_the_first_window() -> None:
    assert ends(summarise([window(t + 0.375) for t in range(5, 15)], flush=False)) == [
        (8.375, 4),
        (12.375, 4),
    ]


def test_flush_covers_what_was_seen_since_the_last_boundary() -> None:
    found = summarise([window(float(t)) for t in range(1, 7)])

    assert ends(found) == [(4.0, 4), (6.0, 2)]
    assert [s.summary.interval_s for s in found] == [4.0, 2.0]
    assert summarise([]) == []
    assert len(summarise([window(float(t)) for t in range(1, 5)])) == 1, "nothing left to flush"


def test_a_silence_ends_an_interval_and_empty_ones_are_not_told() -> None:
    found = summarise([window(t) for t in (1.0, 2.0, 103.0, 104.0)], flush=False)

    assert ends(found) == [(4.0, 2), (104.0, 2)]


def test_a_silence_may_complete_two_at_once() -> None:
    assert ends(summarise([window(t) for t in (1.0, 2.0, 12.0)], flush=False)) == [(4.0, 2), (12.0, 1)]


def test_scores_are_summed_up_over_the_scored_windows() -> None:
    scores = [0.2, None, 0.8, 0.5]
    (found,) = summarise([window(t + 1.0, s) for t, s in enumerate(scores)])
    summary = found.summary

    assert (summary.window_count, summary.scored_count) == (4, 3)
    assert summary.score_mean == pytest.approx(0.5)
    assert (summary.score_max, summary.score_p50) == (0.8, 0.5)
    assert summary.score_p90 == pytest.approx(float(np.quantile([0.2, 0.5, 0.8], 0.9)))


def test_without_scores_there_are_none() -> None:
    (found,) = summarise([window(float(t), None) for t in range(1, 5)])

    assert (found.summary.scored_count, found.summary.score_max) == (0, 0.0)


def test_features_that_were_not_believed_are_left_out() -> None:
    levels = [1.0, math.nan, 3.0, math.nan]
    (found,) = summarise([window(t + 1.0, level=v) for t, v in enumerate(levels)])
    first = next(iter(found.summary.features))

    assert (first.name, first.mean, first.minimum, first.maximum) == (SPECS[0].name, 2.0, 1.0, 3.0)
    (blind,) = summarise([window(float(t), level=math.nan) for t in range(1, 5)])
    assert len(blind.summary.features) == 0


def test_quality_adds_up_and_flags_unite() -> None:
    (found,) = summarise([window(t + 1.0, level=9.0 if t == 2 else 1.0) for t in range(4)])
    (quality,) = found.summary.quality

    assert (quality.sensor, quality.good, quality.uncertain, quality.bad) == ("vib", 1000, 16, 8)
    assert quality.flags is QualityFlag.CLIPPED


def test_state_is_the_last_regime_the_most_frequent_and_confidence_the_mean() -> None:
    aggregator = Aggregator(PROFILE, SPECS)
    found = []
    for at, regime, state, confidence in [
        (1.0, "running", MachineState.WARMING_UP, 1.0),
        (2.0, "standstill", MachineState.STANDSTILL, 0.5),
        (3.0, "running", WATCHING, 1.0),
        (4.0, "running", MachineState.ALARMING, 0.5),
    ]:
        verdict, _, vector = window(at, confidence=confidence, regime=regime)
        found += aggregator.add(verdict, state, vector)

    summary = found[0].summary
    assert (summary.state, summary.regime, summary.confidence) == (MachineState.ALARMING, "running", 0.75)


def test_absurd_but_finite_features_still_make_a_summary() -> None:
    found = summarise([window(t + 1.0, level=v) for t, v in enumerate([3.4e38, -3.4e38, 1.0, 0.0])])

    assert next(iter(found[0].summary.features)).maximum == pytest.approx(3e38)


gaps = st.lists(st.sampled_from([1.0, 1.0, 1.0, 2.0, 5.0, 40.0]), min_size=1, max_size=60)


@given(gaps, st.data())
def test_every_window_is_in_exactly_one_summary_on_the_grid(steps: list[float], data: st.DataObject) -> None:
    times = np.cumsum(steps)
    scores = data.draw(
        st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=len(times), max_size=len(times))
    )
    found = summarise([window(float(t), s) for t, s in zip(times, scores, strict=True)])

    assert sum(s.summary.window_count for s in found) == len(times)
    assert sum(s.summary.scored_count for s in found) == sum(s is not None for s in scores)
    origin = START_S + times[0] - 1.0
    for timed in found[:-1]:
        assert ((timed.event_time_s - origin) / 4.0) % 1 == pytest.approx(0.0, abs=1e-6)
    assert [s.event_time_s for s in found] == sorted({s.event_time_s for s in found})
    assert max(s.summary.score_max for s in found) == max([s for s in scores if s is not None], default=0.0)
