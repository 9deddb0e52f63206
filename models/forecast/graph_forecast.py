"""A graph that forecasts, whatever is in it, asked about lives.

Rule: what is asked here is what is exported; nothing is added to it but the calibrated intervals, which
travel beside the file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contract.forecast import Calibration, Inputs, InputSpec, assemble
from contract.lives import Life
from models.forecast.fit import CHUNK
from models.forecast.truths import Forecasts
from models.keras3 import keras, ops


class GraphForecast:
    """A forecast whose answers come from one graph; whoever inherits has what is named here."""

    __slots__ = ()
    network: keras.Model
    """From raw inputs to `quantiles` and `mean`."""
    interval_90: Calibration
    """By how much p05 and p95 are corrected."""

    @property
    def inputs(self) -> InputSpec:
        """What is read of a life."""
        raise NotImplementedError

    def answer(self, inputs: Inputs) -> Inputs:
        """`quantiles` float32 (n, 7) and `mean` float32 (n, 1), in the type's time unit; not calibrated."""
        n = len(inputs["age"])
        chunks = ({name: v[at : at + CHUNK] for name, v in inputs.items()} for at in range(0, n, CHUNK))
        parts = [self.network(chunk, training=False) for chunk in chunks]
        return {name: np.concatenate([ops.convert_to_numpy(p[name]) for p in parts]) for name in parts[0]}

    def answer_lives(self, lives: Sequence[Life]) -> Inputs:
        """The same for lives as they stand after their last rows."""
        chunks = [lives[start : start + CHUNK] for start in range(0, len(lives), CHUNK)]
        parts = [self.answer(assemble(some, self.inputs)) for some in chunks]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def forecast(self, lives: Sequence[Life]) -> Forecasts:
        """What is said of lives after their last rows, with the calibrated 90 % interval."""
        said, horizon = self.answer_lives(lives), self.inputs.life.horizon
        return Forecasts.of_model(said["mean"][:, 0], said["quantiles"], horizon, self.interval_90)

    def export(self) -> bytes:
        """The TFLite file with one signature: inputs as `assemble` names them, `quantiles` and `mean` out."""
        from models.forecast.export import export_tflite

        return export_tflite(self.network, self.inputs)
