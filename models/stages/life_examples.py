"""Lives from the examples of the forecasts' pipeline.

Rule: an example holds the columns of `contract.life_columns`, one life each. Ages are kept to float32's
precision, which is what a model reads, and days of installation to the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from contract.errors import DataError
from contract.life_columns import INSTALLED, Column, ColumnKind, column_kinds, to_lives
from contract.lives import Life, LifeSpec
from contract.snapshot import LifeKey
from models.stages.records import parse_record, read_records, split_folder, text_of, values_of

Moments = dict[LifeKey, Any]


def decode_lives(records: Iterable[bytes], spec: LifeSpec) -> tuple[list[Life], Moments]:
    """Lives and when each was installed, where that is known, in the order of their examples.

    Raises:
        DataError: a column is missing, or holds what no life can; names column and machine.
    """
    features = [parse_record(record) for record in records]
    columns = {name: _column(features, name, kind) for name, kind in column_kinds(spec).items()}
    return to_lives(columns, spec)


def read_lives(uri: str, split: str, spec: LifeSpec) -> list[Life]:
    """The lives of one split of an artifact of examples.

    Raises:
        DataError: they are no lives; names column and machine.
    """
    return decode_lives(read_records(split_folder(uri, split)), spec)[0]


def _column(features: Sequence[Any], name: str, kind: ColumnKind) -> Column:
    lists = [values_of(each[name]) if name in each else [] for each in features]
    if not kind.is_list:
        return Column(kind, _single(lists, name, kind))
    offsets = np.concatenate([[0], np.cumsum([len(each) for each in lists])]).astype(np.int32)
    flat = [value for each in lists for value in each]
    if kind is ColumnKind.TEXTS:
        return Column(kind, [text_of(value) for value in flat], offsets)
    return Column(kind, np.array(flat, np.float64 if kind is ColumnKind.AGES else np.float32), offsets)


def _single(lists: Sequence[Sequence[Any]], name: str, kind: ColumnKind) -> Any:
    if name == INSTALLED:
        return np.array([each[0] if each else np.nan for each in lists], np.float64)
    short = [index for index, each in enumerate(lists) if len(each) != 1]
    if short:
        raise DataError(f"column {name}: life {short[0] + 1} holds {len(lists[short[0]])} values, not one")
    if kind is ColumnKind.TEXT:
        return [text_of(each[0]) for each in lists]
    return np.array([each[0] for each in lists], np.int64 if kind is ColumnKind.WHOLE else np.float64)
