"""Machines' windows from the examples of the edge models' pipeline.

Rule: an example holds the columns of `models.recorded`, one machine each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from contract.profiles import MachineProfile
from models.recorded import Recorded, from_row
from models.stages.records import parse_record, read_records, split_folder, text_of, values_of


def decode_windows(records: Iterable[bytes], profile: MachineProfile) -> list[Recorded]:
    """Machines, in the order of their examples.

    Raises:
        DataError: a column is missing, or holds what this profile does not allow; names column and machine.
    """
    return [from_row(_row(record), profile) for record in records]


def read_windows(uri: str, split: str, profile: MachineProfile) -> list[Recorded]:
    """The machines of one split of an artifact of examples.

    Raises:
        DataError: as `decode_windows`.
    """
    return decode_windows(read_records(split_folder(uri, split)), profile)


def _row(record: bytes) -> dict[str, Sequence[Any]]:
    return {name: _plain(values_of(feature)) for name, feature in parse_record(record).items()}


def _plain(values: Sequence[Any]) -> Sequence[Any]:
    if values and isinstance(values[0], bytes):
        return [text_of(value) for value in values]
    if values and isinstance(values[0], float):
        return np.array(values, np.float32)  # type: ignore[return-value]  # a sequence of numbers
    return list(values)
