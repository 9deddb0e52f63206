"""How far a span has gone from the one before, and its evaluation side from its training side.

Rule: drift and skew stop nothing, because new behaviour is why models are trained again; what went further
than the curated schema allows is named on the model card. Only spans that the data gate let through are held
against each other.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import ExampleStatistics, Schema

from models.stages.artifacts import AcceptedSpan, SpanVerdict
from models.stages.names import SPAN_PROPERTY, STATISTICS_FILE, VERDICT_FILE
from models.stages.schema import read_schema


@dataclass(frozen=True, slots=True)
class Shift:
    """How far a column's distribution went."""

    kind: str
    """`drift`: from the last accepted span; `skew`: from the training to the evaluation side."""
    column: str
    distance: float
    """Jensen-Shannon divergence, 0..1."""
    threshold: float
    """What the schema allows."""


@component  # type: ignore[untyped-decorator]  # TFX is untyped
def DriftCheck(  # noqa: N802  # a component is called like a class
    verdict: InputArtifact[SpanVerdict],
    statistics: InputArtifact[ExampleStatistics],
    schema: InputArtifact[Schema],
    accepted: OutputArtifact[AcceptedSpan],
    previous: InputArtifact[AcceptedSpan] = None,  # TFX's way to say optional
) -> None:
    """Measure drift and skew, and keep what the next span is held against.

    Args:
        verdict: The data gate let the span through.
        statistics: Of its sides.
        schema: The curated one, with the thresholds.
        accepted: The verdict with all shifts, and the training side's statistics.
        previous: The last accepted span; None in the first run.
    """
    curated = read_schema(next(Path(schema.uri).iterdir()))
    train, evaluation = (
        read_statistics(Path(statistics.uri) / f"Split-{side}") for side in ("train", "eval")
    )
    before = read_statistics(Path(previous.uri)) if previous else None
    told = json.loads((Path(verdict.uri) / VERDICT_FILE).read_text(encoding="utf-8"))
    told |= {
        "compared_with_span": previous.get_int_custom_property(SPAN_PROPERTY) if previous else None,
        "shifts": [asdict(shift) for shift in find_shifts(train, evaluation, before, curated)],
    }
    accepted.set_int_custom_property(SPAN_PROPERTY, told["span"])
    folder = Path(accepted.uri)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / VERDICT_FILE).write_text(json.dumps(told, indent=1), encoding="utf-8")
    (folder / STATISTICS_FILE).write_bytes(train.SerializeToString())


def find_shifts(train: Any, evaluation: Any, before: Any, schema: Any) -> list[Shift]:
    """Drift and skew of every column that the schema compares, the furthest beyond its threshold first.

    Args:
        train: Statistics of the training side.
        evaluation: Of the evaluation side.
        before: Of the last accepted span's training side, or None.
        schema: The curated one; its comparators give the thresholds.
    """
    found = tfdv.validate_statistics(
        train, schema, previous_statistics=before, serving_statistics=evaluation
    ).drift_skew_info
    shifts = [
        Shift(kind, info.path.step[0], measured.value, measured.threshold)
        for info in found
        for kind, measurements in (("drift", info.drift_measurements), ("skew", info.skew_measurements))
        for measured in measurements
    ]
    return sorted(shifts, key=lambda shift: (shift.threshold - shift.distance, shift.kind, shift.column))


def read_statistics(folder: Path) -> Any:
    """The statistics of one side."""
    return statistics_pb2.DatasetFeatureStatisticsList.FromString((folder / STATISTICS_FILE).read_bytes())
