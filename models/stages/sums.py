"""Numbers that TFMA counts as sums over examples, for each model and slice, in one pass.

Rule: what an example adds is an array of fixed length; sums of such arrays say everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
from tensorflow_model_analysis.metrics import metric_types

Terms = npt.NDArray[np.float64]
Add = Callable[[float, float, npt.NDArray[Any]], Terms]
"""From label, weight and prediction of an example to what it adds."""
Finish = Callable[[Terms], Sequence[float]]
"""From the sums to one number for each name."""


def sum_computations(
    names: Sequence[str], model_names: Sequence[str] | None, add: Add, finish: Finish
) -> list[Any]:
    """One computation for each model, as TFMA takes it.

    Args:
        names: Of the numbers.
        model_names: As TFMA hands them over.
        add: What an example adds.
        finish: From the sums to the numbers.
    """
    computations = []
    for model in model_names or [""]:
        keys = [metric_types.MetricKey(name=each, model_name=model, example_weighted=None) for each in names]
        combiner = _Sums(keys, model, add, finish)
        computations.append(metric_types.MetricComputation(keys=keys, preprocessors=None, combiner=combiner))
    return computations


class _Sums(beam.CombineFn):  # type: ignore[misc]  # Beam's base is untyped
    def __init__(self, keys: list[Any], model: str, add: Add, finish: Finish) -> None:
        super().__init__()
        self._keys, self._model, self._add, self._finish = keys, model, add, finish

    def create_accumulator(self) -> Any:
        return 0.0

    def add_input(self, sums: Any, element: Any) -> Any:
        predicted = element.prediction[self._model] if self._model else element.prediction
        return sums + self._add(float(element.label[0]), float(element.example_weight[0]), predicted)

    def merge_accumulators(self, accumulators: Iterable[Any]) -> Any:
        return sum(accumulators, 0.0)

    def extract_output(self, sums: Any) -> dict[Any, float]:
        return dict(zip(self._keys, self._finish(sums), strict=True))
