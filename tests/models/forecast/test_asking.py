"""A machine is spoken of by what did not learn from it."""

from dataclasses import replace

import numpy as np

from models.forecast.asking import say_left_out
from models.forecast.courses import leave_out
from models.forecast.ensemble import build_parts
from models.rul import build_model
from tests.models.forecast.ensembles import LIVES, untrained_ensemble


def test_each_machine_is_spoken_of_by_the_network_of_its_fold() -> None:
    one = untrained_ensemble()
    prepare, encoders = build_parts(one.config, one.constants, 2)
    folds = {life.machine: number % 2 for number, life in enumerate(LIVES[::3])}
    network = build_model(one.config, prepare, encoders)
    ensemble = replace(one, encoders=encoders, network=network, fold_of=folds)
    said = say_left_out(ensemble, LIVES)
    assert said.dtype == np.float64
    alone = [leave_out(ensemble, life.machine).answer_lives([life])["mean"][0, 0] for life in LIVES]
    np.testing.assert_allclose(said, alone, rtol=1e-5)
    assert not np.allclose(said, ensemble.answer_lives(LIVES)["mean"][:, 0], rtol=1e-3)
