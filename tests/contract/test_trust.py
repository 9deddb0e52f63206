"""Which sensors are believed in a window."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from contract.features import FeatureVector, feature_specs
from contract.profiles import load_profile
from contract.signals import QualityFlag
from contract.trust import DOUBTED_SHARE, doubted_shares, held_sensors, without_sensors

PUMP = load_profile("pump")
NAMES = [spec.name for spec in feature_specs(PUMP)]
NONE = QualityFlag.NONE


def window(
    sensor: str = "vib_h", counts: tuple[int, int, int] = (100, 0, 0), flags: QualityFlag = NONE
) -> FeatureVector:
    names = [s.name for s in PUMP.sensors]
    return FeatureVector(
        event_time_s=1.0,
        values=np.ones(len(NAMES), np.float32),
        valid=np.ones(len(NAMES), np.bool_),
        regime="full_load",
        gap_before=False,
        counts=dict.fromkeys(names, (5, 0, 0)) | {sensor: counts},
        flags=dict.fromkeys(names, NONE) | {sensor: flags},
        confidence=1.0,
    )


@pytest.mark.parametrize(
    ("counts", "flags", "share"),
    [
        ((100, 0, 0), NONE, None),
        ((90, 0, 10), QualityFlag.OUT_OF_RANGE, 0.1),
        ((0, 0, 100), QualityFlag.STUCK, 1.0),
        ((80, 20, 0), QualityFlag.CLIPPED, 0.2),
        ((50, 0, 50), QualityFlag.NOT_A_NUMBER, 0.5),
        ((2, 0, 0), QualityFlag.MISSING, 1.0),
        ((0, 0, 0), QualityFlag.MISSING, 1.0),
        ((99, 1, 0), QualityFlag.DUPLICATE, None),
        ((99, 1, 0), QualityFlag.CLOCK_JUMP, None),
        ((99, 1, 0), QualityFlag.GAP, None),
        ((89, 1, 10), QualityFlag.GAP | QualityFlag.NOT_A_NUMBER, 0.1),
    ],
)
def test_the_share_that_is_not_believed(
    counts: tuple[int, int, int], flags: QualityFlag, share: float | None
) -> None:
    expected = {} if share is None else {"vib_h": pytest.approx(share)}
    assert doubted_shares(window(counts=counts, flags=flags)) == expected


def test_one_sample_of_a_slow_sensor_is_worth_a_doubt() -> None:
    (share,) = doubted_shares(window("pressure", (4, 0, 1), QualityFlag.OUT_OF_RANGE)).values()
    assert share >= DOUBTED_SHARE


def held(feature: str) -> list[str]:
    vector = window()
    vector.values[NAMES.index(feature)] = 0.0
    return held_sensors(vector, PUMP)


def test_a_sensor_that_cannot_rest_is_doubted_before_it_is_stuck() -> None:
    assert held("pressure_spread") == ["pressure"]
    assert held("current_spread") == ["current"]
    assert held("pressure_level") == [], "zero bar is a reading"


def test_a_sensor_that_may_rest_is_believed() -> None:
    loop = load_profile("pump-loop")
    names = [spec.name for spec in feature_specs(loop)]
    resting = dataclasses.replace(window(), values=np.zeros(len(names), np.float32))
    assert held_sensors(resting, loop) == []


def test_a_doubted_sensor_is_left_out_and_nothing_else() -> None:
    vector = window()
    less = without_sensors(vector, {"vib_h"}, PUMP)
    own = np.array([spec.sensor == "vib_h" for spec in feature_specs(PUMP)])
    np.testing.assert_array_equal(less.valid, ~own)
    np.testing.assert_array_equal(np.isnan(less.values), own)
    assert less.confidence == pytest.approx(float(np.mean(~own)))
    assert vector.valid.all(), "the window itself is untouched"
    assert without_sensors(vector, set(), PUMP) is vector
