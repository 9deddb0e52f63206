"""The exported file answers what training saw, for any number of lives, wherever TFLite runs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from contract.forecast import Inputs, assemble
from contract.lives import Life, LifeSpec
from contract.rul_bundle import input_kinds
from models.flatbuffer import read_network
from models.forecast.ensemble import Ensemble
from models.forecast.fit import FitSpec
from models.forecast.train import Material, train
from tests.models.forecast.conftest import QUICK
from tests.models.forecast.lives import WITH_EVENTS, fleet
from tests.models.forecast.networks import with_events

pytestmark = pytest.mark.slow

BARE = LifeSpec("valve", "h", 40.0, (), ("heat", "noise"), ("e1", "e2"), components=("seal",))
SAME = 1e-3
"""Of the horizon: what kernels may add up differently."""


def some_lives(n: int) -> list[Life]:
    """Young and old ones, some with more rows than are read, some without events."""
    lives = [life.cut(1 + 7 * number % len(life.age)) for number, life in enumerate(fleet(n, first=500))]
    return [*with_events(lives[: n // 2]), *lives[n // 2 :]] if n > 1 else with_events(fleet(1, first=500))


def with_gaps(life: Life) -> Life:
    """The same life, half of it not measured and one setting never known."""
    sensors, settings = life.sensors.copy(), life.settings.copy()
    sensors[::2, 0] = sensors[:, 1] = np.nan
    settings[:, 0] = np.nan
    return replace(life, sensors=sensors, settings=settings)


@pytest.fixture(scope="module")
def file(ensemble: Ensemble) -> bytes:
    return ensemble.export()


@pytest.fixture(scope="module")
def runner(file: bytes) -> Any:
    return Interpreter(model_content=file).get_signature_runner()


def run(runner: Any, inputs: Inputs) -> Inputs:
    """What the file says; it owns the memory of its answers."""
    return {name: values.copy() for name, values in runner(**inputs).items()}


def require_same(said: Inputs, expected: Inputs, horizon: float) -> None:
    assert set(said) == {"quantiles", "mean"}
    for name, values in expected.items():
        np.testing.assert_allclose(said[name], values, rtol=0, atol=SAME * horizon)


@pytest.mark.parametrize("n_lives", [1, 3, 64])
def test_it_says_what_the_network_says(ensemble: Ensemble, runner: Any, n_lives: int) -> None:
    inputs = assemble(some_lives(n_lives), ensemble.inputs)
    said = run(runner, inputs)
    require_same(said, ensemble.answer(inputs), WITH_EVENTS.horizon)
    assert said["quantiles"].shape == (n_lives, 7)
    assert n_lives < 64 or np.ptp(said["mean"]) > 10 * SAME * WITH_EVENTS.horizon


def test_what_is_not_known_passes(ensemble: Ensemble, runner: Any) -> None:
    lives = [with_gaps(life) for life in some_lives(4)]
    inputs = assemble(lives, ensemble.inputs)
    said = run(runner, inputs)
    require_same(said, ensemble.answer(inputs), WITH_EVENTS.horizon)
    assert all(np.isfinite(values).all() for values in said.values())


def test_it_takes_what_a_bundle_promises(ensemble: Ensemble, runner: Any) -> None:
    kinds = input_kinds(ensemble.inputs)
    details = runner.get_input_details()
    assert set(details) == set(kinds)
    for name, (kind, shape) in kinds.items():
        assert details[name]["dtype"] is kind
        assert tuple(details[name]["shape_signature"]) == (-1, *shape)


def test_it_needs_no_operation_but_the_built_in(file: bytes) -> None:
    operations = read_network(file).operations
    assert len(operations) > 20
    assert not [each.name for each in operations if each.is_custom or each.name.startswith("Flex")]


@pytest.mark.usefixtures("eager")
def test_a_type_without_settings_is_trained_and_exported() -> None:
    lives = [
        replace(life, settings=np.zeros((len(life.age), 0), np.float32), sensors=life.sensors[:, :2])
        for life in with_events(fleet(4))
    ]
    spec = replace(QUICK, n_rows=24, n_judged=5, fit=FitSpec(epochs=1, steps=2, batch=8))
    bare = train(Material(BARE, lives), spec)
    runner = Interpreter(model_content=bare.export()).get_signature_runner()
    inputs = assemble([life.cut(30) for life in lives], bare.inputs)
    require_same(run(runner, inputs), bare.answer(inputs), BARE.horizon)
