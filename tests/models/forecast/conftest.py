"""A forecast that was trained for a moment, shared by all that ask it."""

from __future__ import annotations

import pytest

from models.forecast.ensemble import Ensemble
from models.forecast.fit import FitSpec
from models.forecast.train import Material, TrainSpec, train
from tests.models.forecast.lives import WITH_EVENTS, fleet
from tests.models.forecast.networks import with_events

QUICK = TrainSpec(
    seed=1,
    n_folds=2,
    n_rows=40,
    n_events=4,
    n_cuts=200,
    n_judged=200,
    fit=FitSpec(epochs=2, steps=10, batch=32, rate=5e-3, ema=0.8),
)
"""Judged by every row of every life, so that a test can repeat it."""


@pytest.fixture(scope="session")
def material() -> Material:
    """Seven machines of three operating conditions; all failed."""
    return Material(WITH_EVENTS, with_events(fleet(7)))


@pytest.fixture(scope="session")
def ensemble(material: Material) -> Ensemble:
    """Two networks that have learned little, with their intervals."""
    return train(material, QUICK)
