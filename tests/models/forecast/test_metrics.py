"""Figures of forecasts, by hand and by their properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.forecast import LEVELS
from models.forecast.metrics import (
    METRICS,
    Judge,
    band_names,
    coverage_by_forecast,
    coverage_by_machine,
    coverage_by_truth,
    crps,
    is_covered,
    judge,
    level_weights,
    nasa_score,
    nmpiw,
    picp,
    rmse,
    rmse_near_end,
    rmse_uncapped,
    winkler,
)
from models.forecast.truths import N_LEVELS, Floats, Forecasts
from tests.models.forecast.samples import HORIZON, forecasts, truths

TIMES = st.floats(0, 300, allow_subnormal=False)


def test_all_figures_that_reports_name() -> None:
    figures = judge(forecasts([10, 50]), truths([12, 60]))
    assert list(figures) == [
        "rmse", "nasa_score", "rmse_rul_le_60", "rmse_uncapped", "picp", "nmpiw", "winkler", "crps"
    ]  # fmt: skip
    assert all(isinstance(value, float) for value in figures.values())


def test_errors_are_counted_up_to_the_horizon() -> None:
    said, came = forecasts([125, 120, 50, 13]), truths([200, 130, 60, 10])
    assert rmse(said, came) == pytest.approx(math.sqrt((0 + 25 + 100 + 9) / 4))
    assert rmse_near_end(said, came) == pytest.approx(math.sqrt((100 + 9) / 2))
    assert rmse_uncapped(said, came) == pytest.approx(math.sqrt((75**2 + 100 + 100 + 9) / 4))


def test_sixty_cycles_belong_to_the_end() -> None:
    assert rmse_near_end(forecasts([50, 0]), truths([60, 60.5])) == 10


def test_the_nasa_score_of_the_published_formula() -> None:
    said, came = forecasts([87, 110, 100]), truths([100, 100, 100])
    assert nasa_score(said, came) == pytest.approx((math.e - 1) + (math.e - 1) + 0)
    assert nasa_score(said, truths([300, 300, 300])) == pytest.approx(
        sum(math.exp((125 - value) / 13) - 1 for value in (87, 110, 100))
    )


@given(TIMES, st.floats(1, 40))
def test_late_costs_more_than_early(truth: float, error: float) -> None:
    came = truths([truth + 40], [False])
    middle = float(came.capped[0])
    late, early = nasa_score(forecasts([middle + error]), came), nasa_score(forecasts([middle - error]), came)
    assert late is not None
    assert early is not None
    assert late > early > 0


def test_an_interval_that_reaches_the_horizon_holds_what_lies_beyond() -> None:
    came = truths([125, 180, 124, 180, 180])
    said = forecasts([110] * 5, [100, 100, 100, 100, 110], [125, 125, 125, 124.9, 125])
    assert is_covered(said, came).tolist() == [True, True, True, False, True]


def test_rounding_to_float32_does_not_lose_the_horizon() -> None:
    almost = float(np.nextafter(np.float32(HORIZON), np.float32(0)))
    assert is_covered(forecasts([100], [90], [almost]), truths([140])).tolist() == [True]


def test_coverage_width_and_interval_score_by_hand() -> None:
    said = forecasts([50, 50, 50, 120], [40, 40, 40, 100], [60, 60, 60, 125])
    came = truths([60, 65, 37, 125])
    assert picp(said, came) == 0.5
    assert nmpiw(said, came) == pytest.approx((20 + 20 + 20 + 25) / 4 / HORIZON)
    assert winkler(said, came) == pytest.approx((20 + (20 + 100) + (20 + 60) + 25) / 4)


def test_a_censored_life_is_judged_once_it_has_outlasted_the_horizon() -> None:
    said = forecasts([10, 100], [5, 90], [15, 110])
    alive = truths([5, 130], [True, True])
    assert rmse(said, alive) == 25
    assert picp(said, alive) == 0
    assert rmse_uncapped(said, alive) is None


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_where_nothing_is_known_there_is_no_figure(metric: Judge) -> None:
    assert metric(forecasts([10]), truths([5], [True])) is None
    assert metric(forecasts([]), truths([])) is None


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_the_true_forecast_is_the_best(metric: Judge) -> None:
    came = truths([0, 30, 59, 100, 125])
    perfect, worse = metric(forecasts(came.capped), came), metric(forecasts(came.capped[::-1]), came)
    assert perfect is not None
    assert worse is not None
    if metric is nmpiw:
        assert perfect == worse == 0
    elif metric is picp:
        assert (perfect, worse) == (1, 0.2)
    else:
        assert perfect == 0 < worse


def test_not_one_forecast_for_each_truth() -> None:
    with pytest.raises(ValueError, match="2 forecasts cannot be judged by 1 truths"):
        judge(forecasts([1, 2]), truths([1]))


def test_level_weights_share_the_unit_interval() -> None:
    weights = level_weights()
    assert weights.sum() == pytest.approx(1)
    assert (weights == weights[::-1]).all() or np.allclose(weights, weights[::-1])
    levels = np.array(list(LEVELS.values()))
    assert weights @ levels == pytest.approx(0.5)


def test_crps_of_a_sure_forecast_is_its_error() -> None:
    # The pinball loss of one point at all levels: |error| times the level or its rest, a half on average.
    assert crps(forecasts([40]), truths([50])) == pytest.approx(10)
    assert crps(forecasts([60]), truths([50])) == pytest.approx(10)


@pytest.mark.parametrize("truth", [0.0, 20.0, 50.0, 90.0])
def test_crps_is_near_the_exact_one_of_a_uniform_distribution(truth: float) -> None:
    # ∫ (F(x) - 1{x >= y})² dx of the uniform distribution on 0 to 100.
    exact = 100 * ((truth / 100) ** 3 + (1 - truth / 100) ** 3) / 3
    levels: Floats = np.array(list(LEVELS.values()), np.float64) * 100
    said = Forecasts(levels[3:4], levels[None], levels[:1], levels[-1:])
    found = crps(said, truths([truth]))
    assert found == pytest.approx(exact, abs=1.1)
    above = truth - levels
    even = 2 * np.mean(np.maximum(levels / 100 * above, (levels / 100 - 1) * above))
    assert found is not None
    assert abs(found - exact) < abs(even - exact), "levels that are not evenly spaced do not weigh the same"


@given(TIMES, st.lists(st.floats(0, 125, allow_subnormal=False), min_size=N_LEVELS, max_size=N_LEVELS))
def test_crps_is_never_negative_and_at_most_the_worst_error(truth: float, values: list[float]) -> None:
    quantiles = np.sort(np.array([values]), axis=1)
    said = Forecasts(quantiles[:, 3], quantiles, quantiles[:, 0], quantiles[:, -1])
    came = truths([truth])
    score = crps(said, came)
    assert score is not None
    assert -1e-9 <= score <= np.abs(quantiles - came.capped[0]).max() + 1e-9


def test_coverage_by_band_of_the_truth() -> None:
    said = forecasts([10, 40, 40, 80, 100, 100], [5, 30, 30, 70, 90, 90], [15, 50, 50, 85, 110, 125])
    came = truths([30, 30.5, 60, 90, 124.5, 300])
    assert coverage_by_truth(said, came) == {"0-30": 0, "30-60": 0.5, "60-90": 0, "90-125": 0, "beyond": 1}


def test_coverage_by_band_of_the_forecast() -> None:
    said = forecasts([10, 12, 125], [5, 5, 100], [15, 15, 125])
    came = truths([12, 70, 300])
    by_forecast = coverage_by_forecast(said, came)
    assert by_forecast == {"0-30": 0.5, "30-60": None, "60-90": None, "90-125": None, "beyond": 1}


def test_bands_follow_the_horizon() -> None:
    assert band_names(250.0) == ("0-60", "60-120", "120-180", "180-250", "beyond")


def test_coverage_of_each_machine() -> None:
    said = forecasts([10, 10, 10], [5, 5, 5], [15, 15, 15])
    came = truths([10, 20, 3], [False, False, True], ["a", "a", "b"])
    assert coverage_by_machine(said, came) == {"a": 0.5}
