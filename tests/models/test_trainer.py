"""Machines that somebody else has divided are standardised as plain training does it."""

from __future__ import annotations

import numpy as np
import pytest

from models.dataset import MachineVectors, fleet_wander
from models.errors import TooLittleDataError
from models.trainer import prepare_sides
from tests.models.stages.fans import PROFILE, Odd, make_fan


@pytest.fixture(scope="module")
def fans() -> list[MachineVectors]:
    return [make_fan(number).vectors for number in range(4)]


def test_who_is_held_out_teaches_nothing(fans: list[MachineVectors]) -> None:
    wander = fleet_wander(fans[:3], PROFILE)
    data = prepare_sides(fans[:3], fans[3:], PROFILE, wander)
    assert [each.machine_id for each in data.learning] == ["fan-00", "fan-01", "fan-02"]
    assert [each.machine_id for each in data.held_out] == ["fan-03"]
    assert [each.machine_id for each in data.machines] == [fan.machine_id for fan in fans]
    np.testing.assert_array_equal(data.wander.spread, wander.spread)


def test_too_little_on_either_side_is_refused(fans: list[MachineVectors]) -> None:
    wander, short = fleet_wander(fans, PROFILE), make_fan(9, Odd(seconds=20)).vectors
    with pytest.raises(TooLittleDataError, match="contexts to learn from"):
        prepare_sides([short], fans, PROFILE, wander)
    with pytest.raises(TooLittleDataError, match="none of the 1 machines to calibrate on was"):
        prepare_sides(fans, [short], PROFILE, wander)
