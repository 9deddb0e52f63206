"""Baselines on one machine's windows."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from contract.bundle import load_bundle
from contract.features import FeatureVector, compute_features
from contract.profiles import load_profile
from industrialguard.bench.edge_parts import cut_windows
from industrialguard.bench.sim_baselines import ALARM_OF, Episode, always, make_alarm, warmup_windows
from models.baselines import MeanAbsoluteZ

PROFILE = load_profile("pump")
WARMUP = warmup_windows(PROFILE)
COUNT = WARMUP + 60
QUIET = WARMUP + 20
"""Windows before the machine shakes."""


@pytest.fixture(scope="module")
def healthy() -> list[FeatureVector]:
    profile = load_bundle("pump").profile
    return [compute_features(window, profile) for window in cut_windows(profile, COUNT)]


def shaken(vectors: Sequence[FeatureVector], feature: str, last: int = COUNT) -> list[FeatureVector]:
    """The same machine with some features thirty times as large from `QUIET` on, until `last`."""
    names = list(load_bundle("pump").manifest.features)
    columns = [number for number, name in enumerate(names) if name.endswith(feature)]
    out = []
    for number, vector in enumerate(vectors):
        values = vector.values.copy()
        if QUIET <= number < last:
            values[columns] *= 30
        out.append(replace(vector, values=values))
    return out


def times(vectors: Sequence[FeatureVector]) -> list[float]:
    return [5.0 * number for number in range(len(vectors))]


@pytest.mark.parametrize("name", [name for name in ALARM_OF if name != "always alarm"])
def test_each_notices_a_machine_that_shakes(healthy: list[FeatureVector], name: str) -> None:
    vectors = shaken(healthy, "_rms")
    episodes = ALARM_OF[name](PROFILE, times(vectors), vectors)
    assert any(5.0 * QUIET <= e.raised_s < 5.0 * (QUIET + 12) for e in episodes)


def test_rms_alone_sees_nothing_else(healthy: list[FeatureVector]) -> None:
    alone = make_alarm(MeanAbsoluteZ, features="vib_?_rms")
    calm = alone(PROFILE, times(healthy), healthy)
    for feature in ("_kurtosis", "_velocity_rms", "pressure_level"):
        vectors = shaken(healthy, feature)
        assert alone(PROFILE, times(vectors), vectors) == calm


def test_an_alarm_ends_when_it_is_over(healthy: list[FeatureVector]) -> None:
    vectors = shaken([*healthy, *healthy], "_rms", last=QUIET + 10)
    episodes = ALARM_OF["vibration RMS alone"](PROFILE, times(vectors), vectors)
    (found,) = [e for e in episodes if 5.0 * QUIET <= e.raised_s <= 5.0 * (QUIET + 10)]
    assert found.raised_s < found.cleared_s < 5.0 * len(vectors)


def test_no_alarm_before_the_warm_up_is_over(healthy: list[FeatureVector]) -> None:
    few = shaken(healthy, "_rms")[:WARMUP]
    for name, alarm in ALARM_OF.items():
        if name != "always alarm":
            assert alarm(PROFILE, times(few), few) == ()


def test_always_is_always() -> None:
    assert always(PROFILE, [], []) == (Episode(0.0, np.inf),)
