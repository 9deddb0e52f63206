"""What the student takes from its teacher, and what it leaves behind."""

from typing import Any

import numpy as np
import pytest

from models.anomaly import AutoencoderConfig, build_model
from models.backend import tf
from models.distill import CODE_WEIGHT, Distillation
from models.fit import pack_targets, stack, start
from tests.models.networks import (
    CONFIG,
    HELD_OUT,
    LENGTH,
    WIDTH,
    correlated,
    plain,
    predict,
    rms,
    student,
    teacher,
)

CONTEXTS = correlated(64, 9).standardised


def untrained(shape: Any = AutoencoderConfig.student) -> Any:
    start(CONFIG)
    return build_model(shape(LENGTH, WIDTH))


def loss_of(loss: Distillation, contexts: Any, valid: Any) -> float:
    inputs = tf.constant(contexts[:, np.newaxis])
    return float(loss(inputs, tf.constant(pack_targets(contexts, valid))))


def test_a_context_without_a_valid_cell_counts_nothing() -> None:
    loss = Distillation(untrained(AutoencoderConfig.teacher), untrained(), CONTEXTS)
    valid = np.ones_like(CONTEXTS, np.bool_)
    assert loss_of(loss, CONTEXTS, valid) > 0
    assert loss_of(loss, CONTEXTS, ~valid) == 0
    valid[:32] = False
    half = loss_of(loss, CONTEXTS, valid)
    assert half == pytest.approx(loss_of(loss, CONTEXTS[32:], valid[32:]) / 2, rel=1e-5)


def test_a_student_that_knows_everything_is_left_with_the_codes() -> None:
    network = untrained()
    loss = Distillation(network, network, CONTEXTS)
    told = predict(network, CONTEXTS)
    inputs = tf.constant(CONTEXTS[:, np.newaxis])
    targets = tf.constant(pack_targets(told, np.ones_like(told, np.bool_)))
    assert float(loss(inputs, targets)) == pytest.approx(0, abs=1e-8), "the projection starts as the best"
    kernel, bias = loss.variables
    # A projection that says nothing leaves the whole variance of the code unexplained.
    kernel.assign(tf.zeros_like(kernel))
    bias.assign(tf.zeros_like(bias))
    assert float(loss(inputs, targets)) == pytest.approx(CODE_WEIGHT, rel=1e-3)


def test_every_part_of_the_loss_reaches_the_student_and_none_the_teacher() -> None:
    known, learner = untrained(AutoencoderConfig.teacher), untrained()
    loss = Distillation(known, learner, CONTEXTS)
    inputs = tf.constant(CONTEXTS[:, np.newaxis])
    targets = tf.constant(pack_targets(CONTEXTS, np.ones_like(CONTEXTS, np.bool_)))
    with tf.GradientTape() as tape:
        value = loss(inputs, targets)
    learned = [*learner.trainable_variables, *loss.variables]
    gradients = tape.gradient(value, [*learned, *known.trainable_variables])
    assert all(np.abs(g).max() > 0 for g in gradients[: len(learned)])
    before = known.get_weights()
    for a, b in zip(before, known.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_a_distilled_student_is_nearer_to_its_teacher_than_one_that_had_none() -> None:
    before = teacher().model.get_weights()
    contexts, _ = stack(HELD_OUT)
    told = predict(teacher().model, contexts)
    assert rms(predict(student().model, contexts) - told) < 0.9 * rms(predict(plain().model, contexts) - told)
    assert student().error < 1.05 * plain().error
    for a, b in zip(before, teacher().model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_the_projection_is_thrown_away() -> None:
    names = [w.name for w in student().model.weights]
    assert names == [w.name for w in untrained().weights]
