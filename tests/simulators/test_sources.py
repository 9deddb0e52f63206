"""A simulated machine is a sensor source; its specification is read strictly."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigError
from contract.profiles import load_profile
from contract.signals import Reading
from edge_agent.sensors import SensorSource
from simulators.degradation import FailureMode, WearPlan
from simulators.machine import MachineConfig, SimulatedMachine
from simulators.regimes import Duty
from simulators.sources import KEYS, SimulatedSource, open_source

PUMP = load_profile("pump")


def read_all(source: SensorSource) -> list[Reading]:
    readings = []
    while not source.is_exhausted:
        reading = source.read()
        if reading is not None:
            readings.append(reading)
    return readings


def fingerprint(readings: list[Reading]) -> list[tuple[str, float, bytes]]:
    return [(r.sensor, r.event_time_s, r.values.tobytes()) for r in readings]


def test_a_source_delivers_what_its_machine_feels_in_time_order() -> None:
    config = MachineConfig(PUMP, 3, WearPlan(FailureMode.WINDING, 20.0, 50.0))
    expected = list(SimulatedMachine(config, 500.0).readings(100.0))
    readings = read_all(SimulatedSource(SimulatedMachine(config, 500.0), seconds=100.0))
    assert fingerprint(readings) == fingerprint(expected)
    assert readings[0].monotonic_s == 0.0
    assert readings[0].event_time_s == 500.0
    assert all(a.event_time_s <= b.event_time_s for a, b in itertools.pairwise(readings))


def test_an_open_ended_source_is_never_exhausted_until_it_is_closed() -> None:
    source = SimulatedSource(SimulatedMachine(MachineConfig(PUMP, 3)))
    assert all(source.read() is not None for _ in range(500))
    assert not source.is_exhausted
    source.close()
    assert not read_all(source)
    assert source.read() is None


def test_a_hop_without_any_reading_is_no_end() -> None:
    faults = ",".join(f"fault=dropout:{sensor.name}@10+10*1" for sensor in PUMP.sensors)
    source = open_source(f"seconds=30,{faults}", PUMP)
    missing = 0
    while not source.is_exhausted:
        missing += source.read() is None
    assert missing == 2


def test_a_specification_names_the_whole_machine() -> None:
    spec = "seed=3,mode=bearing_outer,onset=20,life=30,replace=10,duty=stopping,start=1000,seconds=100"
    source = open_source(spec + ",fault=stuck:temperature@40+20,fault=nan:pressure@0", PUMP)
    from simulators.faults import parse_fault

    config = MachineConfig(
        PUMP,
        3,
        WearPlan(FailureMode.BEARING_OUTER, 20.0, 30.0, 10.0),
        Duty.STOPPING,
        (parse_fault("stuck:temperature@40+20"), parse_fault("nan:pressure@0")),
    )
    expected = list(SimulatedMachine(config, 1000.0).readings(100.0))
    assert fingerprint(read_all(source)) == fingerprint(expected)


def test_the_start_is_the_present_unless_given() -> None:
    reading = open_source("seed=1", PUMP).read()
    assert reading is not None
    assert abs(reading.event_time_s - time.time()) < 60
    assert reading.event_time_s == int(reading.event_time_s)


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ("seed", "no key=value"),
        ("seed=", "no key=value"),
        ("speed=3", "unknown key 'speed'"),
        ("seed=1,seed=2", "twice"),
        ("seed=x", "a whole number"),
        ("seed=-1", "seed must be"),
        ("mode=rust", "bearing_outer"),
        ("onset=5", "needs a mode"),
        ("mode=winding,onset=soon", "number of seconds"),
        ("mode=winding,onset=nan", "number of seconds"),
        ("mode=winding,life=0", "life"),
        ("duty=lazy", "steady"),
        ("start=inf", "start"),
        ("seconds=-1", "seconds"),
        ("fault=stuck", "name a sensor"),
        ("fault=stuck:oil", "no sensor 'oil'"),
    ],
)
def test_a_wrong_specification_is_one_clear_line(spec: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word) as caught:
        open_source(spec, PUMP)
    assert "\n" not in str(caught.value)


@given(spec=st.text(max_size=60) | st.builds("{}={}".format, st.sampled_from(KEYS), st.text(max_size=20)))
def test_any_text_is_a_machine_or_a_config_error(spec: str) -> None:
    try:
        open_source(spec, PUMP).close()
    except ConfigError as error:
        assert str(error)


def test_a_profile_that_cannot_be_simulated_is_refused() -> None:
    with pytest.raises(ConfigError, match="replay a recording"):
        open_source("seed=1", load_profile("turbofan"))
