"""From a trained forecast to the one file that the cloud runs.

Rule: there is one way to make a bundle, whoever trained: its golden outputs are the network's own answers for
lives that are in it, and its metrics are what the training measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from contract.forecast import Calibration, Inputs, InputSpec, assemble
from contract.lives import Life
from contract.rul_bundle import RulBundle, RulManifest

GOLDEN_LIVES = 4


class Trained(Protocol):
    """A trained forecast, still in its training framework."""

    @property
    def inputs(self) -> InputSpec:
        """What it reads of a life."""

    @property
    def interval_80(self) -> Calibration:
        """By how much p10 and p90 are corrected."""

    @property
    def interval_90(self) -> Calibration:
        """By how much p05 and p95 are corrected."""

    @property
    def figures(self) -> Mapping[str, float | None]:
        """How it did on machines that it had not learned from."""

    def answer(self, inputs: Inputs) -> Inputs:
        """`quantiles` float32 (n, 7) and `mean` float32 (n, 1), in the type's time unit."""

    def export(self) -> bytes:
        """The TFLite file with one signature: inputs as `assemble` names them, `quantiles` and `mean` out."""


def build_bundle(
    trained: Trained, lives: Sequence[Life], version: str, lineage: Mapping[str, Any]
) -> RulBundle:
    """The bundle of a trained forecast, with some of these lives as golden inputs.

    Raises:
        BundleError: the parts do not fit together.
    """
    golden = assemble(lives[:GOLDEN_LIVES], trained.inputs)
    manifest = RulManifest(
        name=f"{trained.inputs.life.machine_type} RUL",
        version=version,
        inputs=trained.inputs,
        interval_80=trained.interval_80,
        interval_90=trained.interval_90,
        step=step_of(lives),
        metrics=trained.figures,
        lineage=lineage,
    )
    return RulBundle(manifest, trained.export(), golden, trained.answer(golden))


def step_of(lives: Sequence[Life]) -> float:
    """Median time between rows, in the type's unit; 0 where no life has two."""
    steps = np.concatenate([np.diff(life.age) for life in lives])
    return float(np.median(steps)) if len(steps) else 0.0
