"""From a trained, quantised and calibrated model to a bundle.

Rule: golden outputs are computed by the device's runtime from the very file that ships; the version is made
of the content, so that two different models never share one.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.bundle import Bundle, Manifest
from contract.features import feature_specs
from contract.profiles import MachineProfile
from models.calibrate import FleetError
from models.dataset import MachineVectors, prior_windows
from models.errors import NotReleasableError
from models.parity import DeviceModel, Int8, agreeing
from models.representative import representative_set

GOLDEN_CONTEXTS = 8
"""Pairs of input and output that a device checks itself with, widened ones among them."""


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """Everything that training found out."""

    profile: MachineProfile
    model: bytes = field(repr=False)
    fleet_spread: npt.NDArray[np.float32] = field(repr=False)
    fleet_residual: npt.NDArray[np.float32] = field(repr=False)
    fleet_error: FleetError
    metrics: Mapping[str, float]
    lineage: Mapping[str, Any]
    golden: Int8 | None = field(default=None, repr=False)
    """Inputs of the bundle that it was adapted from, which devices need not fetch again."""


def make_bundle(trained: TrainedModel, contexts: npt.NDArray[np.float32], seed: int) -> Bundle:
    """Put a bundle together.

    Args:
        trained: What training found out.
        contexts: float32 (n, T, F), healthy; golden inputs are drawn from them.
        seed: Which of them.
    """
    device = DeviceModel(trained.model)
    golden_input = _golden_inputs(trained, device, representative_set(contexts, seed))
    profile = trained.profile
    manifest = Manifest(
        name=profile.name,
        version=f"{profile.version}.{profile.feature_version}-{_digest(trained)}",
        profile_name=profile.name,
        profile_version=profile.version,
        feature_version=profile.feature_version,
        features=tuple(spec.name for spec in feature_specs(profile)),
        context=profile.window.context,
        fleet_spread=trained.fleet_spread,
        fleet_residual=trained.fleet_residual,
        fleet_error_spread=trained.fleet_error.spread,
        fleet_error_location=trained.fleet_error.location,
        prior_windows=prior_windows(profile),
        metrics=dict(trained.metrics),
        lineage=dict(trained.lineage),
    )
    return Bundle(manifest, profile, trained.model, golden_input, device.run(golden_input))


def _digest(trained: TrainedModel) -> str:
    """Of all that scores depend on: a network that is calibrated anew is another model."""
    digest = hashlib.sha256(trained.model)
    errors = (trained.fleet_error.location, trained.fleet_error.spread)
    for numbers in (trained.fleet_spread, trained.fleet_residual, np.array(errors)):
        digest.update(np.asarray(numbers, np.float32).tobytes())
    return digest.hexdigest()[:10]


def _golden_inputs(trained: TrainedModel, device: DeviceModel, contexts: npt.NDArray[np.float32]) -> Int8:
    """The first contexts, those of before and widened ones among them, that every runtime answers alike.

    A self-test with them finds a broken device on any board. It says nothing of how far sound runtimes differ
    on other contexts: `industrialguard train check` does.

    Raises:
        NotReleasableError: they are too few.
    """
    # Widened contexts stand first in a representative set, healthy ones last: take them in turns.
    half = len(contexts) // 2
    in_turns = np.stack([contexts[:half], contexts[::-1][:half]], axis=1).reshape(-1, *contexts.shape[1:])
    candidates = device.input.quantise(in_turns[:, np.newaxis])
    if trained.golden is not None:
        candidates = np.concatenate([trained.golden, candidates])
    chosen = candidates[agreeing(trained.model, candidates)][:GOLDEN_CONTEXTS]
    if len(chosen) < min(GOLDEN_CONTEXTS, len(candidates)):
        raise NotReleasableError(
            f"runtimes agree on {len(chosen)} of {len(candidates)} contexts only, {GOLDEN_CONTEXTS} are "
            "needed; train anew with another seed"
        )
    return chosen


def data_digest(machines: Sequence[MachineVectors]) -> str:
    """A fingerprint of what was learned from: machines, times and feature values."""
    digest = hashlib.sha256()
    for machine in sorted(machines, key=lambda m: m.machine_id):
        digest.update(machine.machine_id.encode())
        for vector in machine.vectors:
            digest.update(np.float64(vector.event_time_s).tobytes() + vector.values.tobytes())
    return digest.hexdigest()


def code_version() -> str:
    """The installed version of this project, or `unknown`."""
    try:
        return importlib.metadata.version("industrialguard")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
