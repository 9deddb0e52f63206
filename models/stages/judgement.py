"""What the Evaluator's work has in common, whatever kind of model it judges.

Rule: a candidate is blessed only when it is good enough by itself and no worse than the blessed model on the
same examples. What is judged is the exported file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma
from google.protobuf import wrappers_pb2

CANDIDATE, BASELINE = "candidate", "baseline"


def eval_config(metric: Any, thresholds: dict[str, list[Any]], slices: Sequence[Any]) -> Any:
    """TFMA's configuration for a candidate and the blessed model.

    Args:
        metric: TFMA's MetricConfig of everything that is measured.
        thresholds: Name of a number that it gives to the `threshold`s on it.
        slices: What is looked at, TFMA's SlicingSpecs.
    """
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(name=CANDIDATE, model_type=tfma.TF_LITE, label_key="label"),
            tfma.ModelSpec(name=BASELINE, model_type=tfma.TF_LITE, label_key="label", is_baseline=True),
        ],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[metric, tfma.MetricConfig(class_name="ExampleCount")],
                per_slice_thresholds={
                    name: tfma.PerSliceMetricThresholds(thresholds=limits)
                    for name, limits in thresholds.items()
                },
            )
        ],
        slicing_specs=slices,
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


def paths_of(eval_shared_model: Any) -> dict[str, str]:
    """Name to path of the models to ask; a model that is alone has no name."""
    models = eval_shared_model if isinstance(eval_shared_model, list) else [eval_shared_model]
    return {(each.model_name if len(models) > 1 else ""): each.model_path for each in models}


def extractors(ask: Any, eval_config: Any) -> list[Any]:
    """From examples to predictions and slices.

    Args:
        ask: A DoFn from a batch of examples to one extract for each.
        eval_config: As `eval_config` made it.
    """
    slices = [tfma.slicer.SingleSliceSpec(spec=each) for each in eval_config.slicing_specs]
    return [
        tfma.extractors.Extractor("Ask", beam.ParDo(ask)),
        tfma.extractors.SliceKeyExtractor(slices, materialize=False),
    ]


def records_in(extracts: Any) -> list[bytes]:
    """The serialised examples of a batch."""
    batch = extracts[tfma.ARROW_RECORD_BATCH_KEY]
    column = batch.column(batch.schema.get_field_index(tfma.constants.ARROW_INPUT_COLUMN))
    return [each[0] for each in column.to_pylist()]


def threshold(slices: Sequence[Any], value: Any, change: Any) -> Any:
    """A bound on a number, on its change from the blessed model's, or on both, for some slices."""
    bounds = tfma.MetricThreshold(value_threshold=value, change_threshold=change)
    return tfma.PerSliceMetricThreshold(slicing_specs=slices, threshold=bounds)


def upper(bound: float) -> Any:
    """At most."""
    return tfma.GenericValueThreshold(upper_bound=wrappers_pb2.DoubleValue(value=bound))


def lower(bound: float) -> Any:
    """At least."""
    return tfma.GenericValueThreshold(lower_bound=wrappers_pb2.DoubleValue(value=bound))


def no_larger(*, share: float | None = None, by: float | None = None) -> Any:
    """At most the blessed model's number and this share of it, or this much, more."""
    return tfma.GenericChangeThreshold(
        direction=tfma.MetricDirection.LOWER_IS_BETTER,
        relative=None if share is None else wrappers_pb2.DoubleValue(value=share),
        absolute=None if by is None else wrappers_pb2.DoubleValue(value=by),
    )


def no_smaller(*, by: float) -> Any:
    """At least the blessed model's number less this much."""
    return tfma.GenericChangeThreshold(
        direction=tfma.MetricDirection.HIGHER_IS_BETTER, absolute=wrappers_pb2.DoubleValue(value=-by)
    )
