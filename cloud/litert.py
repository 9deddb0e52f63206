"""Runs exported models; the cloud's only importer of LiteRT.

Rule: a model is a file that answers batches of any size through its one signature, by name; whatever the
runtime says against it becomes one `ModelError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from cloud.errors import ModelError
from contract.forecast import Inputs
from contract.rul_bundle import MAX_DIFFERENCE, OUTPUTS, RulBundle


class LiteModel:
    """A model in memory.

    Args:
        content: The file's bytes.
        threads: That one run may use.

    Raises:
        ModelError: the runtime does not take it.
    """

    def __init__(self, content: bytes, threads: int = 1) -> None:
        with _translated_errors():
            # Kept, because the signature only borrows it.
            self._interpreter = Interpreter(model_content=content, num_threads=threads)
            names = list(self._interpreter.get_signature_list())
            if len(names) != 1:
                raise ModelError(f"the model has {len(names)} signatures, not one")
            self._signature = self._interpreter.get_signature_runner(names[0])

    def run(self, inputs: Inputs) -> Inputs:
        """Answer a batch: arrays by the names of the signature's outputs.

        Raises:
            ModelError: inputs that the model does not take, or a failure of the runtime.
        """
        with _translated_errors():
            answers = self._signature(**inputs)
            return {name: np.array(answer) for name, answer in answers.items()}


def load_model(bundle: RulBundle, threads: int = 1) -> LiteModel:
    """A bundle's model, after it has given the golden answers.

    Raises:
        ModelError: the runtime does not take it, or it answers otherwise here.
    """
    model = LiteModel(bundle.model, threads)
    answers = model.run(bundle.golden_input)
    horizon = bundle.manifest.inputs.life.horizon
    for name in OUTPUTS:
        if name not in answers or answers[name].shape != bundle.golden_output[name].shape:
            raise ModelError(f"the model has no output {name} of the golden one's shape")
        distance = np.abs(answers[name] - bundle.golden_output[name])
        if not np.all(distance <= MAX_DIFFERENCE * horizon):
            raise ModelError(f"the model's {name} differ from the golden ones on this machine")
    return model


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (ValueError, RuntimeError, KeyError, TypeError) as error:
        raise ModelError(f"the model cannot be run: {' '.join(str(error).split())[:300]}") from error
