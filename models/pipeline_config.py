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
from contract.registry import ModelKind
from contract.toml_tables import build
from models.stages.spans import Manifest, Span, find_span


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
class EdgeThresholds:
    """What an edge model must reach to be blessed.

    Raises:
        ConfigError: numbers that no model could reach or miss.
    """

    auc: float = 0.8
    """At least: probability that a faulty window scores higher than a healthy one of the same machine."""
    false_episodes_per_h: float = 0.1
    """At most: alarms on healthy machines, at the threshold that was fixed in training."""
    auc_slack: float = 0.01
    """By how much the first may fall below the blessed model's on the same machines."""
    false_episodes_slack: float = 0.0
    """By how much the second may exceed it, in alarms per hour."""
    found_slack_pct: float = 0.0
    """By how many percent of the machines fewer faults may be found than by the blessed model."""

    def __post_init__(self) -> None:
        slacks = self.auc_slack, self.false_episodes_slack, self.found_slack_pct
        if not (0 < self.auc < 1 and min(self.false_episodes_per_h, *slacks) >= 0):
            raise ConfigError(f"thresholds that make no sense: {asdict(self)}")


AnyThresholds = Thresholds | EdgeThresholds
_THRESHOLDS: Mapping[ModelKind, type[AnyThresholds]] = {
    ModelKind.RUL: Thresholds,
    ModelKind.EDGE: EdgeThresholds,
}


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """One run.

    Raises:
        ConfigError: a reason that is empty or long, or thresholds of another kind of model.
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
    thresholds: AnyThresholds = field(default_factory=Thresholds)
    """Of the kind's own sort."""
    training: str = ""
    """Import path of the module that trains; empty: the kind's own."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """For the training; plain JSON."""
    beam_args: tuple[str, ...] = ()
    """Options of Apache Beam; none: its data-parallel stages run in this process."""
    code_version: str = "unknown"
    kind: ModelKind = ModelKind.RUL
    """What is trained."""

    def __post_init__(self) -> None:
        if not isinstance(self.thresholds, _THRESHOLDS[self.kind]):
            raise ConfigError(f"thresholds of another kind of model than {self.kind}")
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
            values["kind"] = ModelKind(values["kind"])
            values["thresholds"] = build(_THRESHOLDS[values["kind"]], values["thresholds"], "thresholds")
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
    def manifest(self) -> Manifest | None:
        """Of what lies behind the span, where the span has kept it."""
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
