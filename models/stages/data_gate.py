"""The gate between data and training: a bad span stops the run with one sentence.

Rule: the sentence says what is wrong and where (span, side, column, machine); `models.stages.span_checks` and
the kind's own checks find it, this component reads and writes artifacts.
"""

import json
from datetime import datetime
from pathlib import Path

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import ExampleAnomalies, Examples, Schema

from models.stages.artifacts import SpanVerdict
from models.stages.faults import find_shared_machines
from models.stages.kind import kind_of
from models.stages.names import SPAN_PROPERTY, VERDICT_FILE
from models.stages.records import read_records, split_folder
from models.stages.schema import read_schema
from models.stages.span_checks import refuse, refuse_anomalies, refuse_empty
from models.stages.spans import SPLITS


@component  # type: ignore[untyped-decorator]  # TFX is untyped
def DataGate(  # noqa: N802  # a component is called like a class
    examples: InputArtifact[Examples],
    schema: InputArtifact[Schema],
    anomalies: InputArtifact[ExampleAnomalies],
    verdict: OutputArtifact[SpanVerdict],
    cut: Parameter[str],
    kind: Parameter[str],
) -> None:
    """Stop the run when the span is bad.

    Args:
        examples: The span.
        schema: The curated one.
        anomalies: What ExampleValidator found.
        verdict: Written when the span is good.
        cut: When the snapshot was cut, ISO 8601 with zone: nothing may be later.
        kind: Of the model, as `models.stages.kind.kind_of` takes it.

    Raises:
        DataError: one sentence.
    """
    curated = read_schema(next(Path(schema.uri).iterdir()))
    span = int(examples.get_int_custom_property(SPAN_PROPERTY))
    sides = {}
    for split in SPLITS:
        where = f"span {span}, {split}"
        records = read_records(split_folder(examples.uri, split))
        refuse_empty(records, where)  # before validation's findings: it misses every column of nothing
        refuse_anomalies((split_folder(anomalies.uri, split) / "SchemaDiff.pb").read_bytes(), where)
        sides[split] = kind_of(kind).accept(records, curated, datetime.fromisoformat(cut), where)
    refuse(find_shared_machines({split: side.machines for split, side in sides.items()}), f"span {span}")
    told = {
        "span": span,
        "cut": cut,
        "sides": {split: dict(side.counts) for split, side in sides.items()},
    }
    verdict.set_int_custom_property(SPAN_PROPERTY, span)
    Path(verdict.uri).mkdir(parents=True, exist_ok=True)
    (Path(verdict.uri) / VERDICT_FILE).write_text(json.dumps(told, indent=1), encoding="utf-8")
