"""Small forecasting networks for tests: few rows, few lives, a moment to build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from contract.forecast import Inputs, InputSpec, assemble
from contract.lives import Life, LifeSpec
from models.forecast.prepare import Prepare
from models.forecast.train import measure_lives
from models.keras3 import keras, ops
from models.rul import Answer, Constants, RulConfig, build_encoder, learn_summaries, look_back
from tests.models.forecast.lives import SPEC, WITH_EVENTS, event, fleet

N_EVENTS = 4
N_BINS = 10


def constants() -> Constants:
    """Of a fleet with three operating conditions."""
    return measure_lives(fleet(6))


def config(
    life: LifeSpec = SPEC, n_rows: int = 40, head_rows: int = 20, *, uses_age: bool = True
) -> RulConfig:
    """Of a network that reads so many rows, and events where the type has any."""
    inputs = InputSpec(life, n_rows, N_EVENTS if life.events else 0, head_rows)
    return RulConfig(
        inputs,
        layers=1,
        n_bins=N_BINS,
        uses_age=uses_age,
        look_back=look_back(n_rows),
        statistics_width=32,
    )


def prepared(lives: Sequence[Life], prepare: Prepare, inputs: InputSpec) -> Inputs:
    """What an encoder reads of lives."""
    return to_numpy(prepare(assemble(lives, inputs)))


def to_numpy(values: Inputs) -> Inputs:
    """Tensors as arrays."""
    return {name: np.asarray(ops.convert_to_numpy(value)) for name, value in values.items()}


def with_events(lives: Sequence[Life]) -> list[Life]:
    """The same lives, each with two errors."""
    return [
        replace(life, events=(event(life.age[-1] / 4, "e1"), event(life.age[-1] / 2, "e2"))) for life in lives
    ]


def event_encoder() -> tuple[RulConfig, Prepare, keras.Model]:
    """An encoder that reads rows and events, and what comes before it."""
    sizes = config(WITH_EVENTS)
    prepare = Prepare(sizes, constants())
    encoder = build_encoder(sizes, prepare)
    seen = [life.cut(n_rows) for life in with_events(fleet(6)) for n_rows in range(1, len(life.age), 5)]
    learn_summaries(encoder, prepared(seen, prepare, sizes.inputs)["summary"])
    return sizes, prepare, encoder


def distribution(chance: npt.ArrayLike, horizon: float) -> Inputs:
    """What is said of one distribution over bins and what lies beyond."""
    values = np.asarray(chance, np.float32)[None]
    said = to_numpy(Answer(horizon, values.shape[1] - 1)(ops.convert_to_tensor(values)))
    return {name: each[0] for name, each in said.items()}
