"""PRONOSTIA / IEEE PHM 2012 bearings (Nectoux et al. 2012): bursts of 0.1 s every 10 s.

Two axes at 25.6 kHz, in milli-g.

Rule: the wall clock is the one that was recorded, glitches included; the rig's snapshot counter is the
monotonic clock. The file is read burst by burst. Expected: `raw_*.npz` with `acc_mg` int (n, 2560, 2),
`start_s` (n,), `file_no` (n,).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from contract.errors import DataError
from contract.signals import Reading
from models.recordings.arrays import ArrayStream, load_array
from models.recordings.folders import find_files
from models.recordings.recording import ProfileChoice, Recording, profile_name
from models.recordings.rows import safe_id

PROFILE = "bearing-rig"
BURST_SHAPE = (2560, 2)
SNAPSHOT_PERIOD_S = 10.0
SENSORS = ("vib_h", "vib_v")


def open_femto(place: Path, profile: ProfileChoice) -> list[Recording]:
    """One recording per `raw_*.npz`, each run to failure.

    Raises:
        DataError: no such files, or one is not of this shape.
    """
    return [
        _open(path, profile_name(profile, PROFILE)) for path in find_files(place, ("raw_*.npz",), "femto:DIR")
    ]


def _open(path: Path, profile: str) -> Recording:
    stamps = load_array(path, "start_s").astype(np.float64)
    counter = load_array(path, "file_no", kinds="iu")
    with ArrayStream(path, "acc_mg") as bursts:
        shape = bursts.shape
    if shape != (len(stamps), *BURST_SHAPE) or len(counter) != len(stamps) or not len(stamps):
        raise DataError(
            f"{path}: expected acc_mg (n, 2560, 2), start_s and file_no (n,), not {shape} with {len(stamps)}"
        )
    name = path.stem.removeprefix("raw_")
    return Recording(
        machine_id=f"femto-{safe_id(name)}",
        profile=profile,
        description=f"PRONOSTIA {name}, {len(stamps)} bursts, run to failure",
        readings=partial(_read, path),
        end_of_life_s=float(stamps[-1]),
    )


def _read(path: Path) -> Iterator[Reading]:
    stamps = load_array(path, "start_s").astype(np.float64)
    monotonic = load_array(path, "file_no", kinds="iu").astype(np.float64) * SNAPSHOT_PERIOD_S
    with ArrayStream(path, "acc_mg") as bursts:
        for stamp, tick in zip(stamps.tolist(), monotonic.tolist(), strict=True):
            burst = bursts.take(1)[0].astype(np.float32)
            for axis, sensor in enumerate(SENSORS):
                yield Reading(sensor, stamp, tick, np.ascontiguousarray(burst[:, axis]))
