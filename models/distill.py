"""The student learns what the teacher makes of a machine.

Rule: teacher and student see the same corrupted context; what must not reach a device (the teacher, and the
projection between the two codes) is thrown away when the lesson is over.

A teacher's answer says more than the data does (Hinton, Vinyals, Dean, 2015): of a noisy machine it leaves
out what cannot be known. Its code is a hint how to get there (Romero et al., FitNets, ICLR 2015), matched
through a linear projection, because each network numbers its channels as it likes.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from contract.scoring import Values
from models.anomaly import AutoencoderConfig, build_model, code_model, masked_error
from models.backend import keras, tf
from models.config import FitConfig
from models.dataset import Contexts
from models.fit import FitResult, Lesson, learn, stack, start

CLEAN_WEIGHT = 0.5
"""Share of the clean data in what is to be reconstructed."""
TEACHER_WEIGHT = 0.5
"""Share of the teacher's answer."""
CODE_WEIGHT = 0.1
"""Weight of the share of the code's variance that the student does not explain."""
SCALE_CONTEXTS = 2000
"""Contexts, about, from which the teacher's code is scaled."""
LEAST_CODE_SPREAD = 1e-3
"""Spread of a teacher's code channel below which it says nothing, in the code's own unit."""


class Distillation:
    """The loss of a student that learns from a teacher.

    Args:
        teacher: Trained network from `build_model`.
        student: From `build_model`, or what quantisation-aware training or pruning made of it.
        contexts: float32 (n, T, F), standardised: what the teacher's code is scaled by.
    """

    def __init__(self, teacher: Any, student: Any, contexts: Values) -> None:
        self._teacher = code_model(teacher)
        self._student = code_model(student)
        some = contexts[:: max(1, len(contexts) // SCALE_CONTEXTS), np.newaxis]
        hint, code = (network(some, training=False)[1].numpy() for network in (self._teacher, self._student))
        self._mean = hint.mean(axis=(0, 1, 2))
        self._spread = np.maximum(hint.std(axis=(0, 1, 2)), LEAST_CODE_SPREAD)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # tf_keras 2.16 draws its seeds up to a float
            self._project = keras.layers.Conv2D(hint.shape[-1], 1, name="projection")
            self._project.build(self._student.output_shape[1])
        self._project.set_weights(_least_squares(code, (hint - self._mean) / self._spread))

    @property
    def variables(self) -> Sequence[Any]:
        """The projection from the student's code to the teacher's: learned too, and of no use afterwards."""
        projection: Sequence[Any] = self._project.trainable_variables
        return projection

    def __call__(self, inputs: Any, targets: Any) -> Any:
        """Mean loss of a batch; contexts without a valid cell count nothing."""
        valid = tf.split(targets, 2, axis=-1)[1]
        told, hint = self._teacher(inputs, training=False)
        reconstructed, code = self._student(inputs, training=True)
        wanted = (hint - self._mean) / self._spread
        stray = tf.reduce_mean(tf.square(self._project(code) - wanted), axis=[1, 2, 3])
        return tf.reduce_mean(
            CLEAN_WEIGHT * masked_error(targets, reconstructed)
            + TEACHER_WEIGHT * masked_error(tf.concat([told, valid], axis=-1), reconstructed)
            + CODE_WEIGHT * tf.reduce_max(valid, axis=[1, 2, 3]) * stray
        )


def _least_squares(code: Values, wanted: Values) -> list[Values]:
    """Kernel and bias that map the codes best: a student that knows its way is not led astray at first."""
    rows = code.reshape(-1, code.shape[-1])
    rows = np.concatenate([rows, np.ones_like(rows[:, :1])], axis=1)
    solution = np.linalg.lstsq(rows, wanted.reshape(-1, wanted.shape[-1]), rcond=None)[0].astype(np.float32)
    return [solution[np.newaxis, np.newaxis, :-1], solution[-1]]


def distill(
    teacher: Any, training: Sequence[Contexts], held_out: Sequence[Contexts], config: FitConfig
) -> FitResult:
    """Train a student of the shape that ships.

    Args:
        teacher: Trained network from `fit`.
        training: Machines to learn from.
        held_out: Machines to stop by; the student is judged by the clean data alone.
        config: How.
    """
    start(config)
    contexts, _ = stack(training)
    student = build_model(AutoencoderConfig.student(*contexts.shape[1:]))
    loss = Distillation(teacher, student, contexts)
    return learn(Lesson("distilling", student, loss, loss.variables), training, held_out, config)
