"""The Evaluator's work on forecasts: the exported files of candidate and blessed model on evaluation lives.

Rule: what is judged is the file that the cloud runs (`models.stages.serving_file`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma

from contract.lives import LifeSpec
from models.pipeline_config import Thresholds
from models.stages.forecast_metrics import COVERAGE, RMSE
from models.stages.judgement import (
    custom_eval_shared_model,
    eval_config,
    extractors,
    lower,
    no_larger,
    paths_of,
    records_in,
    threshold,
    upper,
)
from models.stages.labels import label_of
from models.stages.life_examples import decode_lives
from models.stages.serving_file import load_serving_model, predict

__all__ = ["build_eval_config", "custom_eval_shared_model", "custom_extractors"]

SLICES = ("machine_type", "group", "component")


def build_eval_config(thresholds: Thresholds, spec: LifeSpec) -> Any:
    """TFMA's configuration: metrics, thresholds, slices."""
    errors = tfma.MetricConfig(
        class_name="ForecastErrors",
        module="models.stages.forecast_metrics",
        config=f'"horizon": {spec.horizon}',
    )
    whole, slices = tfma.SlicingSpec(), [tfma.SlicingSpec(feature_keys=[name]) for name in SLICES]
    rmse = [
        threshold(
            [whole], upper(thresholds.rmse_share * spec.horizon), no_larger(share=thresholds.rmse_slack)
        ),
        threshold(slices, None, no_larger(share=thresholds.slice_slack)),
    ]
    coverage = [threshold([whole], lower(thresholds.coverage), None)]
    return eval_config(errors, {RMSE: rmse, COVERAGE: coverage}, [whole, *slices])


def custom_extractors(eval_shared_model: Any, eval_config: Any, tensor_adapter_config: Any) -> list[Any]:
    """From examples to forecasts, labels and weights; TFX's Evaluator calls this."""
    del tensor_adapter_config
    return extractors(_Forecast(paths_of(eval_shared_model)), eval_config)


class _Forecast(beam.DoFn):  # type: ignore[misc]  # Beam's base is untyped
    """A batch of examples to one extract for each life."""

    def __init__(self, paths: dict[str, str]) -> None:
        super().__init__()
        self._paths = paths

    def process(self, extracts: Any) -> Iterator[Any]:
        spec = load_serving_model(next(iter(self._paths.values()))).manifest.inputs.life
        lives = decode_lives(records_in(extracts), spec)[0]
        answers = {name: predict(path, lives) for name, path in self._paths.items()}
        for index, life in enumerate(lives):
            label, weight = label_of(life, spec.horizon)
            predicted = {name: answer[index] for name, answer in answers.items()}
            named = {"machine_type": spec.machine_type, "group": life.group, "component": life.component}
            yield {
                tfma.FEATURES_KEY: {name: np.array([value]) for name, value in named.items()},
                tfma.LABELS_KEY: np.array([label]),
                tfma.EXAMPLE_WEIGHTS_KEY: np.array([weight]),
                tfma.PREDICTIONS_KEY: predicted if len(predicted) > 1 else predicted[""],
            }
