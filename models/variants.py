"""Every way to make the model, side by side: what each step of the road to a device costs and gives.

Rule: all are trained on the same machines with the same seed, and each is asked in the same way. A float
variant is the network itself; an int8 variant is its file in the device's runtime.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.config import FitConfig
from models.dataset import Contexts, Values
from models.parity import DeviceModel

SHIPS = "student int8, tuned"
"""The one that a bundle holds."""
TEACHER, STUDENT = "teacher float", "student float"
ALONE = "student float, not distilled"
AFTERWARDS = "student int8, after training"
PRUNED = "student int8, pruned"
VARIANTS = (TEACHER, "teacher int8", STUDENT, ALONE, AFTERWARDS, SHIPS, PRUNED)
"""All of them, in the order of training."""
ROWS_AT_ONCE = 1024
"""Contexts that a float network is given at a time."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to make the model."""

    name: str
    file: bytes = field(repr=False)
    """TFLite; float32 or int8 (1, 1, T, F) in and out."""
    network: Callable[[Values], Values] = field(repr=False, compare=False)
    """Standardised features float32 (n, T, F) in, reconstructed out."""
    run_file: Callable[[Values], Values] = field(repr=False, compare=False)
    """The same by the file, one context after the other, in the device's runtime."""

    def reconstruct(self, contexts: Values) -> Values:
        """Standardised features float32 (n, T, F) in, reconstructed out."""
        return self.network(contexts)

    @property
    def packed_bytes(self) -> int:
        """Size of the file compressed, as a bundle carries it over the air."""
        return len(zlib.compress(self.file, 9))


def make_variants(
    training: Sequence[Contexts],
    held_out: Sequence[Contexts],
    config: FitConfig,
    wanted: Collection[str] = VARIANTS,
) -> Iterator[Variant]:
    """Train one variant after the other; `SHIPS` is what a bundle holds.

    Args:
        training: Machines to learn from.
        held_out: Machines to stop by.
        config: How.
        wanted: Names of variants; others are trained only if one of these needs them.
    """
    from models.anomaly import AutoencoderConfig  # names and variants can be read without TensorFlow
    from models.aware import tune_to_int8
    from models.distill import distill
    from models.fit import fit, stack
    from models.prune import prune
    from models.quantize import convert_aware, quantize

    contexts, _ = stack(training)
    teacher = fit(training, held_out, config, AutoencoderConfig.teacher).model
    student = distill(teacher, training, held_out, config).model
    makers: dict[str, Callable[[str], Variant]] = {
        TEACHER: lambda name: float_variant(name, teacher),
        "teacher int8": lambda name: int8_variant(name, quantize(teacher, contexts, config.seed)),
        STUDENT: lambda name: float_variant(name, student),
        ALONE: lambda name: float_variant(name, fit(training, held_out, config).model),
        AFTERWARDS: lambda name: int8_variant(name, quantize(student, contexts, config.seed)),
        SHIPS: lambda name: int8_variant(
            name, convert_aware(tune_to_int8(teacher, student, training, held_out, config).model)
        ),
        PRUNED: lambda name: int8_variant(
            name, quantize(prune(teacher, student, training, held_out, config).model, contexts, config.seed)
        ),
    }
    for name, make in makers.items():
        if name in wanted:
            yield make(name)


def float_variant(name: str, model: Any) -> Variant:
    """A network from `build_model`."""
    from models.quantize import convert_float

    def reconstruct(contexts: Values) -> Values:
        out = np.empty_like(contexts)
        for first in range(0, len(contexts), ROWS_AT_ONCE):
            rows = slice(first, first + ROWS_AT_ONCE)
            out[rows] = model(contexts[rows, np.newaxis], training=False)[:, 0]
        return out

    file = convert_float(model)
    return Variant(name, file, reconstruct, DeviceModel(file).reconstruct)


def int8_variant(name: str, file: bytes) -> Variant:
    """A file for a device."""
    device = DeviceModel(file)
    return Variant(name, file, device.reconstruct, device.reconstruct)
