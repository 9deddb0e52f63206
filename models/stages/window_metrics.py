"""What the Evaluator counts of an edge model, as TFMA takes it.

Rule: nothing is computed here; `models.stages.trials` says what a machine adds.
"""

from __future__ import annotations

from typing import Any

from tensorflow_model_analysis.metrics import metric_types

from models.stages.sums import sum_computations
from models.stages.trials import AUC, EPISODES, FOUND, HOURS, add_trial, finish_trials


class FaultTrials(metric_types.Metric):  # type: ignore[misc]  # TFMA is untyped
    """What `models.fault_trial` found, over machines."""

    def __init__(self, name: str = "fault_trials") -> None:
        super().__init__(_computations, name=name)


def _computations(name: str, model_names: Any = None, **_: Any) -> Any:
    """One computation for each model; TFMA calls this with all that it knows."""
    return sum_computations((AUC, FOUND, EPISODES, HOURS), model_names, add_trial, finish_trials)


metric_types.register_metric(FaultTrials)
