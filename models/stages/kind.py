"""In what the pipelines differ: forecasts of remaining life, and edge models.

Rule: there is one graph and one set of stages. Whatever a stage does differently for one kind of model is
called through its `PipelineKind`, so that no stage asks which kind it serves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from contract.registry import SUFFIXES, ModelKind

_MODULES = {ModelKind.RUL: "models.stages.life_kind", ModelKind.EDGE: "models.stages.window_kind"}


@dataclass(frozen=True, slots=True)
class AcceptedSide:
    """One side of a span that nothing is wrong with."""

    machines: frozenset[str]
    counts: Mapping[str, int]
    """How much it holds, as the card words it."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the Trainer is to make, and of what."""

    schema: Any = field(repr=False)
    """The curated one."""
    train: Sequence[bytes] = field(repr=False)
    """Serialised examples."""
    calibrate: Sequence[bytes] = field(repr=False)
    """Of other machines: what is learned is made true on them."""
    measures: Mapping[str, Any] = field(repr=False)
    """What the Transform measured on the train side."""
    settings: Mapping[str, Any]
    """Settings of the training, plain JSON; empty: its own defaults."""
    training: str
    """Import path of the module that trains."""
    version: str
    lineage: Mapping[str, Any]
    """What the model is made of, for its bundle."""
    warm_start: Path | None
    """Folder of the last blessed model; None: from scratch."""
    folder: Path
    """Where the bundle goes, and what the next warm start needs."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the card says of a model besides what this run measured of it."""

    name: str
    version: str
    subject: str
    """Machine type or profile: the line of the registry."""
    purpose: str
    """What it does, in a sentence."""
    judged: str
    """How the results came about, in a sentence or two."""
    inputs: Mapping[str, Sequence[str]]
    """What it reads."""
    lineage: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PipelineKind:
    """Everything in which the pipeline of one kind of model differs from another one's."""

    model: ModelKind
    training: str
    """Import path of the module that trains, where nobody names another."""
    preprocessing_fn: str
    """Import path of the Transform's work."""
    judgement: str
    """Import path of the module that the Evaluator asks."""
    columns: Mapping[str, str]
    """Metric to the head of its column on the card."""
    has_warm_start: bool
    """Whether training goes on from the last blessed model."""
    subject: Callable[[Any], str]
    """From the curated schema to the machine type or profile; raises ConfigError."""
    comparable: Callable[[Any], str]
    """From the curated schema to what comparable spans and models share, in a-z, 0-9 and -."""
    describe_columns: Callable[[Any], Mapping[str, Any]]
    """From the curated schema to what `preprocessing_fn` must know, plain JSON."""
    accept: Callable[[Sequence[bytes], Any, datetime, str], AcceptedSide]
    """Examples of a side, schema, cut, and how to call the side; raises DataError, one sentence."""
    build_eval_config: Callable[[Any, Any], Any]
    """Thresholds and schema to TFMA's configuration."""
    train: Callable[[Assignment], None]
    """Trains, and writes the bundle into the folder."""
    replay: Callable[[Path, str, str], Mapping[str, Any]]
    """Bundle's folder, URI of the examples, training module: what the exported file did, with the sentence
    `told`; raises NotReleasableError."""
    describe: Callable[[Path], Facts]
    """The card's facts, from the bundle's folder."""

    @property
    def bundle_file(self) -> str:
        """Name of the bundle in a model's folder."""
        return bundle_file(self.model)


def bundle_file(model: ModelKind) -> str:
    """Name of the bundle in a model's folder.

    >>> bundle_file(ModelKind.EDGE)
    'model.igb'
    """
    return f"model{SUFFIXES[model]}"


def kind_of(name: str) -> PipelineKind:
    """The pipeline of one kind of model; loads no other kind's code.

    Args:
        name: A value of `ModelKind`.
    """
    return cast(PipelineKind, import_module(_MODULES[ModelKind(name)]).KIND)
