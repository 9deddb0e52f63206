"""The smallest forecasts, trained and not, for tests of what is done with one."""

from itertools import product

from contract.forecast import Bin, Calibration
from models.forecast.ensemble import Ensemble, build_parts
from models.forecast.fit import FitSpec
from models.forecast.train import Material, TrainSpec, train
from models.rul import build_model
from tests.models.eager import eagerly
from tests.models.forecast.lives import SPEC, WITH_EVENTS, fleet
from tests.models.forecast.networks import config, constants, with_events

TINY = TrainSpec(n_folds=2, n_rows=64, n_cuts=200, n_judged=2, fit=FitSpec(epochs=1, steps=2))


def tiny_ensemble(n_machines: int = 6) -> Ensemble:
    """Two encoders that learned next to nothing."""
    with eagerly():
        return train(Material(SPEC, fleet(n_machines)), TINY)


LIVES = [life.cut(n) for life, n in product(with_events(fleet(5, first=400)), (1, 20, 38))]
"""As they stand early, later and near their end."""
WIDENED = Calibration((Bin(0.0, 1.0, 2.5), Bin(20.0, 2.0, -3.0)))


def untrained_ensemble() -> Ensemble:
    """One encoder that learned nothing, with intervals that are not what it says."""
    sizes, known = config(WITH_EVENTS), constants()
    prepare, encoders = build_parts(sizes, known, 1)
    network = build_model(sizes, prepare, encoders)
    return Ensemble(sizes, known, encoders, network, {"m1": 0}, WIDENED, WIDENED, {"rmse": 3.5, "crps": None})
