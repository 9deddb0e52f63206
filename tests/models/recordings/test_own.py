import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import DataError
from contract.signals import Reading
from models.recordings import Recording, open_recordings, write_recording

SENSORS = ("vib_h", "temperature", "speed")
stamps = st.floats(min_value=-1e12, max_value=1e12)
readings = st.lists(
    st.builds(
        Reading,
        st.sampled_from(SENSORS),
        stamps,
        stamps,
        st.lists(st.floats(width=32, allow_nan=True), max_size=5).map(lambda v: np.array(v, np.float32)),
    ),
    min_size=1,
    max_size=30,
)


def open_one(path: Path) -> Recording:
    (recording,) = open_recordings(f"npz:{path}")
    return recording


def some_readings() -> list[Reading]:
    return [Reading(SENSORS[i % 2], 10.0 * i, 5.0 * i, np.arange(i + 1, dtype=np.float32)) for i in range(6)]


@given(readings)
def test_what_is_written_is_read_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, written: list[Reading]
) -> None:
    path = tmp_path_factory.mktemp("own") / "machine.npz"
    assert write_recording(path, "m-1", "pump", iter(written), end_of_life_s=7.5) == len(written)
    recording = open_one(path)
    assert (recording.machine_id, recording.profile, recording.end_of_life_s) == ("m-1", "pump", 7.5)
    for _ in range(2):
        read = list(recording.readings())
        assert [(r.sensor, r.event_time_s, r.monotonic_s) for r in read] == [
            (r.sensor, r.event_time_s, r.monotonic_s) for r in written
        ]
        assert [r.values.tobytes() for r in read] == [r.values.tobytes() for r in written]


def test_a_folder_holds_one_machine_per_file_and_a_profile_can_be_chosen(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_recording(tmp_path / f"{name}.npz", name, "pump", some_readings())
    assert [r.machine_id for r in open_recordings(f"npz:{tmp_path}")] == ["a", "b"]
    assert {r.profile for r in open_recordings(f"npz:{tmp_path}", "mine.toml")} == {"mine.toml"}


def test_nothing_is_left_behind_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="needs 1 to 255 sensors"):
        write_recording(tmp_path / "a.npz", "a", "pump", [])
    with pytest.raises(DataError, match="cannot be written"):
        write_recording(tmp_path / "missing" / "a.npz", "a", "pump", some_readings())
    assert list(tmp_path.iterdir()) == []


def rewrite(path: Path, **changes: np.ndarray[tuple[int], np.dtype[np.generic]]) -> None:
    arrays = dict(np.load(path)) | changes
    np.savez(path, **{k: v for k, v in arrays.items() if v.size})


def meta(**changes: object) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    good = {
        "format": 1,
        "machine_id": "a",
        "profile": "pump",
        "description": "",
        "end_of_life_s": None,
        "sensors": list(SENSORS[:2]),
    }
    return np.frombuffer(
        json.dumps({k: v for k, v in (good | changes).items() if v != "gone"}).encode(), np.uint8
    )


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (meta(format=2), "format 1"),
        (meta(sensors="vib_h"), "proper sensors"),
        (meta(machine_id="gone"), "proper machine_id"),
        (np.frombuffer(b"[1", np.uint8), "no JSON"),
        (np.frombuffer(b"[1]", np.uint8), "format 1"),
    ],
)
def test_another_description_is_refused_when_opened(
    tmp_path: Path, changed: np.ndarray[tuple[int], np.dtype[np.uint8]], why: str
) -> None:
    path = tmp_path / "a.npz"
    write_recording(path, "a", "pump", some_readings())
    rewrite(path, meta=changed)
    with pytest.raises(DataError, match=why):
        open_one(path)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"order": np.array([0, 9], np.uint8)}, "no sensor"),
        ({"order": np.zeros(20, np.uint8)}, "fewer readings"),
        ({"values_0": np.zeros(2, np.float32)}, "ends after"),
        ({"counts_0": np.array([-1, 2], np.int64)}, "ends after"),
        ({"stamps_1": np.empty(0)}, "no such array"),
    ],
)
def test_damage_inside_shows_while_reading(
    tmp_path: Path, changed: dict[str, np.ndarray[tuple[int], np.dtype[np.generic]]], why: str
) -> None:
    path = tmp_path / "a.npz"
    write_recording(path, "a", "pump", some_readings())
    rewrite(path, **changed)
    with pytest.raises(DataError, match=why):
        list(open_one(path).readings())
