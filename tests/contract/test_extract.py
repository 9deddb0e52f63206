"""The whole way from readings to feature vectors."""

from __future__ import annotations

import numpy as np

from contract.extract import FeatureExtractor
from contract.features import compute_features
from contract.signals import Samples
from tests.contract.machines import in_order, machine, reading, scalar, stream, waveform, windows_of


def burst(seed: int, samples: int = 2048) -> Samples:
    return np.random.default_rng(seed).normal(0, 1, samples).astype(np.float32)


def test_it_is_quality_then_windows_then_features() -> None:
    profile = machine(scalar(), waveform())
    values = np.random.default_rng(0).normal(20, 1, 60).astype(np.float32)
    readings = in_order(stream(scalar(), values, [3]), [reading("vib", 5.0 * i, burst(i)) for i in range(12)])
    extractor = FeatureExtractor(profile)
    vectors = [vector for r in readings for vector in extractor.add(r)]
    expected = [compute_features(window, profile) for window in windows_of(profile, readings)]
    assert len(vectors) == len(expected) >= 10
    for one, two in zip(vectors, expected, strict=True):
        np.testing.assert_array_equal(one.values, two.values)
        assert one.event_time_s == two.event_time_s


def test_a_second_delivery_changes_nothing() -> None:
    profile = machine(scalar())
    once, twice = FeatureExtractor(profile), FeatureExtractor(profile)
    for r in stream(scalar(), np.arange(50, dtype=np.float32), [3]):
        expected = once.add(r)
        got = twice.add(r) + twice.add(r)
        assert [v.values.tolist() for v in got] == [v.values.tolist() for v in expected]


def test_the_last_good_burst_is_kept() -> None:
    extractor = FeatureExtractor(machine(waveform(limit=10.0)))
    assert dict(extractor.last_burst) == {}
    extractor.add(reading("vib", 0, burst(1)))
    extractor.add(reading("vib", 5, np.full(2048, np.nan)))
    extractor.add(reading("vib", 10, burst(2, 100)))
    np.testing.assert_array_equal(extractor.last_burst["vib"], burst(1))
    extractor.add(reading("vib", 15, np.concatenate([burst(3), burst(4)])))
    np.testing.assert_array_equal(extractor.last_burst["vib"], burst(4))


def test_the_kept_burst_does_not_change_with_the_drivers_buffer() -> None:
    extractor = FeatureExtractor(machine(waveform()))
    buffer = burst(1)
    extractor.add(reading("vib", 0, buffer))
    buffer[:] = 0
    np.testing.assert_array_equal(extractor.last_burst["vib"], burst(1))
