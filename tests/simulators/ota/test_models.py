"""Bundles for a simulated fleet."""

from __future__ import annotations

from contract.bundle import parse_bundle
from simulators.ota.models import FAMILY, WEIGHT_BYTES, falls_under, make_release, pump


def test_each_version_is_a_bundle_of_its_own_and_always_the_same() -> None:
    one, two = (make_release(number, training=1) for number in (1, 2))
    assert one.bundle == make_release(1, training=1).bundle != two.bundle
    assert one.family == FAMILY and one.version.startswith("1-")
    assert len(parse_bundle(one.bundle).model) == len(pump().model) + WEIGHT_BYTES


def test_one_training_differs_little_and_another_much() -> None:
    one, tuned, anew = (parse_bundle(make_release(*which).bundle).model for which in ((1, 1), (2, 1), (3, 2)))
    same = [sum(a == b for a, b in zip(one, other, strict=True)) / len(one) for other in (tuned, anew)]
    assert same[0] > 0.9 and same[1] < 0.5


def test_a_share_falls_on_the_same_devices_each_time() -> None:
    devices = [f"pump-{number}" for number in range(400)]
    chosen = [device for device in devices if falls_under(0.25, device, "abc")]
    assert 60 < len(chosen) < 140
    assert chosen == [device for device in devices if falls_under(0.25, device, "abc")]
    assert chosen != [device for device in devices if falls_under(0.25, device, "xyz")]
    assert not any(falls_under(0.0, device, "abc") for device in devices)
