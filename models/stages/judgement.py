"""The Evaluator's work: the exported file of the candidate, and of the model in charge, on evaluation lives.

Rule: a candidate is blessed only when it is good enough by itself and no worse than the blessed model on the
same lives. What is judged is the file that the cloud runs (`models.stages.serving_file`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from google.protobuf import wrappers_pb2

from contract.lives import LifeSpec
from models.pipeline_config import Thresholds
from models.stages.forecast_metrics import COVERAGE, RMSE
from models.stages.labels import label_of
from models.stages.life_examples import decode_lives
from models.stages.serving_file import load_serving_model, predict

CANDIDATE, BASELINE = "candidate", "baseline"
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
        _threshold([whole], _upper(thresholds.rmse_share * spec.horizon), _no_worse(thresholds.rmse_slack)),
        _threshold(slices, None, _no_worse(thresholds.slice_slack)),
    ]
    coverage = [_threshold([whole], _lower(thresholds.coverage), None)]
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(name=CANDIDATE, model_type=tfma.TF_LITE, label_key="rul"),
            tfma.ModelSpec(name=BASELINE, model_type=tfma.TF_LITE, label_key="rul", is_baseline=True),
        ],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[errors, tfma.MetricConfig(class_name="ExampleCount")],
                per_slice_thresholds={
                    RMSE: tfma.PerSliceMetricThresholds(thresholds=rmse),
                    COVERAGE: tfma.PerSliceMetricThresholds(thresholds=coverage),
                },
            )
        ],
        slicing_specs=[whole, *slices],
    )


def custom_eval_shared_model(eval_saved_model_path: str, model_name: str, eval_config: Any, **_: Any) -> Any:
    """Where a model lies, for the extractor; TFX's Evaluator calls this for each model."""
    is_baseline = any(each.name == model_name and each.is_baseline for each in eval_config.model_specs)
    return tfma.EvalSharedModel(
        model_path=eval_saved_model_path,
        model_name=model_name,
        model_type=tfma.TF_LITE,
        is_baseline=is_baseline,
        rubber_stamp=not is_baseline,
    )


def custom_extractors(eval_shared_model: Any, eval_config: Any, tensor_adapter_config: Any) -> list[Any]:
    """From examples to forecasts, labels and weights; TFX's Evaluator calls this."""
    del tensor_adapter_config
    models = eval_shared_model if isinstance(eval_shared_model, list) else [eval_shared_model]
    paths = {(each.model_name if len(models) > 1 else ""): each.model_path for each in models}
    slices = [tfma.slicer.SingleSliceSpec(spec=each) for each in eval_config.slicing_specs]
    return [
        tfma.extractors.Extractor("Forecast", beam.ParDo(_Forecast(paths))),
        tfma.extractors.SliceKeyExtractor(slices, materialize=False),
    ]


def _threshold(slices: Sequence[Any], value: Any, change: Any) -> Any:
    threshold = tfma.MetricThreshold(value_threshold=value, change_threshold=change)
    return tfma.PerSliceMetricThreshold(slicing_specs=slices, threshold=threshold)


def _upper(bound: float) -> Any:
    return tfma.GenericValueThreshold(upper_bound=wrappers_pb2.DoubleValue(value=bound))


def _lower(bound: float) -> Any:
    return tfma.GenericValueThreshold(lower_bound=wrappers_pb2.DoubleValue(value=bound))


def _no_worse(slack: float) -> Any:
    """An error may be larger than the blessed model's by this share of it."""
    return tfma.GenericChangeThreshold(
        direction=tfma.MetricDirection.LOWER_IS_BETTER, relative=wrappers_pb2.DoubleValue(value=slack)
    )


class _Forecast(beam.DoFn):  # type: ignore[misc]  # Beam's base is untyped
    """A batch of examples to one extract for each life."""

    def __init__(self, paths: dict[str, str]) -> None:
        super().__init__()
        self._paths = paths

    def process(self, extracts: Any) -> Iterator[Any]:
        batch = extracts[tfma.ARROW_RECORD_BATCH_KEY]
        column = batch.column(batch.schema.get_field_index(tfma.constants.ARROW_INPUT_COLUMN))
        records = [each[0] for each in column.to_pylist()]
        spec = load_serving_model(next(iter(self._paths.values()))).manifest.inputs.life
        lives = decode_lives(records, spec)[0]
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
