"""What a run of the training pipeline needs, and what comes out of it; read without loading TFX.

Rule: a run is described by one file of JSON, so that a command, a scheduler and a child process start the
same run from the same words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from contract.errors import ConfigError
from contract.snapshot import SnapshotManifest
from contract.toml_tables import build
from models.stages.spans import Span, find_span

DEFAULT_TRAINING = "models.stages.forecast_training"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a candidate must reach to be blessed.

    Raises:
        ConfigError: numbers that no model could reach or miss.
    """

    rmse_share: float = 0.25
    """Error up to the horizon, at most, as a share of the horizon; a guess in the middle makes 0.3 to 0.4."""
    coverage: float = 0.75
    """At least, of the 90 % intervals; evaluation sides are small, so this lies far below 0.9."""
    rmse_slack: float = 0.0
    """By how much the error may exceed the blessed model's on the same lives, as a share of its error."""
    slice_slack: float = 0.5
    """The same for every condition, machine type and component alone: few lives, so more room."""

    def __post_init__(self) -> None:
        fits = self.rmse_share > 0 and 0 <= self.coverage < 1 and min(self.rmse_slack, self.slice_slack) >= 0
        if not fits:
            raise ConfigError(f"thresholds that make no sense: {asdict(self)}")


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """One run.

    Raises:
        ConfigError: a reason that is empty or long.
    """

    spans: Path
    """Folder of spans; see `models.stages.spans`."""
    schema: Path
    """The curated schema; see `models.stages.schema`."""
    root: Path
    """Folder of artifacts, metadata and logs; one for each machine type, or one for all."""
    registry: Path
    """Folder of the registry."""
    span: int | None = None
    """None: the newest."""
    reason: str = "a person asked for it"
    """Why this run, up to 200 characters; stands in the registry's history."""
    thresholds: Thresholds = field(default_factory=Thresholds)
    training: str = DEFAULT_TRAINING
    """Import path of the module that trains (`models.stages.trainer.ForecastTraining`)."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """For the training; plain JSON."""
    beam_args: tuple[str, ...] = ()
    """Options of Apache Beam; none: its data-parallel stages run in this process."""
    code_version: str = "unknown"

    def __post_init__(self) -> None:
        if not 0 < len(self.reason) <= 200:
            raise ConfigError("the reason of a run takes 1 to 200 characters")

    def to_json(self) -> str:
        """As a file holds it."""
        return json.dumps(asdict(self), default=str, indent=1)

    @classmethod
    def from_json(cls, text: str) -> PipelineConfig:
        """Read it back.

        Raises:
            ConfigError: it is none.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            values |= {name: Path(values[name]) for name in ("spans", "schema", "root", "registry")}
            values["thresholds"] = build(Thresholds, values["thresholds"], "thresholds")
            values["beam_args"] = tuple(values["beam_args"])
            return cls(**values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(f"no description of a pipeline run: {error}") from error


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is about to begin: its span is there, and its moment is fixed."""

    config: PipelineConfig
    span: Span
    started: datetime
    """Aware UTC."""

    @classmethod
    def prepare(cls, config: PipelineConfig, now: datetime) -> Run:
        """Find the span.

        Raises:
            DataError: it is not there, a side is missing, or it claims to come from the future.
        """
        return cls(config, find_span(config.spans, config.span, now), now)

    @property
    def cut(self) -> datetime:
        """What nothing in the span may be later than, aware UTC."""
        return self.manifest.origin.cut if self.manifest else self.started

    @property
    def manifest(self) -> SnapshotManifest | None:
        """Of the snapshot behind the span, where the span has kept it."""
        return self.span.manifest

    @property
    def metadata(self) -> Path:
        """The SQLite file of lineage."""
        return self.config.root / "metadata.sqlite"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended that reached its end."""

    version: str
    """In the registry."""
    is_blessed: bool
    """Whether it is in charge now."""
    refused_because: tuple[str, ...]
    """Why not, one sentence each; empty when it is."""
    card: Path
    """The model card, a page for a browser."""
