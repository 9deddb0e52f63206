"""Models for a simulated fleet: bundles with papers in order, and how each does on machines.

Rule: what a model does is a table's word, by digest; its network is never run. Half of each bundle is bytes
that tell one training from another, so that what is fetched is as large, and as unlike its predecessor, as
after a training anew, or after a fine-tuning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from random import Random
from typing import Any

from contract.bundle import Bundle, format_bundle, load_bundle
from contract.registry import Papers
from ota.releases import Release

FAMILY = "pump"
WEIGHT_BYTES = 100_000
TUNED_BYTES = 2_000
CALM = 1 / 40
"""Alarms a day of a healthy machine under a good model."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a bundle does."""

    passes_test: float = 1.0
    """Share of the devices on which it passes its self-test."""
    agrees: float = 1.0
    """Share of the machines on which it does what the old model does, as far as a probation shows."""
    alarms_per_day: float = CALM
    """Once it is in charge."""


GOOD = Behaviour()


@cache
def pump() -> Bundle:
    """The shipped pump's model."""
    return load_bundle(FAMILY)


def make_release(number: int, training: int = 0, family: str = FAMILY) -> Release:
    """The pump's model as another version.

    Args:
        number: Of the version.
        training: Weights of the same training differ little from version to version; 0: none are added.
        family: The machine type.
    """
    weights = pump().model
    if training:
        own = Random(f"weights {number}").randbytes(TUNED_BYTES)
        weights += Random(f"training {training}").randbytes(WEIGHT_BYTES - TUNED_BYTES) + own
    lineage = {**pump().manifest.lineage, "number": number}
    bundle = replace(pump(), model=weights, manifest=replace(pump().manifest, lineage=lineage))
    data = format_bundle(bundle)
    return Release(family, f"{number}-{sha256(data).hexdigest()[:12]}", data, good_papers(bundle))


def good_papers(bundle: Bundle | None = None, **replay: Any) -> Papers:
    """What the pipeline records of a model that passed every gate; of the shipped pump's, unless told."""
    facts = {
        "kind": "edge",
        "told": "It was replayed.",
        "golden_windows": 8,
        "runtimes": ["ai-edge-litert 2.3"],
        "largest_difference": 0,
        "model_sha256": sha256((bundle or pump()).model).hexdigest(),
        "operations": 15,
        "mapped_operations": 15,
        "float_error": 0.2851,
        "int8_error": 0.2859,
    }
    blessing = {"results": [{"model": "candidate"}], "refused_because": [], "replay": facts | replay}
    lineage = {"snapshot": "pump-20261101", "span": "3", "code_version": "4a1b2c3", "model_artifact": 17}
    return Papers("# card", True, blessing, lineage)


def falls_under(share: float, device: str, digest: str) -> bool:
    """Whether a device is one of a share; always the same ones for the same bundle."""
    return Random(f"{device}/{digest}").random() < share
