"""The Evaluator's work on edge models: the bundles of candidate and blessed model on evaluation machines.

Rule: what is judged is the file that a device runs, in the way that a device runs it, at the threshold that
training fixed (`models.fault_trial`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma

from models.pipeline_config import EdgeThresholds
from models.stages.judgement import (
    custom_eval_shared_model,
    eval_config,
    extractors,
    lower,
    no_larger,
    no_smaller,
    paths_of,
    records_in,
    threshold,
    upper,
)
from models.stages.trials import AUC, EPISODES, FOUND, load_judge, try_machine
from models.stages.window_examples import decode_windows

__all__ = ["build_eval_config", "custom_eval_shared_model", "custom_extractors"]

MACHINE = "machine"


def build_eval_config(thresholds: EdgeThresholds) -> Any:
    """TFMA's configuration: metrics, thresholds, slices. Single machines are shown, not held to anything."""
    trials = tfma.MetricConfig(class_name="FaultTrials", module="models.stages.window_metrics")
    whole, each = tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=[MACHINE])
    limits = {
        AUC: (lower(thresholds.auc), no_smaller(by=thresholds.auc_slack)),
        EPISODES: (upper(thresholds.false_episodes_per_h), no_larger(by=thresholds.false_episodes_slack)),
        FOUND: (None, no_smaller(by=thresholds.found_slack_pct)),
    }
    bounds = {name: [threshold([whole], *limit)] for name, limit in limits.items()}
    return eval_config(trials, bounds, [whole, each])


def custom_extractors(eval_shared_model: Any, eval_config: Any, tensor_adapter_config: Any) -> list[Any]:
    """From examples to trials; TFX's Evaluator calls this."""
    del tensor_adapter_config
    return extractors(_Try(paths_of(eval_shared_model)), eval_config)


class _Try(beam.DoFn):  # type: ignore[misc]  # Beam's base is untyped
    """A batch of examples to one extract for each machine."""

    def __init__(self, paths: dict[str, str]) -> None:
        super().__init__()
        self._paths = paths

    def process(self, extracts: Any) -> Iterator[Any]:
        profile = load_judge(next(iter(self._paths.values()))).bundle.profile
        for machine in decode_windows(records_in(extracts), profile):
            tried = {name: try_machine(path, machine.vectors) for name, path in self._paths.items()}
            yield {
                tfma.FEATURES_KEY: {MACHINE: np.array([machine.machine])},
                tfma.LABELS_KEY: np.array([0.0]),
                tfma.EXAMPLE_WEIGHTS_KEY: np.array([1.0]),
                tfma.PREDICTIONS_KEY: tried if len(tried) > 1 else tried[""],
            }
