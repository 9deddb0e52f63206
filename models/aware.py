"""Quantisation-aware training: the distilled student is tuned while every number is rounded as int8 will.

Rule: the ranges must hold what an anomaly brings. They start where the representative contexts lead, a tenth
of them scaled up to the clip, every batch holds such contexts too, and the input's range is the clip itself.

Fake quantisation in the forward pass, straight through in the backward one (Jacob et al., CVPR 2018).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from contract.scoring import Z_CLIP, Values
from models.backend import keras, load_optimization
from models.config import FitConfig
from models.dataset import Contexts
from models.distill import Distillation
from models.fit import FitResult, Lesson, learn, stack, start
from models.representative import representative_set

PREFIX = "quant_"
"""What TFMOT puts before the name of a layer that it wraps."""


def tune_to_int8(
    teacher: Any, student: Any, training: Sequence[Contexts], held_out: Sequence[Contexts], config: FitConfig
) -> FitResult:
    """Tune a distilled student to int8, still learning from its teacher.

    Args:
        teacher: Trained network from `fit`.
        student: From `distill`; stays as it is.
        training: Machines to learn from.
        held_out: Machines to stop by; the error is that of the rounded network.
        config: How; its settings for tuning apply.

    Returns:
        The rounded network, for `convert_aware`.
    """
    start(config)
    contexts, _ = stack(training)
    aware = make_aware(student, representative_set(contexts, config.seed))
    loss = Distillation(teacher, aware, contexts)
    lesson = Lesson(
        "tuning to int8", aware, loss, loss.variables, is_widened=True, settle=lambda: _pin_ranges(aware)
    )
    return learn(lesson, training, held_out, config.for_tuning())


def make_aware(student: Any, contexts: Values) -> Any:
    """Wrap every layer in the rounding of int8, with ranges as these contexts need them.

    Args:
        student: From `build_model`, trained.
        contexts: float32 (n, T, F), from `representative_set`.
    """
    aware, convolutions = wrap(student), convolutions_of(student)
    probe = keras.Model(student.input, [layer.output for layer in convolutions])
    for layer, values in zip(convolutions, probe(contexts[:, np.newaxis], training=False), strict=True):
        set_range(aware, f"{layer.name}/post_activation", min(np.min(values), 0.0), max(np.max(values), 0.0))
    _pin_ranges(aware)
    return aware


def wrap(student: Any) -> Any:
    """Wrap every layer in the rounding of int8; its ranges are still to be set."""
    optimization = load_optimization()
    keras.backend.reset_uids()  # TFMOT numbers its layers on, and their names end up in the file
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # tf_keras 2.16 draws its seeds up to a float
        return optimization.quantization.keras.quantize_model(student)


def convolutions_of(student: Any) -> list[Any]:
    """The layers of a network from `build_model` that have weights, in the order in which they run."""
    return [layer for layer in student.layers if isinstance(layer, keras.layers.Conv2D)]


def set_input_range(aware: Any) -> None:
    """A standardised feature never leaves ±`Z_CLIP`."""
    set_range(aware, "quantize_layer/quantize_layer", -Z_CLIP, Z_CLIP)


def set_range(aware: Any, name: str, least: Any, most: Any) -> None:
    """Set from where to where a layer's kernel or output is rounded."""
    for end, value in (("min", least), ("max", most)):
        wanted = f"{name}_{end}:0"
        (variable,) = [v for v in aware.non_trainable_variables if v.name.removeprefix(PREFIX) == wanted]
        variable.assign(value)


def _pin_ranges(aware: Any) -> None:
    """Set what needs no moving average.

    A kernel's range is that of its present weights, not of those before the last step.
    """
    set_input_range(aware)
    for layer in aware.layers:
        for variable in layer.trainable_variables:
            if variable.name.endswith("kernel:0"):
                largest = np.abs(variable.numpy()).max(axis=(0, 1, 2))  # one range for each channel
                set_range(aware, f"{layer.name.removeprefix(PREFIX)}/kernel", -largest, largest)
