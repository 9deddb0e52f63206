"""Releases for the tests of the model slots: the rig's model, in good and in spoiled versions."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from contract.bundle import Bundle, Manifest, format_bundle
from contract.features import feature_specs
from edge_agent.model_slot import release_of
from edge_agent.slot_state import Offer
from edge_agent.tflite import ModelRunner
from tests.edge_agent.rig import TINY_MODEL, rig_profile


def rig_bundle() -> Bundle:
    """The test rig's model: its error grows with the square of the deviations."""
    profile, model = rig_profile(), TINY_MODEL.read_bytes()
    names = tuple(spec.name for spec in feature_specs(profile))
    context = profile.window.context
    golden = np.random.default_rng(5).integers(-100, 100, (4, 1, context, len(names)), np.int8)
    answers = np.stack([ModelRunner(model).invoke_quantised(sample[np.newaxis])[0] for sample in golden])
    manifest = Manifest(
        name="test-rig",
        version="test-rig-7",
        profile_name=profile.name,
        profile_version=profile.version,
        feature_version=profile.feature_version,
        features=names,
        context=context,
        fleet_spread=np.full(len(names), 0.05, np.float32),
        fleet_residual=np.ones(len(names), np.float32),
        fleet_error_spread=0.3,
        fleet_error_location=0.0,
    )
    return Bundle(manifest, profile, model, golden, answers)


def renamed(bundle: Bundle, version: str, **changes: Any) -> Bundle:
    """The same model as another version; `changes` are fields of the manifest."""
    return dataclasses.replace(
        bundle, manifest=dataclasses.replace(bundle.manifest, version=version, **changes)
    )


def with_model(bundle: Bundle, version: str, model: bytes) -> Bundle:
    """Another network with golden outputs of its own, as a training that went wrong would write them."""
    runner = ModelRunner(model)
    answers = np.stack([runner.invoke_quantised(sample[np.newaxis])[0] for sample in bundle.golden_input])
    return dataclasses.replace(renamed(bundle, version), model=model, golden_output=answers)


def shape_of(bundle: Bundle) -> tuple[int, int, int, int]:
    return (1, 1, bundle.manifest.context, len(feature_specs(bundle.profile)))


def offered(folder: Path, bundle: Bundle, attempt: int = 1) -> Offer:
    """A bundle as a verified download that is handed over."""
    data = format_bundle(bundle)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(data).hexdigest()[:12]}.igb"
    path.write_bytes(data)
    return Offer(release_of(bundle), str(path), attempt)
