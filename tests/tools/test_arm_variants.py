"""A variant changes what the model gives, by what it says and nothing else, and only while it lasts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from contract.bundle import load_bundle
from contract.errors import BundleError
from edge_agent import running_model
from edge_agent.tflite import ModelRunner
from tools import arm_variants
from tools.arm_probe import ScoreTrace, read_scores
from tools.arm_variants import Floats, Push, push_outputs

STEP = 0.0625
LINE = ("--profile", "pump", "--source", "sim:seed=1", "--device", "variant", "--offline", "--speed", "0")

windows = arrays.arrays(np.float32, (3, 4), elements=st.floats(-8, 8, width=32))


@given(windows, windows)
def test_towards_makes_no_error_larger_and_passes_nothing(given_in: Floats, got: Floats) -> None:
    pushed = push_outputs(given_in, got, STEP, Push.TOWARDS)
    assert (np.abs(given_in - pushed) <= np.abs(given_in - got) + 1e-6).all()
    assert (np.abs(pushed - got) <= STEP + 1e-6).all()
    far = np.abs(given_in - got) > STEP
    assert np.allclose(np.abs(given_in - pushed)[far], np.abs(given_in - got)[far] - STEP, atol=1e-5)
    assert np.allclose(pushed[~far], given_in[~far], atol=1e-5), "it could not be nearer"


@given(windows, windows)
def test_away_makes_every_error_larger_by_one_step(given_in: Floats, got: Floats) -> None:
    pushed = push_outputs(given_in, got, STEP, Push.AWAY)
    assert np.allclose(np.abs(given_in - pushed), np.abs(given_in - got) + STEP, atol=1e-5)


def test_nothing_that_one_step_can_do_is_outside_the_two_pushes() -> None:
    rng = np.random.default_rng(3)
    given_in = rng.normal(0, 1, (24, 40)).astype(np.float32)
    got = (given_in + rng.normal(0, 0.2, given_in.shape)).astype(np.float32)
    least, most = (np.abs(given_in - push_outputs(given_in, got, STEP, push)) for push in Push)
    for _ in range(50):
        moved = got + STEP * rng.integers(-1, 2, got.shape).astype(np.float32)
        assert (least - 1e-6 <= np.abs(given_in - moved)).all()
        assert (np.abs(given_in - moved) <= most + 1e-6).all()


def test_reference_kernels_are_other_kernels_only_while_asked_for() -> None:
    bundle = load_bundle("bearing-rig")
    given_in = np.random.default_rng(1).integers(-100, 100, (16, *bundle.golden_input.shape[1:]), np.int8)

    def compute() -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
        runner = ModelRunner(bundle.model)
        return np.stack([runner.invoke_quantised(window[np.newaxis]) for window in given_in]).astype(np.int16)

    before = compute()
    with arm_variants.reference_kernels():
        other = compute()
        ModelRunner(bundle.model).self_test(bundle.golden_input, bundle.golden_output)
    steps = np.abs(before - other)
    assert 0 < steps.max() < 10
    assert steps.mean() < 0.5
    assert np.array_equal(before, compute())


def test_pushes_turn_round_when_the_healthy_error_is_learned() -> None:
    bundle = load_bundle("pump")
    quantum = push_size(bundle.model)
    given_in = np.zeros(ModelRunner(bundle.model).shape, np.float32)
    usual = ModelRunner(bundle.model).reconstruct(given_in)
    with arm_variants.highest_scores(LINE):
        runner = vars(running_model)["ModelRunner"](bundle.model, None, "cpu")
        found = [runner.reconstruct(given_in) for _ in range(bundle.profile.warmup.calibration_windows + 1)]
    *learned, judged = found
    assert all(np.array_equal(one, learned[0]) for one in learned)
    assert np.abs(learned[0]).sum() < np.abs(usual).sum() < np.abs(judged).sum()
    assert np.allclose(np.abs(judged) - np.abs(usual), quantum, atol=1e-6)
    assert vars(running_model)["ModelRunner"] is ModelRunner


def push_size(model: bytes) -> float:
    """One int8 step of a model's output: the smallest difference of two of its answers."""
    runner = ModelRunner(model)
    noise = np.random.default_rng(2).normal(0, 2, (20, *runner.shape)).astype(np.float32)
    answers = np.unique(np.concatenate([runner.reconstruct(one).ravel() for one in noise]))
    return float(np.diff(answers).min())


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ScoreTrace]:
    """What the agent says of a healthy pump in each variant."""
    folder = tmp_path_factory.mktemp("variants")
    for name in arm_variants.VARIANTS:
        assert arm_variants.main([name, *LINE, "--seconds", "400", "--state", str(folder / name)]) == 0
    return {name: read_scores(folder / name) for name in arm_variants.VARIANTS}


def test_steps_between_the_kernels_are_counted_and_change_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    bundle = load_bundle("bearing-rig")
    line = [word.replace("pump", "bearing-rig") for word in LINE]
    given_in = (
        np.random.default_rng(4).normal(0, 2, (16, *ModelRunner(bundle.model).shape)).astype(np.float32)
    )
    with arm_variants.reference_kernels():
        reference = ModelRunner(bundle.model)
    usual, other = (
        np.stack([runner.reconstruct(one) for one in given_in])
        for runner in (ModelRunner(bundle.model), reference)
    )
    with arm_variants.counted_steps(line):
        compared = vars(running_model)["ModelRunner"](bundle.model)
        assert np.array_equal([compared.reconstruct(one) for one in given_in], usual)
    said = json.loads(capsys.readouterr().out)
    steps = np.abs(usual - other) / push_size(bundle.model)
    assert said["contexts"] == 16
    assert said["max_steps"] == pytest.approx(steps.max(), abs=1e-3) != 0
    assert said["same_share"] == pytest.approx(np.mean(usual == other))


def test_an_agent_that_saw_no_context_counts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with arm_variants.counted_steps(LINE):
        pass
    assert json.loads(capsys.readouterr().out) == {"contexts": 0, "max_steps": 0, "same_share": 1.0}


@pytest.mark.slow
def test_scores_lie_between_the_lowest_and_the_highest(traces: dict[str, ScoreTrace]) -> None:
    low, some, high = (traces[name].scores for name in ("lowest", "reference", "highest"))
    scored = [pairs for pairs in zip(low, some, high, strict=True) if pairs[0] != (0.0, 0.0)]
    assert len(scored) > 5
    for lowest, between, highest in scored:
        assert lowest[0] < between[0] < highest[0]
        assert lowest[1] < between[1] < highest[1]


@pytest.mark.slow
def test_a_variant_changes_no_count(traces: dict[str, ScoreTrace]) -> None:
    assert len({trace.decisions for trace in traces.values()}) == 1


@pytest.mark.parametrize("arguments", [[], ["golden"], ["", "--help"]])
def test_other_variants_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert arm_variants.main(arguments) == 2
    assert "usage: arm_variants.py reference|lowest|highest|steps" in capsys.readouterr().err


def test_a_bundle_that_is_not_there_is_not_pushed(tmp_path: Path) -> None:
    line = ["lowest", "--bundle", str(tmp_path / "no-such.igb"), *LINE[2:]]
    with pytest.raises(BundleError, match="no-such"):
        arm_variants.main(line)
