"""The decisions of a device, window after window."""

from dataclasses import replace

import numpy as np
import pytest

from contract.bundle import Bundle, load_bundle
from contract.features import FeatureVector, compute_features
from contract.messages import MachineState
from industrialguard.bench.device import DeviceDecisions
from industrialguard.bench.edge_parts import START_S, cut_windows

WINDOWS = 60


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle("pump")


@pytest.fixture(scope="module")
def vectors(bundle: Bundle) -> list[FeatureVector]:
    """A healthy pump, long enough to come out of its warm-up."""
    return [compute_features(window, bundle.profile) for window in cut_windows(bundle.profile, WINDOWS)]


def at(vector: FeatureVector, number: int, hop_s: float) -> FeatureVector:
    return replace(vector, event_time_s=START_S + number * hop_s)


def warmed_up(bundle: Bundle, vectors: list[FeatureVector]) -> tuple[DeviceDecisions, int]:
    """A device that scores, and the number of its next window."""
    device, hop_s = DeviceDecisions(bundle), bundle.profile.window.hop_s
    for number in range(10 * WINDOWS):
        verdict = device.decide(at(vectors[number % WINDOWS], number, hop_s))
        if verdict.score is not None:
            return device, number + 1
    pytest.fail("the device never came out of its warm-up")


def test_it_warms_up_before_it_judges(bundle: Bundle, vectors: list[FeatureVector]) -> None:
    first = DeviceDecisions(bundle).decide(vectors[0])
    assert first.state is MachineState.WARMING_UP
    assert first.score is None
    _, number = warmed_up(bundle, vectors)
    warmup = bundle.profile.warmup
    assert number > warmup.baseline_windows + warmup.calibration_windows


def test_a_healthy_machine_raises_no_alarm(bundle: Bundle, vectors: list[FeatureVector]) -> None:
    device, number = warmed_up(bundle, vectors)
    for later in range(number, number + WINDOWS):
        device.decide(at(vectors[later % WINDOWS], later, bundle.profile.window.hop_s))
        assert not device.is_alarming


def test_a_machine_that_shakes_ten_times_as_much_does(bundle: Bundle, vectors: list[FeatureVector]) -> None:
    device, number = warmed_up(bundle, vectors)
    is_vibration = np.array([name.startswith("vib") for name in bundle.manifest.features])
    scores = []
    for later in range(number, number + 3 * bundle.profile.window.context):
        vector = at(vectors[later % WINDOWS], later, bundle.profile.window.hop_s)
        shaken = replace(vector, values=np.where(is_vibration, 10 * vector.values, vector.values))
        scores.append(device.decide(shaken).score)
    assert device.is_alarming
    assert max(score for score in scores if score is not None) > 0.9


def test_two_devices_share_nothing(bundle: Bundle, vectors: list[FeatureVector]) -> None:
    warmed_up(bundle, vectors)
    assert DeviceDecisions(bundle).decide(vectors[0]).state is MachineState.WARMING_UP
