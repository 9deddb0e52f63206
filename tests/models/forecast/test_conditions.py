"""Operating conditions are found from settings, and sensors are read by what is usual in them."""

from dataclasses import replace

import numpy as np
import pytest

from contract.lives import Life, Rows
from models.forecast.conditions import Conditions, Usual
from tests.models.forecast.lives import SPEEDS, fleet, wearing


def without_settings(life: Life) -> Life:
    return replace(life, settings=np.zeros((len(life.age), 0), np.float32))


def settings_of(lives: list[Life]) -> Rows:
    return np.concatenate([life.settings for life in lives])


@pytest.mark.parametrize("n_conditions", [1, 2, 3])
def test_as_many_conditions_as_there_are(n_conditions: int) -> None:
    lives = fleet(8, n_conditions=n_conditions)
    conditions = Conditions.find(settings_of(lives))
    assert len(conditions) == n_conditions
    for life in lives:
        nearest = np.abs(life.settings[:, :1] - np.array(SPEEDS[:n_conditions])).argmin(axis=1)
        codes = conditions.of(life.settings)
        for code in range(n_conditions):
            assert len(set(nearest[codes == code])) <= 1, "one code is one speed"


def test_noise_is_one_condition() -> None:
    random = np.random.default_rng(0)
    life = replace(wearing(0, 100), settings=random.normal(0, 1e-3, (100, 2)).astype(np.float32))
    assert len(Conditions.find(settings_of([life]))) == 1


@pytest.mark.parametrize("value", [0.0, 100.0])
def test_a_setting_that_never_changes_tells_nothing(value: float) -> None:
    life = replace(wearing(0, 30), settings=np.full((30, 2), value, np.float32))
    conditions = Conditions.find(settings_of([life]))
    assert len(conditions) == 1
    moved = np.array([[value + 5, value]], np.float32)
    assert conditions.of(moved).tolist() == [0]


def test_without_settings_there_is_one_condition() -> None:
    conditions = Conditions.find(settings_of([without_settings(wearing(0))]))
    assert len(conditions) == 1
    assert conditions.of(np.zeros((4, 0), np.float32)).tolist() == [0] * 4


def test_a_row_whose_settings_are_not_known_has_a_condition_too() -> None:
    lives = fleet(4)
    holes = replace(lives[0], settings=lives[0].settings.copy())
    holes.settings[3] = np.nan
    conditions = Conditions.find(settings_of([holes, *lives[1:]]))
    assert len(conditions) == 3
    assert conditions.of(holes.settings)[3] in range(3)


def test_sensors_no_longer_tell_the_condition() -> None:
    lives = fleet(20)
    conditions = Conditions.find(settings_of(lives))
    usual = Usual.of_lives(lives)
    values = np.concatenate([usual.standardise(life) for life in lives])
    codes = np.concatenate([conditions.of(life.settings) for life in lives])
    for code in range(3):
        assert values[codes == code].mean(axis=0) == pytest.approx(0, abs=1e-6)
        assert values[codes == code].std(axis=0) == pytest.approx(1, abs=1e-6)


def test_a_constant_sensor_is_zero_and_one_that_was_not_measured_is_unknown() -> None:
    life = wearing(0, 20, n_conditions=1)
    life.sensors[:, 1] = 518.67
    life.sensors[4, 0] = np.nan
    usual = Usual.of_lives([life])
    values = usual.standardise(life)
    assert (values[:, 1] == 0).all()
    assert np.isnan(values[4, 0])
    assert np.isfinite(np.delete(values, 4, axis=0)).all()
    later = replace(life, sensors=life.sensors + 1)
    assert (usual.standardise(later)[:, 1] == 0).all(), "what never varied in training says nothing later"


def test_a_sensor_that_was_never_seen_says_nothing() -> None:
    life = wearing(0, 20, n_conditions=1)
    life.sensors[:, 2] = np.nan
    usual = Usual.of_lives([life])
    assert usual.standardise(wearing(1, 20, n_conditions=1))[:, 2].tolist() == [0] * 20


def test_what_is_usual_is_learned_from_training_alone() -> None:
    train, other = fleet(6), wearing(9)
    usual = Usual.of_lives(train)
    before = usual.standardise(other)
    other.sensors[-1] = 1e6
    assert np.array_equal(usual.standardise(other)[:-1], before[:-1])
