"""A sensor fault trips the quality flag that names it, only within its time, and reproducibly."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigError
from contract.profiles import load_profile
from contract.quality import QualityCheck
from contract.signals import QualityFlag, Reading
from simulators.faults import DEFAULT_MAGNITUDE, FaultInjector, FaultKind, SensorFault, parse_fault
from simulators.machine import MachineConfig, SimulatedMachine

PUMP = load_profile("pump")
SECONDS = 400.0


def healthy(seed: int = 1) -> list[Reading]:
    return list(SimulatedMachine(MachineConfig(PUMP, seed), start_s=1e9).readings(SECONDS))


def struck(*faults: SensorFault, seed: int = 1) -> list[Reading]:
    return list(FaultInjector(faults, PUMP, seed).apply_all(healthy()))


def flags(readings: list[Reading]) -> dict[str, QualityFlag]:
    check, found = QualityCheck(PUMP), dict.fromkeys((s.name for s in PUMP.sensors), QualityFlag.NONE)
    for reading in readings:
        checked = check.check(reading)
        if checked is not None:
            found[reading.sensor] |= checked.flags
    return found


@pytest.mark.parametrize(
    ("fault", "flag"),
    [
        ("stuck:temperature@100", QualityFlag.STUCK),
        ("dropout:pressure@100", QualityFlag.GAP),
        ("nan:current@100", QualityFlag.NOT_A_NUMBER),
        ("spike:pressure@100", QualityFlag.OUT_OF_RANGE),
        ("clip:vib_h@100", QualityFlag.CLIPPED),
        ("nan:vib_v@100", QualityFlag.NOT_A_NUMBER),
        ("dropout:vib_h@100*0.9", QualityFlag.GAP),
    ],
)
def test_a_fault_trips_its_flag_on_its_sensor_alone(fault: str, flag: QualityFlag) -> None:
    parsed = parse_fault(fault)
    found = flags(struck(parsed))
    assert found[parsed.sensor] & flag
    assert all(not found[name] for name in found if name != parsed.sensor)


def test_a_clock_jump_moves_every_stamp_and_no_monotonic_time() -> None:
    jumped = struck(parse_fault("clock_jump@200+50*-7200"))
    for before, after in zip(healthy(), jumped, strict=True):
        off = -7200.0 if 200 <= before.monotonic_s < 250 else 0.0
        assert after.event_time_s == before.event_time_s + off
        assert after.monotonic_s == before.monotonic_s
    found = flags(jumped)
    assert all(flag & QualityFlag.CLOCK_JUMP for flag in found.values())


def test_duplicates_are_delivered_twice_and_taken_once() -> None:
    repeated = struck(parse_fault("duplicate:pressure*0.5"))
    assert len(repeated) > len(healthy()) + 20
    check = QualityCheck(PUMP)
    taken = [r for r in repeated if check.check(r) is not None]
    assert len(taken) == len(healthy())


def test_a_drift_moves_the_zero_slowly() -> None:
    moved = struck(parse_fault("drift:temperature@100*3"))
    pairs = [(a, b) for a, b in zip(healthy(), moved, strict=True) if a.sensor == "temperature"]
    shifts = {a.monotonic_s: float((b.values - a.values).mean()) for a, b in pairs}
    assert shifts[95.0] == 0.0
    assert shifts[160.0] == pytest.approx(3.0, abs=1e-3)
    assert shifts[220.0] == pytest.approx(6.0, abs=1e-3)


def test_a_fault_ends_and_leaves_the_rest_untouched() -> None:
    spiked = struck(parse_fault("stuck:current@100+50"))
    for before, after in zip(healthy(), spiked, strict=True):
        is_struck = before.sensor == "current" and 100 <= before.monotonic_s < 150
        assert np.array_equal(before.values, after.values) != is_struck


def test_faults_of_one_sensor_add_up() -> None:
    found = flags(struck(parse_fault("nan:pressure@50"), parse_fault("spike:pressure@50")))
    assert found["pressure"] & QualityFlag.NOT_A_NUMBER
    assert found["pressure"] & QualityFlag.OUT_OF_RANGE


@pytest.mark.parametrize("kind", [k for k in FaultKind if k is not FaultKind.CLOCK_JUMP])
def test_every_fault_is_reproducible_and_leaves_its_input_alone(kind: FaultKind) -> None:
    fault = SensorFault(kind, "vib_h")
    original = healthy()
    before = [r.values.tobytes() for r in original]
    first, again = (
        [
            (r.sensor, r.monotonic_s, r.values.tobytes())
            for r in FaultInjector([fault], PUMP, 5).apply_all(original)
        ]
        for _ in range(2)
    )
    assert first == again
    assert [r.values.tobytes() for r in original] == before


@given(
    kind=st.sampled_from(list(FaultKind)),
    start_s=st.integers(0, 10**6),
    duration_s=st.integers(1, 10**6) | st.just(math.inf),
    magnitude=st.sampled_from([0.25, 0.5, 1.0]),
)
def test_the_text_of_a_fault_is_read_back(
    kind: FaultKind, start_s: int, duration_s: float, magnitude: float
) -> None:
    sensor = "" if kind is FaultKind.CLOCK_JUMP else "vib_h"
    fault = SensorFault(kind, sensor, float(start_s), float(duration_s), magnitude)
    assert parse_fault(str(fault)) == fault


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "kind:sensor"),
        ("stuck", "name a sensor"),
        ("frozen:temperature", "none of"),
        ("stuck:temperature@x", "kind:sensor"),
        ("stuck:temperature+60", "kind:sensor"),
        ("clock_jump:temperature", "name a sensor"),
        ("dropout:pressure*1.5", "share"),
        ("nan:pressure*0", "share"),
        ("stuck:temperature@10+0", "duration"),
        ("stuck:temperature@-5", "start"),
    ],
)
def test_a_malformed_fault_is_one_clear_line(text: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        parse_fault(text)


def test_a_fault_must_fit_the_profile() -> None:
    with pytest.raises(ConfigError, match="no sensor 'oil'"):
        FaultInjector([SensorFault(FaultKind.STUCK, "oil")], PUMP, 1)
    with pytest.raises(ConfigError, match="no waveform"):
        FaultInjector([SensorFault(FaultKind.CLIP, "pressure")], PUMP, 1)


def test_every_kind_has_a_default() -> None:
    assert set(DEFAULT_MAGNITUDE) == set(FaultKind)
