"""One life is answered alone as among many, and intervals are as wide as calibrated."""

from itertools import product

import numpy as np
import pytest

from contract.forecast import Bin, Calibration, assemble
from models.forecast import graph_forecast as module
from models.forecast.ensemble import Ensemble, build_parts
from models.rul import build_model
from tests.models.forecast.lives import WITH_EVENTS, fleet
from tests.models.forecast.networks import config, constants, with_events

LIVES = [life.cut(n) for life, n in product(with_events(fleet(5, first=400)), (1, 20, 38))]
WIDENED = Calibration((Bin(0.0, 1.0, 2.5), Bin(20.0, 2.0, -3.0)))


@pytest.fixture(scope="module")
def small() -> Ensemble:
    """Of one network that nobody trained."""
    sizes, known = config(WITH_EVENTS), constants()
    prepare, encoders = build_parts(sizes, known, 1)
    network = build_model(sizes, prepare, encoders)
    return Ensemble(sizes, known, encoders, network, {}, WIDENED, WIDENED)


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
