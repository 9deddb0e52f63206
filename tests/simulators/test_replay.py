import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

from contract.errors import ConfigError, DataError
from contract.profiles import load_profile
from contract.signals import Reading
from edge_agent.sensors import SensorSource
from models.recordings import FORMATS, Recording, write_recording
from simulators.replay import ReplaySource, open_npz, replay_recordings

STAMPS = (100.0, 110.0, 50.0, 60.0)  # the clock is set back once
TICKS = (7.0, 17.0, 27.0, 37.0)


def readings() -> Iterator[Reading]:
    for stamp, tick in zip(STAMPS, TICKS, strict=True):
        yield Reading("temperature", stamp, tick, np.array([stamp], np.float32))


def recording() -> Recording:
    return Recording("m-1", "pump", "", readings, end_of_life_s=60.0)


def drain(source: SensorSource) -> list[Reading]:
    out = []
    while not source.is_exhausted:
        reading = source.read()
        if reading is not None:
            out.append(reading)
    return out


def test_a_replay_is_a_sensor_source_and_moves_the_clock_as_a_whole() -> None:
    source = ReplaySource(recording(), 1000.0)
    played = drain(source)
    assert [r.event_time_s for r in played] == [1000, 1010, 950, 960]
    assert [r.monotonic_s for r in played] == [0, 10, 20, 30]
    assert [r.values.item() for r in played] == list(STAMPS)
    assert source.end_of_life_s == 960
    assert source.read() is None


def test_without_a_start_stamps_stay_as_recorded() -> None:
    assert [r.event_time_s for r in drain(ReplaySource(recording(), None))] == list(STAMPS)


def test_a_closed_replay_is_exhausted() -> None:
    source = ReplaySource(recording(), 0.0)
    source.close()
    assert source.is_exhausted
    assert source.read() is None


def test_an_empty_recording_is_refused() -> None:
    with pytest.raises(DataError, match="no readings"):
        ReplaySource(Recording("m-1", "pump", "", lambda: iter(())), 0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        write_recording(tmp_path / f"{name}.npz", name, "pump", readings())
    return tmp_path


def test_one_machine_is_named_after_a_hash(folder: Path) -> None:
    assert [r.machine_id for r in replay_recordings(f"npz:{folder}")] == ["a", "b"]
    assert [r.machine_id for r in replay_recordings(f"npz:{folder}#b")] == ["b"]
    with pytest.raises(ConfigError, match=r"no machine 'c' .* a, b"):
        replay_recordings(f"npz:{folder}#c")


def test_an_agent_gets_one_machine_from_now_on(folder: Path) -> None:
    before_s = time.time()
    source = open_npz(f"{folder}#a", load_profile("pump"))
    played = drain(source)
    assert before_s <= played[0].event_time_s <= time.time()
    assert len(played) == len(STAMPS)


def test_several_machines_must_be_told_apart(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"2 machines \(a … b\); name one: npz:.*#a"):
        open_npz(str(folder), load_profile("pump"))


@pytest.mark.parametrize("scheme", sorted(FORMATS))
def test_every_format_is_found_by_its_entry_point(scheme: str) -> None:
    (entry,) = (e for e in entry_points(group="industrialguard.sources") if e.name == scheme)
    with pytest.raises(DataError, match=r"no such file|does not exist"):
        entry.load()("nowhere", load_profile("pump-loop"))
