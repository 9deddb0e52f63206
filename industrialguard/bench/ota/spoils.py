"""Models that a training, or whoever handles one, may get wrong; each passes for a bundle like any other.

Rule: a spoiled bundle is whole: it loads, its golden outputs are its own, and its figures claim what the true
one's do. Only a machine can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from contract.bundle import Bundle
from contract.features import feature_specs
from contract.signals import SensorKind
from edge_agent.tflite import ModelRunner
from models.flatbuffer import read_convolutions

SPREADS = 3.0
"""By how many of the fleet's spreads a calibration is off."""

Weights = npt.NDArray[np.int8]
Change = Callable[[Weights, int], Weights]
"""A layer's weights, flat, and its place in the network."""


def with_weights(bundle: Bundle, version: str, change: Change) -> Bundle:
    """The same network with other weights, and golden outputs to match."""
    model = bytearray(bundle.model)
    for number, layer in enumerate(_layers(bundle.model)):
        place = bundle.model.find(layer.tobytes())
        model[place : place + layer.size] = change(layer, number).astype(np.int8).tobytes()
    runner = ModelRunner(bytes(model), accelerator="cpu")
    answers = [runner.invoke_quantised(sample[np.newaxis])[0] for sample in bundle.golden_input]
    spoiled = replace(bundle, model=bytes(model), golden_output=np.stack(answers), edge_tpu_model=None)
    return renamed(spoiled, version)


def renamed(bundle: Bundle, version: str) -> Bundle:
    """The same under another version."""
    return replace(bundle, manifest=replace(bundle.manifest, version=version, sha256={}))


def noisy(bundle: Bundle, share: float, seed: int = 1) -> Bundle:
    """Weights that are off by a share of their layer's standard deviation, normally distributed."""
    random = np.random.default_rng(seed)

    def disturb(layer: Weights, _: int) -> Weights:
        off = random.normal(0.0, share * layer.std(), layer.size)
        return np.clip(np.rint(layer + off), -127, 127).astype(np.int8)

    return with_weights(bundle, f"noise-{share:g}", disturb)


def untrained(bundle: Bundle, seed: int = 1) -> Bundle:
    """Weights that have the right distribution, each in a wrong place."""
    random = np.random.default_rng(seed)
    return with_weights(bundle, "untrained", lambda layer, _: random.permutation(layer))


def without_code(bundle: Bundle) -> Bundle:
    """Its narrowest layer says nothing: whatever it is shown, it answers with a healthy machine's mean."""
    sizes = [layer.size for layer in _layers(bundle.model)]
    place = int(np.argmin(sizes))
    return with_weights(bundle, "no-code", lambda layer, n: layer * np.int8(n != place))


def strict(bundle: Bundle) -> Bundle:
    """Calibrated on a fleet that errs less: it accuses."""
    return _calibrated(bundle, "strict", -SPREADS)


def lenient(bundle: Bundle) -> Bundle:
    """Calibrated on a fleet that errs more: it finds nothing."""
    return _calibrated(bundle, "lenient", SPREADS)


def deaf(bundle: Bundle, factor: float = 25.0) -> Bundle:
    """Whatever a vibration feature does counts a 25th."""
    waveforms = {sensor.name for sensor in bundle.profile.sensors if sensor.kind is SensorKind.WAVEFORM}
    heard = np.array([spec.sensor not in waveforms for spec in feature_specs(bundle.profile)])
    residual = np.where(heard, 1.0, factor) * bundle.manifest.fleet_residual
    manifest = replace(bundle.manifest, fleet_residual=residual.astype(np.float32))
    return renamed(replace(bundle, manifest=manifest), "deaf")


def _calibrated(bundle: Bundle, version: str, spreads: float) -> Bundle:
    manifest = bundle.manifest
    location = manifest.fleet_error_location + spreads * manifest.fleet_error_spread
    return renamed(replace(bundle, manifest=replace(manifest, fleet_error_location=location)), version)


def _layers(model: bytes) -> list[Weights]:
    return [convolution.kernel.ravel() for convolution in read_convolutions(model)]


SPOILS: Mapping[str, Callable[[Bundle], Bundle]] = {
    "weights in wrong places": untrained,
    "weights off by 20 %": lambda bundle: noisy(bundle, 0.2),
    "weights off by 50 %": lambda bundle: noisy(bundle, 0.5),
    "a layer lost": without_code,
    "calibrated too strictly": strict,
    "calibrated too leniently": lenient,
    "deaf to vibration": deaf,
}
"""By what is wrong, for people."""
