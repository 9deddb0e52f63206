"""The Transform's work: what the training side says of each column, in one pass that Beam can spread.

Rule: what is measured is `ForecastTraining.measure`, the same function that plain training calls; this
stage only brings it the rows. It is the training side alone that is measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_transform as tft

from contract.life_columns import SENSOR, SETTING
from models.stages.backend import tf
from models.stages.measures import MEASURES
from models.stages.trainer import training


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> dict[str, Any]:
    """Measure the training side; TFX's Transform calls this.

    Args:
        inputs: Column name to ragged tensor, a row for each life.
        custom_config: `settings` and `sensors`, names in order, and `training`, the module that measures.

    Returns:
        `measures`: the same JSON text for every life.
    """
    settings = _rows(inputs, [f"{SETTING}{name}" for name in custom_config["settings"]])
    sensors = _rows(inputs, [f"{SENSOR}{name}" for name in custom_config["sensors"]])
    (measures,) = tft.experimental.ptransform_analyzer(
        [settings, sensors], _Measure(custom_config["training"]), [tf.string], [[]], name="measure"
    )
    return {MEASURES: tf.fill([inputs["age"].nrows()], measures)}


def _rows(inputs: Mapping[str, Any], names: list[str]) -> Any:
    columns = [tf.cast(inputs[name].flat_values, tf.float32) for name in names]
    n_rows = tf.shape(inputs["age"].flat_values)[:1]
    return tf.stack(columns, axis=1) if columns else tf.zeros(tf.concat([n_rows, [0]], 0), tf.float32)


class _Measure(beam.PTransform):  # type: ignore[misc]  # Beam's base is untyped
    def __init__(self, module: str) -> None:
        super().__init__()
        self._module = module

    def expand(self, batches: Any) -> Any:
        return (batches | "Gather" >> beam.CombineGlobally(_Gather(self._module)),)


class _Gather(beam.CombineFn):  # type: ignore[misc]  # Beam's base is untyped
    """All rows of the training side: a row is some hundred bytes, and a condition cannot be cut in halves."""

    def __init__(self, module: str) -> None:
        super().__init__()
        self._module = module

    def create_accumulator(self) -> list[Any]:
        return []

    def add_input(self, gathered: list[Any], batch: tuple[Any, Any]) -> list[Any]:
        gathered.append(tuple(np.asarray(part, np.float32) for part in batch))
        return gathered

    def merge_accumulators(self, accumulators: Iterable[list[Any]]) -> list[Any]:
        return [batch for gathered in accumulators for batch in gathered]

    def extract_output(self, gathered: list[Any]) -> bytes:
        if not gathered:  # Beam asks once with nothing, to learn the default
            return b"{}"
        settings, sensors = (np.concatenate(part) for part in zip(*gathered, strict=True))
        measured = training(self._module).measure(settings, sensors)
        return json.dumps({name: np.asarray(value).tolist() for name, value in measured.items()}).encode()
