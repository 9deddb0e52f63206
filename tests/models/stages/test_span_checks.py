"""What validation found stops a span with a sentence, unless the rows themselves tell it better."""

from __future__ import annotations

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2

from contract.errors import DataError
from models.stages.span_checks import describe_anomaly, refuse_anomalies, refuse_empty

WHERE = "span 7, train"


def test_an_empty_side() -> None:
    refuse_empty([b"an example"], WHERE)
    with pytest.raises(DataError, match=r"^span 7, train: is empty, it holds no examples$"):
        refuse_empty([], WHERE)


def anomalies(**columns: int) -> bytes:
    found = anomalies_pb2.Anomalies()
    for column, kind in columns.items():
        found.anomaly_info[column].reason.add().type = kind
        found.anomaly_info[column].description = "as validation says"
    return bytes(found.SerializeToString())


def test_no_anomalies_stop_nothing() -> None:
    refuse_anomalies(anomalies(), WHERE)


def test_what_the_lives_tell_better_is_left_to_them() -> None:
    kind = anomalies_pb2.AnomalyInfo
    refuse_anomalies(
        anomalies(sensor_heat=kind.FLOAT_TYPE_BIG_FLOAT, sensor_flow=kind.FLOAT_TYPE_SMALL_FLOAT), WHERE
    )


@pytest.mark.parametrize(
    ("column", "kind", "sentence"),
    [
        ("sensor_heat", "SCHEMA_MISSING_COLUMN", "column sensor_heat is missing; the schema names it"),
        ("sensor_new", "SCHEMA_NEW_COLUMN", "column sensor_new is not in the schema"),
        ("sensor_rul", "SCHEMA_NEW_COLUMN", "column sensor_rul is named like a label"),
        ("event_code", "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "column event_code: as validation says"),
    ],
)
def test_other_anomalies_stop(column: str, kind: str, sentence: str) -> None:
    number = getattr(anomalies_pb2.AnomalyInfo, kind)
    with pytest.raises(DataError, match=f"^{WHERE}: {sentence}"):
        refuse_anomalies(anomalies(**{column: number}), WHERE)
    assert describe_anomaly(column, {number}, "as validation says").startswith(sentence)
