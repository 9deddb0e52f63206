"""What an ensemble's networks say of the machines that they did not learn from.

Rule: each machine is spoken of by the one network of its fold, and quantiles are read as in the served graph.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from contract.forecast import Inputs
from contract.lives import Life
from models.forecast.ensemble import Ensemble, build_parts
from models.forecast.fit import Cuts, ask, prepare_cuts
from models.forecast.truths import Floats
from models.keras3 import ops
from models.rul import Answer

Chances = npt.NDArray[np.float32]
"""float32 (n, n_bins + 1)."""


def ask_left_out(ensemble: Ensemble, asked: Cuts) -> Chances:
    """What is said of each cut by the encoder that did not learn from its machine."""
    chance = np.zeros((len(asked), ensemble.config.n_bins + 1), np.float32)
    fold = np.array([ensemble.fold_of[str(machine)] for machine in asked.machines])
    for number, encoder in enumerate(ensemble.encoders):
        is_held = fold == number
        if is_held.any():
            chance[is_held] = ask(encoder, asked.take(is_held))
    return chance


def say(chances: Chances, horizon: float) -> Inputs:
    """`quantiles` and `mean` of chances, as a graph answers them."""
    answer = Answer(horizon, chances.shape[1] - 1)(ops.convert_to_tensor(chances))
    return {name: ops.convert_to_numpy(value) for name, value in answer.items()}


def say_left_out(ensemble: Ensemble, lives: Sequence[Life]) -> Floats:
    """What is expected of each life as it stands, by the encoder that did not learn from its machine.

    Args:
        ensemble: Whose.
        lives: Of machines that it was trained on.

    Returns:
        float64 (n,), in the type's time unit.
    """
    prepare, _ = build_parts(ensemble.config, ensemble.constants, 0)
    cuts = prepare_cuts(prepare, ensemble.inputs, lives)
    return say(ask_left_out(ensemble, cuts), ensemble.inputs.life.horizon)["mean"][:, 0].astype(np.float64)
