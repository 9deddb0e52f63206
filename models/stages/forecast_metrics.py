"""What the Evaluator counts: the error of the RUL up to the horizon, and how true the 90 % intervals are.

Rule: a cut of a life that did not fail counts only where its RUL is known, that is where it lived past the
horizon; all others have weight 0. Labels and forecasts are held against each other only up to the horizon.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types

RMSE, COVERAGE, WIDTH = "rmse", "coverage_90", "width_90"
"""In the type's time unit; share of true intervals, 0..1; mean width over the horizon, 0..1."""
MEAN, LOW, HIGH = range(3)
"""Places in what a model predicts: expected RUL, lower and upper end of the interval."""


class ForecastErrors(metric_types.Metric):  # type: ignore[misc]  # TFMA is untyped
    """Error, coverage and width of forecasts in one pass."""

    def __init__(self, horizon: float, name: str = "forecast_errors") -> None:
        super().__init__(_computations, name=name, horizon=horizon)


def _computations(name: str, horizon: float, model_names: Any = None, **_: Any) -> Any:
    """One computation for each model; TFMA calls this with all that it knows."""
    computations = []
    for model in model_names or [""]:
        keys = [
            metric_types.MetricKey(name=each, model_name=model, example_weighted=None)
            for each in (RMSE, COVERAGE, WIDTH)
        ]
        computations.append(
            metric_types.MetricComputation(
                keys=keys, preprocessors=None, combiner=_Sums(keys, model, horizon)
            )
        )
    return computations


class _Sums(beam.CombineFn):  # type: ignore[misc]  # Beam's base is untyped
    """Sums of weight, squared error, covered intervals and widths."""

    def __init__(self, keys: list[Any], model: str, horizon: float) -> None:
        super().__init__()
        self._keys, self._model, self._horizon = keys, model, horizon

    def create_accumulator(self) -> Any:
        return np.zeros(4)

    def add_input(self, sums: Any, element: Any) -> Any:
        predicted = element.prediction
        if self._model:
            predicted = predicted[self._model]
        label, weight = float(element.label[0]), float(element.example_weight[0])
        error = float(predicted[MEAN]) - label
        is_covered = float(predicted[LOW]) <= label <= float(predicted[HIGH])
        width = (float(predicted[HIGH]) - float(predicted[LOW])) / self._horizon
        return sums + weight * np.array([1.0, error * error, float(is_covered), width])

    def merge_accumulators(self, accumulators: Iterable[Any]) -> Any:
        return np.sum(list(accumulators), axis=0)

    def extract_output(self, sums: Any) -> dict[Any, float]:
        weight, squares, covered, width = sums.tolist()
        if not weight:
            return {key: float("nan") for key in self._keys}
        values = (squares / weight) ** 0.5, covered / weight, width / weight
        return dict(zip(self._keys, values, strict=True))


metric_types.register_metric(ForecastErrors)
