"""Whether lives may be trained on: the first thing that is wrong with them, as one sentence.

Rule: the sentence says what is wrong and where; `models.stages.faults` finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from contract.errors import DataError
from contract.lives import Life
from models.stages import faults
from models.stages.life_examples import decode_lives
from models.stages.life_schema import spec_of
from models.stages.schema import ranges_of
from models.stages.span_checks import refuse


def accept_lives(records: Sequence[bytes], schema: Any, cut: datetime, where: str) -> list[Life]:
    """The lives of a side, once nothing is wrong with them.

    Args:
        records: Serialised examples.
        schema: The curated one.
        cut: Aware time that nothing may be later than.
        where: How to call the side in the sentence.

    Raises:
        DataError: one sentence.
    """
    spec = spec_of(schema)
    try:
        lives, installed = decode_lives(records, spec)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    columns = [feature.name for feature in schema.feature]
    for findings in (
        faults.find_named_labels(columns),
        faults.find_future(lives, installed, cut, spec.time_unit),
        faults.find_ranges_left(lives, spec, ranges_of(schema)),
        faults.find_leaks(lives, spec),
    ):
        refuse(findings, where)
    return lives
