"""What the Transform measures is what plain training measures."""

from __future__ import annotations

import numpy as np
import pytest

from contract.profiles import format_profile
from models.dataset import fleet_wander
from models.errors import TooLittleDataError
from models.stages.window_measures import measure_windows
from tests.models.stages.fans import PROFILE, Odd, make_fan


def test_the_wander_is_that_of_plain_training() -> None:
    fans = [make_fan(number, Odd(seconds=120 + 20 * number)).vectors for number in range(3)]
    features = np.concatenate([[vector.values for vector in fan.vectors] for fan in fans])
    regimes = np.array([vector.regime.encode() for fan in fans for vector in fan.vectors], object)
    lengths = np.array([len(fan.vectors) for fan in fans])
    found = measure_windows(format_profile(PROFILE), features, regimes, lengths)
    wanted = fleet_wander(fans, PROFILE)
    np.testing.assert_array_equal(found["spread"], wanted.spread)
    np.testing.assert_array_equal(found["slow"], wanted.slow)


def test_machines_are_not_run_together() -> None:
    halves = [make_fan(number, Odd(seconds=30)).vectors for number in range(4)]
    features = np.concatenate([[vector.values for vector in fan.vectors] for fan in halves])
    regimes = np.array([b""] * len(features), object)
    lengths = np.array([len(fan.vectors) for fan in halves])
    with pytest.raises(TooLittleDataError, match="no machine has 24 usable windows"):
        measure_windows(format_profile(PROFILE), features, regimes, lengths)
    measure_windows(format_profile(PROFILE), features, regimes, np.array([len(features)]))
