"""The Transform's work: what the training side says of its columns, in one pass that Beam can spread.

Rule: what is measured is the same function that plain training calls; this stage only brings it the rows. It
is the training side alone that is measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_transform as tft

from models.stages.backend import tf
from models.stages.measures import MEASURES

Measure = Callable[..., Mapping[str, Any]]
"""From arrays, all rows of the training side, to numbers and lists by name; can be sent to Beam's workers."""


def measure_once(tensors: Sequence[Any], measure: Measure, n_examples: Any) -> dict[str, Any]:
    """Gather these tensors over the training side and measure them.

    Args:
        tensors: Of a batch; batches are joined along the first axis.
        measure: Is given the joined arrays in this order.
        n_examples: In the batch.

    Returns:
        `measures`: the same JSON text for every example.
    """
    (measures,) = tft.experimental.ptransform_analyzer(
        list(tensors), _Measure(measure), [tf.string], [[]], name="measure"
    )
    return {MEASURES: tf.fill([n_examples], measures)}


def stack_rows(inputs: Mapping[str, Any], names: Sequence[str], every: str) -> Any:
    """Columns of lists side by side, all examples' rows one after the other: float32 (n_rows, n_columns).

    Args:
        inputs: Column name to ragged tensor.
        names: Which columns; may be none.
        every: A column that every row has.
    """
    columns = [tf.cast(inputs[name].flat_values, tf.float32) for name in names]
    n_rows = tf.shape(inputs[every].flat_values)[:1]
    return tf.stack(columns, axis=1) if columns else tf.zeros(tf.concat([n_rows, [0]], 0), tf.float32)


class _Measure(beam.PTransform):  # type: ignore[misc]  # Beam's base is untyped
    def __init__(self, measure: Measure) -> None:
        super().__init__()
        self._measure = measure

    def expand(self, batches: Any) -> Any:
        return (batches | "Gather" >> beam.CombineGlobally(_Gather(self._measure)),)


class _Gather(beam.CombineFn):  # type: ignore[misc]  # Beam's base is untyped
    """All rows of the training side: a row is some hundred bytes, and a condition cannot be cut in halves."""

    def __init__(self, measure: Measure) -> None:
        super().__init__()
        self._measure = measure

    def create_accumulator(self) -> list[Any]:
        return []

    def add_input(self, gathered: list[Any], batch: tuple[Any, Any]) -> list[Any]:
        gathered.append(tuple(np.asarray(part) for part in batch))
        return gathered

    def merge_accumulators(self, accumulators: Iterable[list[Any]]) -> list[Any]:
        return [batch for gathered in accumulators for batch in gathered]

    def extract_output(self, gathered: list[Any]) -> bytes:
        if not gathered:  # Beam asks once with nothing, to learn the default
            return b"{}"
        measured = self._measure(*(np.concatenate(part) for part in zip(*gathered, strict=True)))
        return json.dumps({name: np.asarray(value).tolist() for name, value in measured.items()}).encode()
