"""Exported models run as they did where they were made, or not at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cloud.errors import ModelError
from cloud.litert import LiteModel, load_model
from contract.forecast import InputSpec, assemble
from contract.lives import LifeSpec
from tests.cloud.life_samples import INPUTS, make_bundle
from tests.contract.rul_samples import INPUTS as PUMP
from tests.contract.rul_samples import make_life
from tests.rul_files import SHARES, rul_model
from tests.tflite_files import identity_model


def test_batches_of_any_size_are_answered_by_name() -> None:
    model = LiteModel(rul_model(PUMP, 400.0))
    for n in (1, 5, 2):
        lives = [make_life(10 + number) for number in range(n)]
        answers = model.run(assemble(lives, PUMP))
        left = np.array([400.0 - life.age[-1] for life in lives])
        np.testing.assert_allclose(answers["quantiles"], left[:, np.newaxis] * SHARES, rtol=1e-6)
        np.testing.assert_allclose(answers["mean"][:, 0], left, rtol=1e-6)


def test_an_answer_stays_as_it_was_when_the_model_runs_again() -> None:
    model = LiteModel(rul_model(PUMP, 400.0))
    first = model.run(assemble([make_life(10)], PUMP))["mean"]
    before = first.copy()
    model.run(assemble([make_life(30)], PUMP))
    np.testing.assert_array_equal(first, before)


def test_a_type_without_settings_is_answered_too() -> None:
    spec = InputSpec(LifeSpec("fan", "h", 500, sensors=("mean_a",), components=("rotor",)), 30, 0)
    model = LiteModel(rul_model(spec, 100.0))
    inputs = {
        "age": np.full((1, 30), 40, np.float32),
        "mask": np.ones((1, 30), np.float32),
        "settings": np.zeros((1, 30, 0), np.float32),
        "sensors": np.zeros((1, 30, 1), np.float32),
    }
    assert model.run(inputs)["mean"].tolist() == [[60.0]]


@pytest.mark.parametrize("content", [b"", b"\x1c\0\0\0TFL3" + bytes(100), b"no model at all"])
def test_what_is_no_model_is_one_error(content: bytes) -> None:
    with pytest.raises(ModelError, match="cannot be run") as caught:
        LiteModel(content)
    assert "\n" not in str(caught.value)


def test_a_model_without_a_signature_is_refused() -> None:
    with pytest.raises(ModelError, match="0 signatures"):
        LiteModel(identity_model((1, 1, 8, 4)))


def test_inputs_that_do_not_fit_are_one_error() -> None:
    model = LiteModel(rul_model(PUMP, 400.0))
    inputs = assemble([make_life(10)], PUMP)
    for wrong in (
        {"age": inputs["age"]},
        inputs | {"age": inputs["age"][:, :5]},
        inputs | {"age": inputs["age"].astype(np.float64)},
    ):
        with pytest.raises(ModelError):
            model.run(wrong)
    assert model.run(inputs)["mean"].shape == (1, 1)  # and the next batch is answered


def test_a_bundle_that_keeps_its_word_is_loaded() -> None:
    bundle = make_bundle()
    assert load_model(bundle).run(bundle.golden_input)["mean"].shape == (1, 1)


def test_a_model_that_answers_otherwise_here_is_refused() -> None:
    bundle = make_bundle(100.0)
    with pytest.raises(ModelError, match="quantiles differ"):
        load_model(replace(bundle, model=rul_model(INPUTS, 90.0)))
    output = {**bundle.golden_output, "mean": bundle.golden_output["mean"] + 3}
    with pytest.raises(ModelError, match="mean differ"):
        load_model(replace(bundle, golden_output=output))
