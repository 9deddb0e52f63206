from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.errors import ConfigError
from contract.profiles import MachineProfile
from edge_agent.errors import UnknownSourceError
from edge_agent.sensors import PacedSource, SensorSource, open_source
from edge_agent.tail import TailSource
from tests.edge_agent.rig import ListSource, rig_profile, rig_readings

PLUGIN = """
class Source:
    def __init__(self, spec, profile):
        self.spec, self.profile = spec, profile
    is_exhausted = True
    def read(self): return None
    def close(self): pass
"""


@pytest.fixture
def plant_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Somebody's installed package that offers two schemes, one of them broken."""
    (tmp_path / "my_plant_sources.py").write_text(PLUGIN)
    info = tmp_path / "my_plant-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-plant\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[industrialguard.sources]\nmodbus = my_plant_sources:Source\nopcua = my_plant_sources:Missing\n"
        "tail = edge_agent.sensors:open_tail\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("my_plant_sources", None)


@pytest.mark.usefixtures("plant_package")
def test_a_package_can_offer_a_field_bus() -> None:
    profile = rig_profile()
    source = open_source("modbus:10.0.0.7:502", profile)

    assert (source.spec, source.profile) == ("10.0.0.7:502", profile)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("plant_package")
def test_unknown_scheme_lists_the_known_and_guesses() -> None:
    with pytest.raises(UnknownSourceError, match=r"one of .*modbus:.*tail:.*Did you mean modbus:\?"):
        open_source("modbuss:10.0.0.7", rig_profile())
    with pytest.raises(UnknownSourceError, match="write SCHEME:SPEC"):
        open_source("/var/log/pump.csv", rig_profile())


@pytest.mark.usefixtures("plant_package")
def test_a_declared_source_that_does_not_load_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="'opcua' is declared but does not load"):
        open_source("opcua:x", rig_profile())


@pytest.mark.usefixtures("plant_package")
def test_tail_is_found_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("time,temperature\n")
    source = open_source(f"tail:{tmp_path / 'log.csv'}", rig_profile())

    assert isinstance(source, TailSource)
    source.close()


class FakeTime:
    def __init__(self) -> None:
        self.now_s = 50.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


def times_of_delivery(source: SensorSource, time: FakeTime) -> list[float]:
    found = []
    while not source.is_exhausted:
        if source.read() is not None:
            found.append(time.now_s - 50.0)
    return found


@pytest.fixture
def profile() -> MachineProfile:
    return rig_profile()


@pytest.mark.parametrize(("speed", "expected_s"), [(1.0, 4.0), (20.0, 0.2), (0.25, 16.0)])
def test_machine_time_runs_at_the_speed_asked_for(speed: float, expected_s: float) -> None:
    time = FakeTime()
    paced = PacedSource(ListSource(rig_readings(5)), speed, time.clock, time.sleep)
    found = times_of_delivery(paced, time)

    assert len(found) == 20
    assert found[-1] == pytest.approx(expected_s)
    assert found == sorted(found)
    assert max(time.slept) <= 0.5, "the watchdog and SIGTERM wait for read"


def test_speed_zero_never_sleeps() -> None:
    time = FakeTime()
    assert (
        len(times_of_delivery(PacedSource(ListSource(rig_readings(5)), 0.0, time.clock, time.sleep), time))
        == 20
    )
    assert time.slept == []


def test_a_consumer_that_fell_behind_catches_up_without_sleeping() -> None:
    time = FakeTime()
    paced = PacedSource(ListSource(rig_readings(5)), 1.0, time.clock, time.sleep)
    assert paced.read() is not None
    time.now_s += 100.0
    times_of_delivery(paced, time)

    assert time.slept == []


def test_a_held_reading_keeps_the_source_from_being_exhausted() -> None:
    time = FakeTime()
    readings = list(rig_readings(2))
    paced = PacedSource(ListSource(iter([readings[0], readings[-1]])), 0.5, time.clock, time.sleep)
    assert paced.read() is readings[0]
    assert paced.read() is None

    assert not paced.is_exhausted
    assert [r for _ in range(9) if (r := paced.read())] == [readings[-1]]
    assert paced.is_exhausted


@pytest.mark.parametrize("speed", [-1.0, float("inf"), float("nan")])
def test_an_impossible_speed_is_refused(speed: float) -> None:
    with pytest.raises(ConfigError, match="speed"):
        PacedSource(ListSource(rig_readings(1)), speed)


def test_closing_reaches_the_source() -> None:
    inner = ListSource(rig_readings(1))
    PacedSource(inner, 1.0).close()
    assert inner.is_closed
