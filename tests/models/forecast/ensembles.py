"""The smallest trained forecast, for tests of what is done with one."""

from models.forecast.ensemble import Ensemble
from models.forecast.fit import FitSpec
from models.forecast.train import Material, TrainSpec, train
from tests.models.forecast.lives import SPEC, fleet

TINY = TrainSpec(n_folds=2, n_rows=64, n_cuts=200, n_judged=2, fit=FitSpec(epochs=1, steps=2))


def tiny_ensemble(n_machines: int = 6) -> Ensemble:
    """Two encoders that learned next to nothing."""
    return train(Material(SPEC, fleet(n_machines)), TINY)
