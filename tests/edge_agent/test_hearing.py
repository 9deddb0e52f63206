"""The shipped pump model on a simulated pump, beside models that hear less."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.bundle import Bundle, load_bundle
from contract.extract import FeatureExtractor
from contract.features import FeatureVector
from edge_agent.hearing import find_deafness
from edge_agent.running_model import RunningModel, open_model
from edge_agent.scorer import Scorer
from edge_agent.slot_state import Reason
from industrialguard.bench.ota.spoils import deaf, noisy
from simulators.machine import MachineConfig, SimulatedMachine
from simulators.regimes import Duty

SECONDS = 1000


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle("pump")


@pytest.fixture(scope="module")
def windows(bundle: Bundle) -> list[FeatureVector]:
    machine = SimulatedMachine(MachineConfig(bundle.profile, 11, None, Duty.STEADY))
    extractor = FeatureExtractor(bundle.profile)
    found: list[FeatureVector] = []
    while machine.state.time_s < SECONDS:
        for reading in machine.next_hop():
            found += extractor.add(reading)
    return found


def model_of(bundle: Bundle, windows: list[FeatureVector], tmp_path: Path) -> RunningModel:
    model = open_model(bundle, "cpu", tmp_path / "learned")
    for vector in windows:
        model.scorer.score(vector)
    return model


def scorer_of(bundle: Bundle, windows: list[FeatureVector], tmp_path: Path) -> Scorer:
    return model_of(bundle, windows, tmp_path).scorer


def test_a_model_hears_what_it_hears_itself(
    bundle: Bundle, windows: list[FeatureVector], tmp_path: Path
) -> None:
    model = model_of(bundle, windows, tmp_path)
    assert find_deafness(model, model) is None


def test_one_that_is_a_little_different_is_not_deaf(
    bundle: Bundle, windows: list[FeatureVector], tmp_path: Path
) -> None:
    old, new = (model_of(each, windows, tmp_path) for each in (bundle, noisy(bundle, 0.2)))
    assert find_deafness(new, old) is None


def test_one_that_is_deaf_to_vibration_is_found_out_on_a_healthy_machine(
    bundle: Bundle, windows: list[FeatureVector], tmp_path: Path
) -> None:
    old, new = (model_of(each, windows, tmp_path) for each in (bundle, deaf(bundle)))
    found = find_deafness(new, old)
    assert found is not None and found.reason is Reason.DEAF
    assert "vib_" in found.sentence
    assert find_deafness(old, new) is None, "to hear more is no fault"


def test_an_alarm_rule_that_waits_for_ever_is_deaf_too(
    bundle: Bundle, windows: list[FeatureVector], tmp_path: Path
) -> None:
    alarm = replace(bundle.profile.alarm, k=100, n=120)
    patient = replace(bundle, profile=replace(bundle.profile, alarm=alarm))
    old, new = (model_of(each, windows, tmp_path) for each in (bundle, patient))
    found = find_deafness(new, old)
    assert found is not None and found.reason is Reason.DEAF
    assert "after 100 anomalous windows" in found.sentence


def test_what_is_imagined_is_not_learned(
    bundle: Bundle, windows: list[FeatureVector], tmp_path: Path
) -> None:
    scorer = scorer_of(bundle, windows[:-1], tmp_path)
    before, score = scorer.to_state(), scorer.score(windows[-1]).score
    twin = scorer_of(bundle, windows, tmp_path)
    zeros = np.zeros(len(bundle.manifest.features), np.float32)
    assert score is not None and scorer.imagine(zeros) == pytest.approx(score, abs=0.02)
    assert scorer.imagine(zeros + 4) > scorer.imagine(zeros)
    assert scorer.to_state() == twin.to_state() != before


def test_nothing_is_imagined_of_a_machine_that_is_not_known_yet(
    bundle: Bundle, windows: list[FeatureVector], tmp_path: Path
) -> None:
    scorer = scorer_of(bundle, windows[:3], tmp_path)
    with pytest.raises(ValueError, match="not scored"):
        scorer.imagine(np.zeros(len(bundle.manifest.features), np.float32))
