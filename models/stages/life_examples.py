"""Lives as `tf.train.Example`s: what flows through the pipeline.

Rule: an example holds the columns of `contract.life_columns` and nothing else, one life each, and a column
that a file lacks is lacking in its examples, so that the pipeline's own checks see what the file holds.
Ages are kept to float32's precision, which is what a model reads, and days of installation to the second.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contract.errors import DataError
from contract.life_columns import INSTALLED, Column, ColumnKind, column_kinds, to_lives
from contract.lives import Life, LifeSpec
from contract.snapshot import LifeKey
from models.stages.backend import tf

Moments = dict[LifeKey, Any]


def encode_row(row: Mapping[str, Any]) -> bytes:
    """One row of a file of lives as a serialised example.

    Args:
        row: Column name to text, number, list of them, or None where there is nothing.

    Raises:
        DataError: a value that no column of lives can hold; names the column.
    """
    features = {name: _feature(name, value) for name, value in row.items()}
    if INSTALLED in row:
        features[INSTALLED] = _moment(row[INSTALLED])
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return bytes(example.SerializeToString(deterministic=True))


def decode_lives(records: Iterable[bytes], spec: LifeSpec) -> tuple[list[Life], Moments]:
    """Lives and when each was installed, where that is known, in the order of their examples.

    Raises:
        DataError: a column is missing, or holds what no life can; names column and machine.
    """
    features = [tf.train.Example.FromString(record).features.feature for record in records]
    columns = {name: _column(features, name, kind) for name, kind in column_kinds(spec).items()}
    return to_lives(columns, spec)


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


def read_lives(uri: str, split: str, spec: LifeSpec) -> list[Life]:
    """The lives of one split of an artifact of examples.

    Raises:
        DataError: they are no lives; names column and machine.
    """
    return decode_lives(read_records(split_folder(uri, split)), spec)[0]


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


def _column(features: Sequence[Any], name: str, kind: ColumnKind) -> Column:
    lists = [_values(each[name]) if name in each else [] for each in features]
    if not kind.is_list:
        return Column(kind, _single(lists, name, kind))
    offsets = np.concatenate([[0], np.cumsum([len(each) for each in lists])]).astype(np.int32)
    flat = [value for each in lists for value in each]
    if kind is ColumnKind.TEXTS:
        return Column(kind, [_text(value) for value in flat], offsets)
    return Column(kind, np.array(flat, np.float64 if kind is ColumnKind.AGES else np.float32), offsets)


def _values(feature: Any) -> Sequence[Any]:
    held = feature.WhichOneof("kind")
    return getattr(feature, held).value if held else ()


def _single(lists: Sequence[Sequence[Any]], name: str, kind: ColumnKind) -> Any:
    if name == INSTALLED:
        return np.array([each[0] if each else np.nan for each in lists], np.float64)
    short = [index for index, each in enumerate(lists) if len(each) != 1]
    if short:
        raise DataError(f"column {name}: life {short[0] + 1} holds {len(lists[short[0]])} values, not one")
    if kind is ColumnKind.TEXT:
        return [_text(each[0]) for each in lists]
    return np.array([each[0] for each in lists], np.int64 if kind is ColumnKind.WHOLE else np.float64)


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
