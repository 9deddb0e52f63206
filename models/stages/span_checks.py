"""Whether a span may be trained on, by what validation found: one sentence or none.

Rule: the sentence says what is wrong and where; the first finding ends the look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tensorflow_metadata.proto.v0 import anomalies_pb2

from contract.errors import DataError
from models.stages import faults

_Kind = anomalies_pb2.AnomalyInfo
_MISSING = {_Kind.SCHEMA_MISSING_COLUMN, _Kind.FEATURE_TYPE_NOT_PRESENT}
_NEW = {_Kind.SCHEMA_NEW_COLUMN}
_TOLD_FROM_ROWS = {
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


def refuse_empty(records: Sequence[bytes], where: str) -> None:
    """Stop at a side without examples.

    Raises:
        DataError: it is one.
    """
    if not records:
        raise DataError(f"{where}: is empty, it holds no examples")


def refuse_anomalies(found: bytes, where: str) -> None:
    """Stop at the first anomaly that is not told better from the rows themselves.

    Args:
        found: What ExampleValidator wrote, serialised.
        where: How to call the side in the sentence.

    Raises:
        DataError: one sentence.
    """
    anomalies = anomalies_pb2.Anomalies.FromString(found)
    for column, info in sorted(anomalies.anomaly_info.items()):
        kinds = {reason.type for reason in info.reason}
        if not kinds <= _TOLD_FROM_ROWS:
            raise DataError(f"{where}: {describe_anomaly(column, kinds, info.description)}")


def refuse(findings: Iterator[str], where: str) -> None:
    """Stop at the first finding.

    Raises:
        DataError: there is one.
    """
    for finding in findings:
        raise DataError(f"{where}: {finding}")
