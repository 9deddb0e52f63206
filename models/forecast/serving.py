"""The exported file of a forecast, run as the cloud runs it, and held against its network.

Rule: a file that answers otherwise than the network it came from goes nowhere; this is the one comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from contract.forecast import Inputs, assemble
from contract.lives import Life
from contract.rul_bundle import MAX_DIFFERENCE, OUTPUTS, RulBundle
from models.errors import ModelFileError, NotReleasableError

BATCH = 128
"""Lives at a time: bounds memory, whatever the number of lives."""


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


def require_golden(bundle: RulBundle) -> float:
    """Refuse a bundle whose file does not give its own golden outputs.

    Returns:
        The largest difference, in the type's time unit.

    Raises:
        NotReleasableError: it answers otherwise.
        ModelFileError: the runtime refuses the file, or fails on it.
    """
    named = [f"golden input {number + 1}" for number in range(len(bundle.golden_input["age"]))]
    served = ServingModel(bundle).answer(bundle.golden_input)
    return require_same(served, bundle.golden_output, named, bundle.manifest.inputs.life.horizon)


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
