"""One model serves all components of a machine: the same rows mean another RUL for each of them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pytest

from contract.forecast import InputSpec, assemble
from contract.lives import End, Life
from contract.rul_bundle import OUTPUTS, RulBundle, RulManifest, format_rul_bundle, parse_rul_bundle
from models.forecast.ensemble import Ensemble, build_parts, load_ensemble
from models.forecast.fit import FitSpec, Fitter, draw_cuts, prepare_cuts
from models.forecast.serving import ServingModel, require_same
from models.forecast.train import AS_SAID, measure_lives
from models.forecast.trees import FULL, Reader
from models.rul import RulConfig, build_encoder, build_model, learn_summaries, look_back
from tests.models.forecast.lives import SPEC, wearing

ENDS = {"seal": 32.0, "rotor": 48.0}
"""Ages at which they fail, whatever the rows say."""
PAIR = replace(SPEC, components=tuple(ENDS))
INPUTS = InputSpec(PAIR, n_rows=24, n_events=0, head_rows=4)
CONFIG = RulConfig(INPUTS, width=16, heads=2, layers=1, n_bins=20, look_back=look_back(24))


def machines(numbers: range) -> list[Life]:
    """Two lives of each machine, with the same 30 rows."""
    rows = [wearing(number, 30, seed=5) for number in numbers]
    return [
        replace(life, component=name, end=End.FAILED, end_age=end)
        for life in rows
        for name, end in ENDS.items()
    ]


@lru_cache(maxsize=1)
def trained() -> Ensemble:
    """A small network, fitted for some seconds."""
    lives = machines(range(30))
    constants = measure_lives(lives)
    prepare, encoders = build_parts(CONFIG, constants, 1)
    learned, held = (
        prepare_cuts(prepare, INPUTS, draw_cuts(some, 1000, SPEC.horizon, np.random.default_rng(0)))
        for some in (lives, machines(range(30, 36)))
    )
    learn_summaries(encoders[0], learned.inputs["summary"])
    fitter = Fitter(
        partial(build_encoder, CONFIG, prepare),
        CONFIG.n_bins,
        FitSpec(epochs=4, steps=30, batch=64, rate=1e-2, ema=0.9),
    )
    fitter.fit(encoders[0], learned, held, 0, lambda *_: None)
    network = build_model(CONFIG, prepare, encoders)
    return Ensemble(CONFIG, constants, encoders, network, {}, AS_SAID, AS_SAID)


@pytest.mark.slow
def test_the_model_tells_components_apart() -> None:
    unseen = [life.cut(20) for life in machines(range(100, 110))]
    said = trained().answer_lives(unseen)["mean"][:, 0]
    seals, rotors = said[0::2], said[1::2]
    assert np.abs(seals - (32 - 20)).max() < 4
    assert np.abs(rotors - (48 - 20)).max() < 4


@pytest.mark.slow
def test_the_exported_file_answers_like_the_network() -> None:
    ensemble, lives = trained(), machines(range(100, 104))
    golden = assemble(lives, INPUTS)
    answer = {name: ensemble.answer(golden)[name] for name in OUTPUTS}
    manifest = RulManifest("pair", "1", INPUTS, AS_SAID, AS_SAID)
    bundle = parse_rul_bundle(format_rul_bundle(RulBundle(manifest, ensemble.export(), golden, answer)))
    served = ServingModel(bundle).answer(bundle.golden_input)
    require_same(served, answer, [life.component for life in lives], PAIR.horizon)
    assert (served["mean"][1::2] - served["mean"][0::2]).min() > 5, "the file reads the component"


@pytest.mark.slow
def test_what_was_saved_answers_the_same(tmp_path: Path) -> None:
    trained().save(tmp_path)
    loaded = load_ensemble(tmp_path)
    assert loaded.inputs == INPUTS
    lives = machines(range(100, 104))
    for name, values in trained().answer_lives(lives).items():
        np.testing.assert_allclose(loaded.answer_lives(lives)[name], values, atol=1e-4)


def test_trees_read_the_component_too() -> None:
    lives = machines(range(4))
    read = [Reader.learn(lives, PAIR, FULL).read(life) for life in lives[:2]]
    differ = np.flatnonzero((np.nan_to_num(read[0]) != np.nan_to_num(read[1])).any(axis=0))
    assert len(differ) == 1
    assert [set(each[:, differ[0]].tolist()) for each in read] == [{0.0}, {1.0}]
    alone = replace(PAIR, components=("seal",))
    assert Reader.learn(lives[::2], alone, FULL).read(lives[0]).shape[1] == read[0].shape[1] - 1
