"""The timed operations do what their names say."""

from pathlib import Path

import numpy as np
import pytest

from contract.bundle import Bundle, load_bundle
from contract.features import feature_specs
from edge_agent.tflite import ModelRunner
from industrialguard.bench import edge_parts as parts
from industrialguard.bench.errors import NothingToJudgeError


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle("pump-loop")


def test_every_row_runs_and_the_agent_scores_a_window_each_time(bundle: Bundle, tmp_path: Path) -> None:
    agent = parts.WholeAgent(bundle, tmp_path)
    operations = parts.bundle_operations(bundle, agent, None)
    assert list(operations) == [
        parts.AGENT,
        parts.WINDOW,
        parts.VECTOR,
        parts.FEATURES,
        parts.MODEL,
        parts.RAW,
        parts.RAW_PLAIN,
        parts.PLAIN,
        parts.BARE,
    ]
    for name, operation in operations.items():
        before = agent.scored
        operation.prepare(3)
        for _ in range(3):
            operation.run()
        assert agent.scored - before == (3 if name == parts.AGENT else 0)
    agent.close()
    assert (tmp_path / "outbox.sqlite").exists()


def test_the_float_twin_is_one_more_row(bundle: Bundle, tmp_path: Path) -> None:
    agent = parts.WholeAgent(bundle, tmp_path)
    # Any file of the interpreter will do here; a real twin needs TensorFlow and is made in its own test.
    operations = parts.bundle_operations(bundle, agent, bundle.model)
    assert list(operations)[-1] == parts.FLOAT
    agent.close()


@pytest.mark.parametrize("with_features", [True, False])
def test_a_decision_scores_every_window(bundle: Bundle, with_features: bool) -> None:
    windows = parts.cut_windows(bundle.profile, 12)
    decision = parts.Decision(bundle, windows, with_features)
    decision.prepare(5)
    for _ in range(5):
        decision.run()
        assert decision.last is not None
        assert decision.last.score is not None
    with pytest.raises(IndexError):
        decision.run()


def test_contexts_for_the_model_alone_are_the_golden_ones(bundle: Bundle) -> None:
    contexts = parts.Contexts.of(bundle)
    assert len(contexts.quantised) == len(bundle.golden_input)
    runner = ModelRunner(bundle.model)
    for quantised, real in zip(contexts.quantised, contexts.real, strict=True):
        through_real = runner.reconstruct(real)
        out = runner.invoke_quantised(quantised)[0, 0]
        assert np.corrcoef(through_real.ravel(), out.ravel())[0, 1] == pytest.approx(1.0, abs=1e-5)


def test_windows_are_whole(bundle: Bundle) -> None:
    windows = parts.cut_windows(bundle.profile, 10)
    assert len(windows) == 10
    assert all(window.values[sensor.name].size for window in windows for sensor in bundle.profile.sensors)


def test_a_machine_that_cannot_be_simulated_is_noise(tmp_path: Path) -> None:
    agent = parts.WholeAgent(load_bundle("turbofan"), tmp_path)
    agent.prepare(1)
    agent.run()
    assert agent.scored >= 2
    agent.close()


def test_a_second_of_vibration_is_two_axes_of_25600_samples() -> None:
    profile = parts.vibration_second()
    assert [(s.rate_hz, s.burst_samples, s.burst_s) for s in profile.waveforms] == [(25600.0, 25600, 1.0)] * 2
    assert len(profile.waveforms) == len(profile.sensors) == 2
    operation = parts.RawFeatures(profile)
    operation.prepare(2)
    operation.run()
    assert operation.last is not None
    assert operation.last.valid.all()
    assert operation.last.valid.size == len(feature_specs(profile))


def test_what_follows_raw_features_follows_each_vector(bundle: Bundle) -> None:
    followed: list[object] = []
    operation = parts.RawFeatures(bundle.profile, lambda: followed.append(operation.last))
    first = operation.last
    assert first is not None, "a window of ten hops is behind it"
    operation.prepare(3)
    for _ in range(3):
        operation.run()
    assert len(followed) == len({id(vector) for vector in followed}) == 3
    assert followed[-1] is operation.last is not first


def test_raw_features_without_readings_are_a_defect() -> None:
    with pytest.raises(RuntimeError, match="prepare"):
        parts.RawFeatures(parts.vibration_second()).run()


def test_a_bundle_that_scores_nothing_is_said(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "WARMUP_FACTOR", 0)
    with pytest.raises(NothingToJudgeError, match=r"pump-loop.* scores nothing"):
        parts.WholeAgent(bundle, tmp_path)
    with pytest.raises(NothingToJudgeError, match="scores nothing"):
        parts.Decision(bundle, parts.cut_windows(bundle.profile, 2), with_features=False)
