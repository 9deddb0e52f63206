"""Rows of a span's files as `tf.train.Example`s: what flows through the pipeline, whatever a row stands for.

Rule: an example holds what its row held and nothing else, and a column that a file lacks is lacking in its
examples, so that the pipeline's own checks see what the file holds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from contract.errors import DataError
from contract.life_columns import INSTALLED
from models.stages.backend import tf


def encode_row(row: Mapping[str, Any]) -> bytes:
    """One row of a file as a serialised example.

    Args:
        row: Column name to text, number, list of them, or None where there is nothing.

    Raises:
        DataError: a value that no column can hold; names the column.
    """
    features = {name: _feature(name, value) for name, value in row.items()}
    if INSTALLED in row:
        features[INSTALLED] = _moment(row[INSTALLED])
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return bytes(example.SerializeToString(deterministic=True))


def parse_record(record: bytes) -> Any:
    """The columns of a serialised example, by name."""
    return tf.train.Example.FromString(record).features.feature


def values_of(feature: Any) -> Any:
    """What a column of one example holds: a sequence of texts as bytes, or of numbers; may be empty."""
    held = feature.WhichOneof("kind")
    return getattr(feature, held).value if held else ()


def text_of(value: Any) -> str:
    """A text as Python has it."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def read_records(folder: Path) -> list[bytes]:
    """The serialised examples of one split.

    Args:
        folder: Of an artifact's split; holds gzipped TFRecord files.
    """
    files = sorted(str(path) for path in folder.iterdir())
    return [bytes(record) for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()]


def split_folder(uri: str, split: str) -> Path:
    """Where an artifact of examples keeps a split."""
    return Path(uri) / f"Split-{split}"


def _feature(name: str, value: Any) -> Any:
    values: list[Any] = [value] if isinstance(value, str | bytes | int | float) else list(value or ())
    if not values:
        return tf.train.Feature()
    if all(isinstance(each, str | bytes) for each in values):
        texts = [each.encode() if isinstance(each, str) else each for each in values]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=texts))
    if all(isinstance(each, int | np.integer) for each in values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    if all(each is None or isinstance(each, float | int | np.number) for each in values):
        numbers = [np.nan if each is None else each for each in values]
        return tf.train.Feature(float_list=tf.train.FloatList(value=numbers))
    raise DataError(f"column {name}: holds {type(values[0]).__name__}, which is no text and no number")


def _moment(stamp: Any) -> Any:
    """Whole seconds, no later: float32 would be wrong by minutes."""
    is_known = stamp is not None and np.isfinite(stamp)
    seconds = [math.floor(stamp)] if is_known else []
    return tf.train.Feature(int64_list=tf.train.Int64List(value=seconds))
