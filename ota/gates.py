"""What a bundle must have passed before it is published.

Rule: nothing is measured here; the registry's papers say what the pipeline measured of this very file, and a
gate that left no record was not passed. Everything is looked at before anything is refused.

    blessing    the Evaluator found it good enough, and no worse than the model in charge
    parity      in each runtime the int8 file gives its golden outputs, and it errs hardly more than the float
                network that taught it
    Edge TPU    each of its operations would run there
    lineage     it can be traced to its snapshot, span, code and pipeline run
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from contract.bundle import Bundle
from contract.registry import ModelKind, Papers
from ota.errors import GateError

MAX_GOLDEN_STEPS = 1
"""As `models.parity`: runtimes may round a requantisation either way."""
MAX_INT8_LOSS = 1.25
"""Error of the int8 student, as a multiple of its float teacher's; the bundles that ship reach 1.03."""
LINEAGE = ("snapshot", "span", "code_version", "model_artifact")
"""Ids without which nobody finds back what a model was made of."""
_UNKNOWN = ("", "unknown", "None")
_SHOWN = 100


def require_gates(papers: Papers, bundle: Bundle) -> Mapping[str, str]:
    """Let a bundle pass, or refuse it.

    Returns:
        Its lineage ids, as they are published with it.

    Raises:
        GateError: every gate that it did not pass, in one line.
    """
    replay = papers.blessing.get("replay")
    facts = replay if isinstance(replay, Mapping) else {}
    problems = [
        *_blessing(papers),
        *_file(facts, bundle),
        *_parity(facts),
        *_edge_tpu(facts),
        *_lineage(papers.lineage),
    ]
    if problems:
        raise GateError(
            f"not published: {'; '.join(problems)}. Models pass the gates in `industrialguard train edge "
            "--registry DIR --root DIR`"
        )
    return {name: str(papers.lineage[name])[:_SHOWN] for name in LINEAGE}


def _blessing(papers: Papers) -> Iterator[str]:
    reasons = papers.blessing.get("refused_because", ())
    if not papers.is_blessed:
        told = "; ".join(str(reason)[:_SHOWN] for reason in list(reasons)[:3])
        yield f"its evaluation did not bless it ({told or 'no reason is recorded'})"
    elif reasons or not papers.blessing.get("results"):
        yield "its blessing has no evaluation behind it"


def _file(facts: Mapping[str, Any], bundle: Bundle) -> Iterator[str]:
    digest = hashlib.sha256(bundle.model).hexdigest()
    if facts.get("kind") != ModelKind.EDGE or facts.get("model_sha256") != digest:
        yield "the serving gate left no record of this very model file"


def _parity(facts: Mapping[str, Any]) -> Iterator[str]:
    steps = _number(facts, "largest_difference")
    if steps is None or not facts.get("runtimes") or not facts.get("golden_windows"):
        yield "no runtime is recorded to have given its golden outputs"
    elif steps > MAX_GOLDEN_STEPS:
        yield f"a runtime is off the golden outputs by {steps:g} steps"
    exact, rounded = _number(facts, "float_error"), _number(facts, "int8_error")
    if exact is None or rounded is None:
        yield "the errors of its float teacher and of int8 are not recorded"
    elif rounded > exact * MAX_INT8_LOSS:
        yield f"int8 errs by {rounded:.4g}, its float teacher by {exact:.4g}"


def _edge_tpu(facts: Mapping[str, Any]) -> Iterator[str]:
    mapped, operations = _number(facts, "mapped_operations"), _number(facts, "operations")
    if mapped is None or operations is None or operations < 1:
        yield "the Edge TPU check left no record"
    elif mapped != operations:
        yield f"only {mapped:g} of {operations:g} operations would run on an Edge TPU"


def _lineage(lineage: Mapping[str, Any]) -> Iterator[str]:
    missing = [name for name in LINEAGE if str(lineage.get(name, "")) in _UNKNOWN]
    if missing:
        yield f"its lineage lacks {', '.join(missing)}"


def _number(facts: Mapping[str, Any], name: str) -> float | None:
    value = facts.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_number else None
