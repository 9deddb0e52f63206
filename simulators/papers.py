"""Papers for a bundle that was trained before models had any.

Rule: nothing is made up. Errors and origin are what the training wrote into the bundle; parity and the Edge
TPU check are made here, on this very file. A model from the training pipeline has its papers in the registry.
"""

from __future__ import annotations

import hashlib
from typing import Any

from contract.bundle import Bundle, format_bundle
from contract.registry import ModelKind
from models.release import examine, require_no_problems


def write_papers(bundle: Bundle) -> dict[str, Any]:
    """A record as the registry keeps it beside a model (`record.json`).

    Args:
        bundle: One that was trained, or tuned from another one.

    Raises:
        NotReleasableError: it fails here what the training must have proved.
        ModelFileError: its model is none.
    """
    found = examine(bundle.model, (bundle.golden_input, bundle.golden_output))
    require_no_problems(found)
    metrics, lineage = bundle.manifest.metrics, bundle.manifest.lineage
    digest = hashlib.sha256(bundle.model).hexdigest()
    replay = {
        "kind": str(ModelKind.EDGE),
        "told": "Examined again where it was published.",
        "golden_windows": len(bundle.golden_input),
        "runtimes": [f"{each.runtime} {each.version}" for each in found.parities],
        "largest_difference": max(each.max_steps for each in found.parities),
        "model_sha256": digest,
        "operations": len(found.edge_tpu.operations),
        "mapped_operations": found.edge_tpu.mapped,
        "float_error": metrics["float_error" if "float_error" in metrics else "teacher_error"],
        "int8_error": metrics["student_error"],
    }
    return {
        "sha256": hashlib.sha256(format_bundle(bundle)).hexdigest(),
        "is_blessed": True,
        "blessing": {"results": [dict(metrics)], "refused_because": [], "replay": replay},
        "lineage": {
            "snapshot": lineage["data_sha256"],
            "span": f"{len(lineage['machines'])} machines",
            "code_version": lineage["code_version"],
            "model_artifact": digest,
        },
    }
