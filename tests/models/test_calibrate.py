import numpy as np
import pytest

from models.calibrate import LEAST_SPREAD, fleet_error
from models.errors import TooLittleDataError
from tests.models.machines import PROFILE

NEEDED = PROFILE.warmup.calibration_windows


def test_location_is_of_the_calibration_and_spread_of_what_follows() -> None:
    errors = [
        np.concatenate([np.full(NEEDED, level), np.full(50, level * np.e)]) for level in (1.0, 2.0, 8.0)
    ]
    found = fleet_error(errors, PROFILE)
    assert found.location == pytest.approx(np.log(2.0))
    assert found.spread == pytest.approx(1.0)


def test_a_fleet_is_never_steadier_than_a_machine_can_be() -> None:
    assert fleet_error([np.ones(NEEDED + 5)], PROFILE).spread == LEAST_SPREAD
    # The alarm threshold of 0.5 lies 5.08 spreads up: the error must then have grown 2.8-fold.
    assert np.exp(5.08 * LEAST_SPREAD) == pytest.approx(2.8, abs=0.05)


def test_short_machines_are_left_out_and_only_short_ones_refused() -> None:
    long = np.full(NEEDED + 50, 3.0)
    assert fleet_error([np.full(NEEDED, 90.0), long], PROFILE) == fleet_error([long], PROFILE)
    with pytest.raises(TooLittleDataError, match=f"more than {NEEDED} windows"):
        fleet_error([np.ones(NEEDED)], PROFILE)
