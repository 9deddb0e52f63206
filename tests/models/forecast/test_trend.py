"""Trends are drawn on to the level at which other lives ended."""

import doctest
from dataclasses import replace

import numpy as np
import pytest

from contract.lives import End, Life, LifeSpec
from models.errors import TooLittleDataError
from models.forecast import trend
from models.forecast.trend import (
    Trend,
    TrendSpec,
    error_pct_of_life,
    fit_trend,
    fit_variant,
    list_variants,
    read_indicator,
    residual_life,
    usual_life,
)
from tests.models.forecast.lives import SPEC

BEARING = LifeSpec("bearing", "s", 1e5, (), ("h_rms", "v_rms", "temp"), components=("bearing",))
EXPONENTIAL = TrendSpec(0, is_relative=False, is_exponential=True, window=1.0, onset=0.0)


def growing(number: int, n: int, level: float = 8.0, noise: float = 0.0) -> Life:
    """`h_rms` grows exponentially from 1 to the level at its end; the others say nothing."""
    random = np.random.default_rng(number)
    age = np.arange(n) * 10.0
    rms = np.exp(np.log(level) * age / age[-1]) * np.exp(random.normal(0, noise, n))
    sensors = np.stack([rms, random.uniform(1, 2, n), np.full(n, 70.0)], axis=1).astype(np.float32)
    return Life(f"b{number}", "bearing", 0, age, np.zeros((n, 0), np.float32), sensors, End.FAILED, age[-1])


def test_an_exponential_is_drawn_on_to_its_end() -> None:
    fitted = fit_variant([growing(1, 400), growing(2, 500), growing(3, 900)], EXPONENTIAL)
    life = growing(4, 300)
    said = fitted.follow(life)
    assert error_pct_of_life(said, life)[50:].max() < 4
    assert fitted.level == pytest.approx(np.log(8), rel=0.02)


def test_a_row_knows_nothing_later() -> None:
    fitted = fit_variant([growing(1, 400, noise=0.1), growing(2, 500, noise=0.1)], EXPONENTIAL)
    life = growing(4, 300, noise=0.1)
    for variant in list_variants(BEARING)[::7]:
        followed = Trend(variant, fitted.level, fitted.lengths).follow(life)
        for n_rows in (1, 8, 40, 200):
            cut = Trend(variant, fitted.level, fitted.lengths).follow(life.cut(n_rows))
            assert followed[:n_rows] == pytest.approx(cut, rel=1e-6, abs=1e-6)


def test_where_nothing_rises_the_usual_life_is_said() -> None:
    others = [growing(1, 400), growing(2, 500), growing(3, 900)]
    fitted = fit_variant(others, EXPONENTIAL)
    flat = growing(4, 300, level=1.0)
    assert fitted.follow(flat) == pytest.approx(usual_life(fitted.lengths, flat.age))


def test_a_trend_is_believed_only_after_its_onset() -> None:
    others = [growing(1, 400), growing(2, 500)]
    life = growing(4, 300, noise=0.3)
    careful = replace(EXPONENTIAL, onset=10.0)
    said = fit_variant(others, careful).follow(life)
    usual = usual_life(np.array([3990.0, 4990.0]), life.age)
    assert np.array_equal(said[:30], usual[:30])


def test_the_variant_is_chosen_by_the_training_machines() -> None:
    # Only h_rms tells: a variant of v_rms would be wrong on those left out.
    lives = [growing(number, 200 + 90 * number, noise=0.05) for number in range(5)]
    fitted = fit_trend(lives, BEARING)
    assert fitted.spec.sensor == 0
    unseen = growing(9, 333, noise=0.05)
    usual = usual_life(fitted.lengths, unseen.age)
    said = error_pct_of_life(fitted.follow(unseen), unseen).mean()
    assert said < 0.6 * error_pct_of_life(usual, unseen).mean()


def test_indicators_are_the_sensors_named_so_else_all() -> None:
    assert {variant.sensor for variant in list_variants(BEARING)} == {0, 1}
    assert {variant.sensor for variant in list_variants(SPEC)} == {2}
    plain = replace(BEARING, sensors=("a", "b", "c"))
    assert {variant.sensor for variant in list_variants(plain)} == {0, 1, 2}


def test_one_training_machine_takes_the_plainest_variant() -> None:
    assert fit_trend([growing(1, 300)], BEARING).spec == list_variants(BEARING)[0]


def test_lives_that_have_not_ended_teach_no_level() -> None:
    alive = replace(growing(1, 300, level=2.0), machine="alive", end=End.RUNNING)
    fitted = fit_trend([growing(2, 300), alive], BEARING)
    assert len(fitted.lengths) == 1
    with pytest.raises(TooLittleDataError, match="there is none"):
        fit_trend([alive], BEARING)


def test_rows_that_were_not_measured_repeat_the_last_value() -> None:
    life = growing(1, 100)
    life.sensors[50:, 0] = np.nan
    values = read_indicator(life, EXPONENTIAL)
    assert np.isfinite(values).all()
    assert np.ptp(values[60:]) == 0
    life.sensors[:] = np.nan
    assert read_indicator(life, EXPONENTIAL).tolist() == [0.0] * 100


def test_remaining_life_by_lengths() -> None:
    lengths, age = np.array([10.0, 20.0, 90.0]), np.array([0.0, 15.0, 50.0, 100.0])
    assert residual_life(lengths, age).tolist() == [40, 40, 40, 0]
    assert usual_life(lengths, age).tolist() == [10, 5, 40, 0]


def test_the_usual_life_has_the_least_error_in_percent() -> None:
    lengths = np.sort(np.random.default_rng(0).lognormal(3, 1, 31))
    best = usual_life(lengths, np.zeros(1))[0]
    errors = [np.mean(np.abs(guess - lengths) / lengths) for guess in (*lengths, best)]
    assert errors[-1] == pytest.approx(min(errors))


def test_the_examples() -> None:
    result = doctest.testmod(trend)
    assert result.attempted > 0
    assert result.failed == 0
