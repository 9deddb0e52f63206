"""One life is answered alone as among many, and intervals are as wide as calibrated."""

import numpy as np
import pytest

from contract.forecast import assemble
from models.forecast import graph_forecast as module
from models.forecast.ensemble import Ensemble
from tests.models.forecast.ensembles import LIVES, WIDENED, untrained_ensemble
from tests.models.forecast.lives import WITH_EVENTS


@pytest.fixture(scope="module")
def small() -> Ensemble:
    return untrained_ensemble()


def test_many_lives_are_asked_in_parts(small: Ensemble, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = small.answer_lives(LIVES)
    monkeypatch.setattr(module, "CHUNK", 4)
    for parts in (small.answer_lives(LIVES), small.answer(assemble(LIVES, small.inputs))):
        for name, values in at_once.items():
            np.testing.assert_allclose(parts[name], values, rtol=1e-5, atol=1e-5)
    assert at_once["quantiles"].shape == (len(LIVES), 7)
    assert at_once["mean"].shape == (len(LIVES), 1)


def test_a_forecast_is_widened_as_calibrated(small: Ensemble) -> None:
    said, forecasts = small.answer_lives(LIVES), small.forecast(LIVES)
    quantiles, horizon = said["quantiles"].astype(float), WITH_EVENTS.horizon
    lower, upper = WIDENED.apply(quantiles[:, 3], quantiles[:, 0], quantiles[:, -1], horizon)
    np.testing.assert_allclose(forecasts.lower, lower, rtol=1e-6)
    np.testing.assert_allclose(forecasts.upper, upper, rtol=1e-6)
    assert (np.abs(forecasts.lower - quantiles[:, 0]) > 0.5).any()
    np.testing.assert_allclose(forecasts.mean, said["mean"][:, 0], rtol=1e-6)
