"""The Trainer's work: the examples of two sides in, a folder with a bundle out.

Rule: what is trained on is the train side alone; what comes of it is made true on the calibrate side. The
evaluation side is not read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.stages.kind import Assignment, kind_of
from models.stages.measures import read_measures
from models.stages.records import read_records
from models.stages.schema import read_schema


def run_fn(fn_args: Any) -> None:
    """Train and export; TFX's Trainer calls this.

    Raises:
        IndustrialGuardError: what training and export raise.
    """
    custom = fn_args.custom_config
    train, calibrate = _read(fn_args.train_files), _read(fn_args.eval_files)
    folder = Path(fn_args.serving_model_dir)
    folder.mkdir(parents=True, exist_ok=True)
    assignment = Assignment(
        schema=read_schema(Path(fn_args.schema_path)),
        train=train,
        calibrate=calibrate,
        measures=read_measures(Path(fn_args.transform_graph_path), train[0]),
        settings=custom["settings"],
        training=custom["training"],
        version=custom["version"],
        lineage=custom["lineage"],
        warm_start=Path(fn_args.base_model) if fn_args.base_model else None,
        folder=folder,
    )
    kind_of(custom["kind"]).train(assignment)


def _read(patterns: Sequence[str]) -> list[bytes]:
    return [record for pattern in patterns for record in read_records(Path(pattern).parent)]
