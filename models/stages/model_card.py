"""The model card: what people should know of a model before they rely on it.

Rule: every number on it was computed in this run and stands in `card.json` too; nothing is typed in by hand.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Model, ModelBlessing, ModelEvaluation
from tfx.utils.path_utils import serving_model_dir

from models.stages.artifacts import AcceptedSpan, ModelCard, ReplayedModel
from models.stages.card_text import format_card, format_page
from models.stages.judgement import BASELINE, CANDIDATE
from models.stages.kind import kind_of
from models.stages.names import CARD_DATA, CARD_FILE, CARD_PAGE, REPLAY_FILE, VERDICT_FILE


@component  # type: ignore[untyped-decorator]  # TFX is untyped
def CardWriter(  # noqa: N802  # a component is called like a class
    model: InputArtifact[Model],
    accepted: InputArtifact[AcceptedSpan],
    replayed: InputArtifact[ReplayedModel],
    evaluation: InputArtifact[ModelEvaluation],
    blessing: InputArtifact[ModelBlessing],
    card: OutputArtifact[ModelCard],
) -> None:
    """Write the card as Markdown, HTML and JSON."""
    replay = json.loads((Path(replayed.uri) / REPLAY_FILE).read_text(encoding="utf-8"))
    chosen = kind_of(replay["kind"])
    data = asdict(chosen.describe(Path(serving_model_dir(model.uri)))) | {
        "columns": dict(chosen.columns),
        "data": json.loads((Path(accepted.uri) / VERDICT_FILE).read_text(encoding="utf-8")),
        "replay": replay,
        "is_blessed": blessing.get_int_custom_property("blessed") == 1,
        "refused_because": read_failures(evaluation.uri),
        "results": read_results(evaluation.uri, list(chosen.columns)),
    }
    folder, text = Path(card.uri), format_card(data)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CARD_DATA).write_text(json.dumps(data, indent=1), encoding="utf-8")
    (folder / CARD_FILE).write_text(text, encoding="utf-8")
    (folder / CARD_PAGE).write_text(format_page(text, data["name"]), encoding="utf-8")


def read_results(uri: str, metrics: Sequence[str]) -> list[dict[str, Any]]:
    """What the Evaluator measured: one row for each model and slice, the whole first."""
    rows = []
    for name, result in _load_results(uri):
        for key, measured in result.slicing_metrics:
            values = next(iter(next(iter(measured.values())).values()))
            sliced = " ".join(f"{column} {value}" for column, value in key) or "all"
            numbers = {each: _number(values.get(each)) for each in metrics}
            rows.append({"model": name, "slice": sliced, **numbers})
    return sorted(rows, key=lambda row: (row["model"] != CANDIDATE, row["slice"] != "all", row["slice"]))


def read_failures(uri: str) -> list[str]:
    """Why the Evaluator did not bless the candidate; empty when it did."""
    validation = tfma.load_validation_result(uri)
    reasons = []
    for sliced in validation.metric_validations_per_slice:
        keys = [f"{key.column} {key.bytes_value.decode()}" for key in sliced.slice_key.single_slice_keys]
        for failure in sliced.failures:
            change = "change of " if failure.metric_key.is_diff else ""
            reasons.append(
                f"{change}{failure.metric_key.name}, {' '.join(keys) or 'all'}: {_reason(failure)}"
            )
    return sorted(reasons)


def _reason(failure: Any) -> str:
    """TFMA's own message is a dump of protobuf; the numbers in it are what people need."""
    if failure.message.strip() and not failure.HasField("metric_value"):
        return " ".join(failure.message.split())
    threshold = failure.metric_threshold
    found = f"{failure.metric_value.double_value.value:.4g}"
    if threshold.HasField("change_threshold"):
        return f"{found} against the blessed model is too much"
    bounds = threshold.value_threshold
    if bounds.HasField("upper_bound"):
        return f"{found} is above {bounds.upper_bound.value:.4g}"
    return f"{found} is below {bounds.lower_bound.value:.4g}"


def _load_results(uri: str) -> list[tuple[str, Any]]:
    """TFMA names models only where there are two."""
    both = [(name, tfma.load_eval_result(uri, model_name=name)) for name in (CANDIDATE, BASELINE)]
    if any(result.slicing_metrics for _, result in both):
        return both
    return [(CANDIDATE, tfma.load_eval_result(uri))]


def _number(value: Any) -> float | None:
    number = value.get("doubleValue") if value else None
    return None if number is None or math.isnan(number) else float(number)
