"""What the Evaluator counts: the error of the RUL up to the horizon, and how true the 90 % intervals are.

Rule: a cut of a life that did not fail counts only where its RUL is known, that is where it lived past the
horizon; all others have weight 0. Labels and forecasts are held against each other only up to the horizon.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from tensorflow_model_analysis.metrics import metric_types

from models.stages.sums import Terms, sum_computations

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
    return sum_computations((RMSE, COVERAGE, WIDTH), model_names, partial(_add, horizon), _finish)


def _add(horizon: float, label: float, weight: float, predicted: Any) -> Terms:
    """Weight, squared error, covered intervals and widths of a cut."""
    error = float(predicted[MEAN]) - label
    is_covered = float(predicted[LOW]) <= label <= float(predicted[HIGH])
    width = (float(predicted[HIGH]) - float(predicted[LOW])) / horizon
    return weight * np.array([1.0, error * error, float(is_covered), width])


def _finish(sums: Terms) -> Sequence[float]:
    weight, squares, covered, width = np.broadcast_to(sums, 4).tolist()
    if not weight:
        return (float("nan"),) * 3
    return (squares / weight) ** 0.5, covered / weight, width / weight


metric_types.register_metric(ForecastErrors)
