"""Magnitude pruning: half of the weights become 0, and the student learns to do without.

Rule: an option, not what ships. Zeros save bytes only where a file is compressed, and time nowhere: the int8
kernels of the CPU runtimes and of the Edge TPU multiply them like any other number.

The smallest weights go (Zhu and Gupta, 2017), at one sparsity from the first step on: with what is trained
already there is nothing to ease into.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from models.backend import keras, load_optimization
from models.config import FitConfig
from models.dataset import Contexts
from models.distill import Distillation
from models.fit import FitResult, Lesson, learn, stack, start

SPARSITY = 0.5
"""Share of each layer's weights that become 0; half is what most convolutions bear (Zhu and Gupta, 2017)."""


def prune(
    teacher: Any, student: Any, training: Sequence[Contexts], held_out: Sequence[Contexts], config: FitConfig
) -> FitResult:
    """Tune a distilled student to fewer weights, still learning from its teacher.

    Args:
        teacher: Trained network from `fit`.
        student: From `distill`; stays as it is.
        training: Machines to learn from.
        held_out: Machines to stop by.
        config: How; its settings for tuning apply.

    Returns:
        A network as from `build_model`, for `quantize`, with `SPARSITY` of each kernel 0.
    """
    start(config)
    contexts, _ = stack(training)
    sparsity = load_optimization().sparsity.keras
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # tf_keras 2.16 draws its seeds up to a float
        schedule = sparsity.ConstantSparsity(SPARSITY, begin_step=0, frequency=1)
        pruned = sparsity.prune_low_magnitude(_copied(student), pruning_schedule=schedule)
    steps = sparsity.UpdatePruningStep()
    steps.set_model(pruned)
    steps.on_train_begin()
    loss = Distillation(teacher, pruned, contexts)
    lesson = Lesson("pruning", pruned, loss, loss.variables, settle=lambda: _mask(pruned))
    result = learn(lesson, training, held_out, config.for_tuning())
    return FitResult(sparsity.strip_pruning(pruned), result.epochs, result.error)


def _mask(pruned: Any) -> None:
    """Choose the weights that go, and set them to 0."""
    for layer in pruned.layers:
        if hasattr(layer, "pruning_obj"):
            layer.pruning_obj.conditional_mask_update()
            layer.pruning_obj.weight_mask_op()


def _copied(model: Any) -> Any:
    """Pruning wraps layers where they are; the student keeps its own."""
    copied = keras.models.clone_model(model)
    copied.set_weights(model.get_weights())
    return copied
