"""Whether a span may be trained on: validation's findings and the lives themselves, as one sentence or none.

Rule: the sentence says what is wrong and where; the first finding ends the look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2

from contract.errors import DataError
from contract.lives import Life
from models.stages import faults
from models.stages.life_examples import decode_lives
from models.stages.schema import ranges_of, spec_of

_Kind = anomalies_pb2.AnomalyInfo
_MISSING = {_Kind.SCHEMA_MISSING_COLUMN, _Kind.FEATURE_TYPE_NOT_PRESENT}
_NEW = {_Kind.SCHEMA_NEW_COLUMN}
_TOLD_FROM_LIVES = {
    _Kind.FLOAT_TYPE_BIG_FLOAT,  # with its unit
    _Kind.FLOAT_TYPE_SMALL_FLOAT,
    _Kind.COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH,  # by `models.stages.drift`
}


def describe_anomaly(column: str, kinds: set[int], text: str) -> str:
    """What ExampleValidator found about a column, in a sentence."""
    if kinds & _MISSING:
        return f"column {column} is missing; the schema names it"
    if kinds & _NEW:
        named = next(faults.find_named_labels([column]), None)
        return named or f"column {column} is not in the schema; a person must say there what it is"
    return f"column {column}: {text}"


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


def refuse_empty(records: Sequence[bytes], where: str) -> None:
    """Stop at a side without lives.

    Raises:
        DataError: it is one.
    """
    if not records:
        raise DataError(f"{where}: is empty, it holds no lives")


def refuse_anomalies(found: bytes, where: str) -> None:
    """Stop at the first anomaly that is not told better from the lives themselves.

    Args:
        found: What ExampleValidator wrote, serialised.
        where: How to call the side in the sentence.

    Raises:
        DataError: one sentence.
    """
    anomalies = anomalies_pb2.Anomalies.FromString(found)
    for column, info in sorted(anomalies.anomaly_info.items()):
        kinds = {reason.type for reason in info.reason}
        if not kinds <= _TOLD_FROM_LIVES:
            raise DataError(f"{where}: {describe_anomaly(column, kinds, info.description)}")


def refuse(findings: Iterator[str], where: str) -> None:
    """Stop at the first finding.

    Raises:
        DataError: there is one.
    """
    for finding in findings:
        raise DataError(f"{where}: {finding}")
