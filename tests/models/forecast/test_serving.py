"""The exported file is run as the cloud runs it, and its answers are held against the network's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from contract.forecast import Inputs, InputSpec, assemble
from contract.rul_bundle import MEAN, RulBundle
from models.errors import ModelFileError, NotReleasableError
from models.forecast.release import GOLDEN_LIVES, build_bundle
from models.forecast.serving import ServingModel, require_golden, require_same
from tests.models.stages.fleet import SPEC, make_sides
from tests.models.stages.stub_forecast import StubForecast, build_network, measure

LIVES = make_sides()["eval"]
NAMES = [life.machine for life in LIVES]


@pytest.fixture(scope="module")
def network() -> StubForecast:
    rows = [np.concatenate([getattr(life, part) for life in LIVES]) for part in ("settings", "sensors")]
    inputs = InputSpec(SPEC, 40, 0)
    return StubForecast(inputs, build_network(inputs, measure(*rows)))


@pytest.fixture(scope="module")
def bundle(network: StubForecast) -> RulBundle:
    return build_bundle(network, LIVES, "press-1", {"span": "1"})


def test_the_file_answers_like_the_network(network: StubForecast, bundle: RulBundle) -> None:
    inputs = assemble(LIVES, network.inputs)
    apart = require_same(ServingModel(bundle).answer(inputs), network.answer(inputs), NAMES, SPEC.horizon)
    assert apart < 1e-3


def test_more_lives_than_a_batch_are_answered_one_by_one_the_same(bundle: RulBundle) -> None:
    model = ServingModel(bundle)
    many = model.answer_lives(LIVES * 15)
    one = model.answer_lives(LIVES[3:4])
    assert len(many["mean"]) == 15 * len(LIVES) > 128
    np.testing.assert_allclose(many["quantiles"][3], one["quantiles"][0], rtol=1e-5)


def test_a_file_that_is_no_model_is_refused(bundle: RulBundle) -> None:
    model = bundle.model[:4] + bytes(4) + bundle.model[8:]
    broken = RulBundle(bundle.manifest, bundle.model, bundle.golden_input, bundle.golden_output)
    object.__setattr__(broken, "model", model)
    with pytest.raises(ModelFileError, match="model press-1: the runtime refuses it"):
        ServingModel(broken)


def test_other_inputs_are_refused(bundle: RulBundle) -> None:
    with pytest.raises(ModelFileError, match="the runtime fails on it"):
        ServingModel(bundle).answer({"age": np.zeros((1, 3), np.float32)})


def outputs(**values: Any) -> Inputs:
    return {"quantiles": np.zeros((2, 7), np.float32), "mean": np.zeros((2, 1), np.float32)} | values


def test_one_answer_that_differs_is_named() -> None:
    other = np.zeros((2, 7), np.float32)
    other[1, 4] = 0.5
    with pytest.raises(NotReleasableError, match=r"quantiles of b differs by 0\.5, and 0\.06"):
        require_same(outputs(quantiles=other), outputs(), ["a", "b"], 60.0)


def test_an_answer_that_is_no_number_differs() -> None:
    broken = outputs(mean=np.array([[np.nan], [0]], np.float32))
    with pytest.raises(NotReleasableError, match="mean of a differs by inf"):
        require_same(broken, outputs(), ["a", "b"], 60.0)


def test_the_largest_difference_is_reported() -> None:
    close = outputs(mean=np.array([[0.01], [-0.02]], np.float32))
    assert require_same(close, outputs(), ["a", "b"], 60.0) == pytest.approx(0.02)


def test_a_bundle_gives_its_golden_outputs(bundle: RulBundle) -> None:
    assert len(bundle.golden_input["age"]) == GOLDEN_LIVES
    assert require_golden(bundle) < 1e-3


def test_a_bundle_that_does_not_is_refused(bundle: RulBundle) -> None:
    other = bundle.golden_output[MEAN].copy()
    other[2] += 1
    wrong = replace(bundle, golden_output={**bundle.golden_output, MEAN: other})
    with pytest.raises(NotReleasableError, match="mean of golden input 3 differs by 1,"):
        require_golden(wrong)


def test_a_bundle_says_what_its_training_measured(network: StubForecast) -> None:
    measured = replace(network, figures={"rmse": 3.5, "picp": None})
    manifest = build_bundle(measured, LIVES, "press-2", {"span": "1"}).manifest
    assert manifest.metrics == {"rmse": 3.5, "picp": None}
    assert (manifest.name, manifest.version, manifest.lineage) == ("press RUL", "press-2", {"span": "1"})
