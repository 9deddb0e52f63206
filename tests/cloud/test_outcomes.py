"""A forecast is held against what happened, and against nothing else."""

from __future__ import annotations

import pytest

from cloud.outcomes import MadeForecast, live_error, outcomes_of
from contract.forecast import Forecast
from tests.cloud.life_samples import DEVICE, at, event


def made(
    hours: float, mean: float = 50.0, component: str = "machine", horizon: float = 200.0
) -> MadeForecast:
    forecast = Forecast(mean, mean - 20, mean, mean + 20, horizon)
    return MadeForecast(DEVICE, component, at(hours), "1-abc", "dough_mixer", "h", forecast)


def test_each_forecast_of_a_life_that_failed_gets_its_true_remaining_life() -> None:
    early, late, after = made(10), made(40), made(70)
    outcomes = outcomes_of([early, late, after], [event("failure", 60)])
    assert [(o.made, o.remaining, o.error, o.is_covered) for o in outcomes] == [
        (early, 50.0, 0.0, True),
        (late, 20.0, 30.0, False),
    ]


def test_the_time_unit_is_the_forecasts() -> None:
    forecast = made(10)
    in_seconds = MadeForecast(
        DEVICE, "machine", at(10), "1-abc", "dough_mixer", "s", Forecast(3600, 3000, 3600, 4000, 9000)
    )
    (one, other) = outcomes_of([forecast, in_seconds], [event("failure", 11)])
    assert (one.remaining, other.remaining) == (1.0, 3600.0)


def test_what_was_replaced_or_still_runs_has_no_outcome() -> None:
    assert outcomes_of([made(10)], []) == []
    assert outcomes_of([made(10)], [event("replacement", 60)]) == []
    assert outcomes_of([made(10)], [event("replacement", 60), event("failure", 90)]) == []
    assert outcomes_of([made(10, component="gear")], [event("failure", 60)]) == []


def test_each_life_has_its_own_end() -> None:
    outcomes = outcomes_of([made(10), made(70)], [event("failure", 60), event("failure", 100)])
    assert [o.remaining for o in outcomes] == [50.0, 30.0]


def test_beyond_the_horizon_nothing_was_said_and_nothing_is_wrong() -> None:
    (outcome,) = outcomes_of([made(0, mean=200.0, horizon=200.0)], [event("failure", 5000)])
    assert (outcome.remaining, outcome.error, outcome.is_covered) == (5000.0, 0.0, True)
    (too_short,) = outcomes_of([made(0, mean=100.0, horizon=200.0)], [event("failure", 5000)])
    assert (too_short.error, too_short.is_covered) == (-100.0, False)


def test_each_failure_weighs_the_same_in_the_live_error() -> None:
    often = outcomes_of([made(hours, mean=61 - hours) for hours in range(50)], [event("failure", 60)])
    once = outcomes_of([made(70, mean=40.0)], [event("failure", 60), event("failure", 80)])
    found = live_error([*often, *once])
    assert found is not None
    assert (found.forecasts, found.failures, found.coverage) == (51, 2, 0.5)
    assert found.rmse == pytest.approx(((30.0**2 + 1) / 2) ** 0.5)
    assert live_error([]) is None
