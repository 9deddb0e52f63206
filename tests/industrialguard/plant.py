"""A plant whose snapshots, registry and pipeline artifacts are real; only training itself is played."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloud.snapshot_file import SnapshotContent, write_snapshot
from contract.errors import IndustrialGuardError
from contract.registry import ModelLine, Note, Papers, Registry
from contract.snapshot import Origin
from industrialguard.continuous_evidence import Places
from models.continuous import Trigger
from models.pipeline_command import take_span
from models.pipeline_config import Outcome
from models.stages.spans import newest_span
from tests.contract.life_strategies import SPEC
from tests.models.snapshots import fleet

START = datetime(2026, 3, 1, 6, tzinfo=UTC)
PUMP = ModelLine(SPEC.machine_type)


@dataclass
class Plant:
    """Takes snapshots, plays the pipeline, and tells the time."""

    folder: Path
    now: datetime = START
    is_blessed: bool = True
    error: IndustrialGuardError | None = None
    reasons: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "snapshots").mkdir()

    @property
    def places(self) -> Places:
        folders = {name: self.folder / name for name in ("snapshots", "spans", "root", "registry")}
        return Places(SPEC.machine_type, **folders)

    @property
    def registry(self) -> Registry:
        return Registry(self.places.registry, lambda: self.now)

    def take_snapshot(self, name: str, n_machines: int = 40) -> None:
        """One whose count of failures is its count of machines."""
        origin = Origin(self.now, self.now, "a plant", "4a1b2c3")
        content = SnapshotContent(SPEC, fleet(n_machines), {})
        write_snapshot(self.places.snapshots / name, content, origin)

    def run(self, trigger: Trigger, snapshot: Path) -> Outcome:
        """What the pipeline would do."""
        self.reasons.append(str(trigger))
        self.now += timedelta(minutes=20)
        if self.error is not None:
            raise self.error
        take_span(snapshot, self.places.spans)
        span = newest_span(self.places.spans)
        assert span is not None
        assert span.manifest is not None
        version = self.publish(span.number, span.manifest.name)
        return Outcome(version, self.is_blessed, () if self.is_blessed else ("rmse is too much",), Path())

    def publish(self, span: int, snapshot: str) -> str:
        results = [
            {"model": "baseline", "slice": "all", "rmse": 99.0},
            {"model": "candidate", "slice": "component seal", "rmse": 98.0},
            {"model": "candidate", "slice": "all", "rmse": 12.0},
        ]
        lineage = {"span": str(span), "snapshot": snapshot}
        papers = Papers("# Pump", self.is_blessed, {"results": results}, lineage)
        model, note = f"model {len(self.reasons)} {span}".encode(), Note("a plant", "a test")
        version = self.registry.publish(PUMP, model, papers, note)
        if self.is_blessed:
            self.registry.promote(PUMP, version, note)
        return version

    def write_verdict(self, execution: int, span: int, **distances: float) -> Path:
        """What the pipeline's DriftCheck leaves behind."""
        artifacts = self.places.root / "artifacts" / "rul" / PUMP.machine_type
        folder = artifacts / "DriftCheck" / "accepted" / str(execution)
        folder.mkdir(parents=True)
        shifts = [
            {"kind": kind, "column": name, "distance": distance, "threshold": 0.3}
            for name, distance in distances.items()
            for kind in ("drift", "skew")
        ]
        (folder / "verdict.json").write_text(json.dumps({"span": span, "shifts": shifts}))
        return folder / "verdict.json"
