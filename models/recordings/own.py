"""The project's own recording format: one uncompressed .npz per machine.

Rule: what is read back is what was written, bit for bit and in the same order. Layout of format 1:

- `meta`: UTF-8 JSON as uint8; format, machine_id, profile, description, end_of_life_s, sensors (names, in
  index order).
- `order`: uint8 (n_readings,), index of the sensor that delivered each reading.
- `stamps_I`, `monotonic_I`: float64, in s, one per reading of sensor I (see `Reading`).
- `counts_I`: int64, samples in each reading of sensor I.
- `values_I`: float32, all samples of sensor I one after the other, in the sensor's unit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.errors import DataError
from contract.signals import Reading, Samples
from models.recordings.arrays import ArrayStream, load_array
from models.recordings.folders import find_files
from models.recordings.recording import ProfileChoice, Recording, profile_name

FORMAT = 1
MAX_SENSORS = 255


@dataclass(slots=True)
class _Track:
    """The readings of one sensor while they are collected or played."""

    stamps: list[float] = field(default_factory=list)
    monotonic: list[float] = field(default_factory=list)
    values: list[Samples] = field(default_factory=list)

    def add(self, reading: Reading) -> None:
        self.stamps.append(reading.event_time_s)
        self.monotonic.append(reading.monotonic_s)
        self.values.append(np.asarray(reading.values, np.float32))

    def arrays(self, index: int) -> dict[str, npt.NDArray[Any]]:
        return {
            f"stamps_{index}": np.array(self.stamps, np.float64),
            f"monotonic_{index}": np.array(self.monotonic, np.float64),
            f"counts_{index}": np.array([len(v) for v in self.values], np.int64),
            f"values_{index}": np.concatenate(self.values),
        }


def write_recording(
    path: Path,
    machine_id: str,
    profile: str,
    readings: Iterable[Reading],
    *,
    description: str = "",
    end_of_life_s: float | None = None,
) -> int:
    """Write one machine's readings to `path`; the file appears whole or not at all.

    Args:
        path: The file to write, ending in .npz; its folder exists.
        machine_id: The machine's name in later replays.
        profile: Shipped profile name, or path of the user's own.
        readings: All readings in order of time; held in memory until the file is written.
        description: Where they come from, for people.
        end_of_life_s: Stamp at which the machine failed, in s; None: it did not.

    Returns:
        How many readings were written.

    Raises:
        DataError: nothing to write, too many sensors, or the disk refused.
    """
    tracks: dict[str, _Track] = {}
    order: list[int] = []
    index: dict[str, int] = {}
    for reading in readings:
        order.append(index.setdefault(reading.sensor, len(index)))
        tracks.setdefault(reading.sensor, _Track()).add(reading)
    if not order or len(tracks) > MAX_SENSORS:
        raise DataError(
            f"{path}: a recording needs 1 to {MAX_SENSORS} sensors with readings, not {len(tracks)}"
        )
    meta = {
        "format": FORMAT,
        "machine_id": machine_id,
        "profile": profile,
        "description": description,
        "end_of_life_s": end_of_life_s,
        "sensors": list(tracks),
    }
    arrays: dict[str, npt.NDArray[Any]] = {"meta": np.frombuffer(json.dumps(meta).encode(), np.uint8)}
    arrays["order"] = np.array(order, np.uint8)
    for number, track in enumerate(tracks.values()):
        arrays.update(track.arrays(number))
    _write_whole(path, arrays)
    return len(order)


def _write_whole(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    aside = path.with_name(path.name + ".part")
    try:
        with aside.open("wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error}") from error


def open_own(place: Path, profile: ProfileChoice) -> list[Recording]:
    """One recording per .npz of this format in a folder or below it, or the one file.

    Raises:
        DataError: no such files, or one is damaged or of another format.
    """
    return [_open(path, profile) for path in find_files(place, ("*.npz",), "npz:DIR")]


def _open(path: Path, profile: ProfileChoice) -> Recording:
    meta = _read_meta(path)
    return Recording(
        machine_id=meta["machine_id"],
        profile=profile_name(profile, meta["profile"]),
        description=meta["description"] or f"{path.name}, recorded by this project",
        readings=partial(_read, path, tuple(meta["sensors"])),
        end_of_life_s=meta["end_of_life_s"],
    )


def _read_meta(path: Path) -> dict[str, Any]:
    try:
        meta = json.loads(load_array(path, "meta", kinds="u").tobytes())
    except ValueError as error:
        raise DataError(f"{path}: its description is no JSON ({error}); record it again") from error
    wanted = {
        "machine_id": str,
        "profile": str,
        "description": str,
        "sensors": list,
        "end_of_life_s": float | int | None,
    }
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise DataError(f"{path}: not a recording of format {FORMAT}; record it again with this version")
    for key, kind in wanted.items():
        if key not in meta or not isinstance(meta[key], kind):
            raise DataError(f"{path}: its description lacks a proper {key}; record it again")
    return meta


def _read(path: Path, sensors: tuple[str, ...]) -> Iterator[Reading]:
    order = load_array(path, "order", kinds="u")
    if order.max(initial=0) >= len(sensors):
        raise DataError(f"{path}: a reading belongs to no sensor; record it again")
    with ExitStack() as open_files:
        tracks = [_play(open_files, path, index, sensor) for index, sensor in enumerate(sensors)]
        for index in order.tolist():
            reading = next(tracks[index], None)
            if reading is None:
                raise DataError(
                    f"{path}: sensor {sensors[index]} has fewer readings than were counted; record it again"
                )
            yield reading


def _play(open_files: ExitStack, path: Path, index: int, sensor: str) -> Iterator[Reading]:
    stamps = load_array(path, f"stamps_{index}", kinds="f").tolist()
    monotonic = load_array(path, f"monotonic_{index}", kinds="f").tolist()
    counts = load_array(path, f"counts_{index}", kinds="iu").tolist()
    values = open_files.enter_context(ArrayStream(path, f"values_{index}", kinds="f"))
    for stamp, tick, count in zip(stamps, monotonic, counts, strict=False):
        yield Reading(sensor, stamp, tick, values.take(count))
