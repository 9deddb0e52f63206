"""The exported file, run as the cloud runs it.

Rule: whatever judges a model in the pipeline asks this file, never the network that it was exported from;
only the serving gate compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from contract.forecast import LEVELS, Inputs, assemble
from contract.lives import Life
from contract.rul_bundle import MEAN, OUTPUTS, QUANTILES, RulBundle, read_rul_bundle
from models.errors import ModelFileError, NotReleasableError

BUNDLE_FILE = "model.igr"
MAX_DIFFERENCE = 1e-3
"""Of the horizon: float32 sums in another order differ by 1e-5, a wrong operation by more than 1e-2."""
BATCH = 128
"""Lives at a time: bounds memory, whatever the number of lives."""

_P05, _P50, _P95 = (list(LEVELS).index(name) for name in ("p05", "p50", "p95"))


class ServingModel:
    """A bundle and the runtime that the cloud runs it in.

    Raises:
        ModelFileError: the runtime refuses the model.
    """

    def __init__(self, bundle: RulBundle) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.manifest = bundle.manifest
        try:
            interpreter = Interpreter(model_content=bundle.model, num_threads=1)
            self._run = interpreter.get_signature_runner()
        except (ValueError, RuntimeError) as error:
            raise ModelFileError(
                f"model {bundle.manifest.version}: the runtime refuses it: {error}"
            ) from error

    def answer(self, inputs: Inputs) -> Inputs:
        """Raw outputs: `quantiles` float32 (n, 7) and `mean` float32 (n, 1), in the type's time unit.

        Raises:
            ModelFileError: the runtime fails on these inputs.
        """
        n = len(inputs["age"])
        parts: list[dict[str, Any]] = []
        for start in range(0, n, BATCH):
            try:
                parts.append(self._run(**{name: v[start : start + BATCH] for name, v in inputs.items()}))
            except (ValueError, RuntimeError, TypeError) as error:
                version = self.manifest.version
                raise ModelFileError(f"model {version}: the runtime fails on it: {error}") from error
        return {name: np.concatenate([part[name] for part in parts]) for name in OUTPUTS}

    def answer_lives(self, lives: Sequence[Life]) -> Inputs:
        """Raw outputs for lives as they stand after their last row."""
        return self.answer(assemble(lives, self.manifest.inputs))


@lru_cache(maxsize=4)
def load_serving_model(folder: str) -> ServingModel:
    """The model of an artifact's serving folder; kept, because several stages ask the same one.

    Raises:
        BundleError: it is damaged, or the runtime refuses it.
    """
    return ServingModel(read_rul_bundle(Path(folder) / BUNDLE_FILE))


def predict(path: str, lives: list[Life]) -> Any:
    """Expected RUL and calibrated 90 % interval, float64 (n, 3), as the exported file forecasts them.

    Raises:
        BundleError: the file is damaged, or the runtime refuses it.
    """
    model = load_serving_model(path)
    horizon = model.manifest.inputs.life.horizon
    answer = model.answer_lives(lives)
    quantiles = np.clip(answer[QUANTILES].astype(np.float64), 0, horizon)
    low, high = model.manifest.interval_90.apply(
        quantiles[:, _P50], quantiles[:, _P05], quantiles[:, _P95], horizon
    )
    return np.stack([np.clip(answer[MEAN][:, 0], 0, horizon), low, high], axis=1)


def require_same(served: Inputs, expected: Mapping[str, Any], named: Sequence[str], horizon: float) -> float:
    """Refuse answers that differ.

    Args:
        served: What the exported file answered.
        expected: What the network answered.
        named: What to call each row in an error.
        horizon: Of the type, in its time unit.

    Returns:
        The largest difference, in the type's time unit.

    Raises:
        NotReleasableError: one is larger than `MAX_DIFFERENCE` of the horizon, or is no number.
    """
    largest = 0.0
    for name in OUTPUTS:
        apart = np.abs(np.asarray(served[name], np.float64) - np.asarray(expected[name], np.float64))
        apart = np.where(np.isfinite(apart), apart, np.inf).max(axis=1)
        worst = int(apart.argmax())
        if apart[worst] > MAX_DIFFERENCE * horizon:
            raise NotReleasableError(
                f"the exported file answers otherwise than the network: {name} of {named[worst]} differs by "
                f"{apart[worst]:.3g}, and {MAX_DIFFERENCE * horizon:.3g} is allowed"
            )
        largest = max(largest, float(apart[worst]))
    return largest
