"""PRONOSTIA bearings as lives (Nectoux et al., IEEE PHM 2012): the table of features of the learning set.

Rule: each bearing ran to failure, at `t_s` + `rul_s` of any of its rows. `t_s` counts snapshots and begins at
0, so the jumps of the rig's wall clock, which the raw files hold, are not in it; a table whose time does not
rise, or whose rows do not agree on the end, is refused with file and line.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from contract.errors import DataError
from contract.lives import End, Life, LifeSpec
from models.lives.csv_table import CsvTable, read_csv
from models.lives.life_set import ALL, LifeSet, keep_group
from models.lives.load_clock import LoadClock, LoadFactor
from models.recordings.folders import find_files
from models.recordings.rows import safe_id
from models.recordings.text import Numbers

PATTERNS = ("features_learning_set.csv", "features_learning_set.csv.gz")
COMPONENT = "bearing"
SETTINGS = ("rpm", "load_n")
_FEATURES = ("rms", "peak", "p2p", "skew", "kurt", "crest", "centroid", "b0_1k", "b1_3k", "b3_6k", "b6_12k")
SPEC = LifeSpec(
    machine_type="bearing_rig",
    time_unit="s",
    horizon=28_800.0,
    components=(COMPONENT,),
    settings=SETTINGS,
    sensors=("temp_c", *(f"{axis}_{feature}" for axis in ("h", "v") for feature in _FEATURES)),
)
"""`h_` is the horizontal axis, `v_` the vertical. The rig wears its bearings out within eight hours, so the
horizon lies beyond the longest life."""
CLOCK = LoadClock((LoadFactor("rpm", 1.0, 1800.0), LoadFactor("load_n", 3.0, 4000.0)))
"""ISO 281:2007, basic rating life: a ball bearing lasts a number of revolutions that falls with the cube of
its load. The references are the rig's first condition."""
_KEYS = ("bearing", "condition", "t_s", "rul_s")
_END_TOLERANCE_S = 0.5


def read_femto(place: Path, subset: str = ALL) -> LifeSet:
    """Read the bearings of a folder.

    Args:
        place: Folder with `features_learning_set.csv`, plain or .gz, or the file.
        subset: One operating condition (`condition-1`), or all.

    Raises:
        DataError: no such table, or it is malformed; names file and line.
    """
    path = find_files(place, PATTERNS, "femto:DIR")[0]
    table = read_csv(path, (*_KEYS, *SPEC.settings, *SPEC.sensors))
    if not len(table):
        raise DataError(f"{path}: has no rows of data")
    names = np.array(table.texts("bearing"))
    times = _read_times(table, names)
    columns = table.numbers((*SPEC.settings, *SPEC.sensors)).astype(np.float32)
    conditions = table.texts("condition")
    lives = []
    for name in dict.fromkeys(names.tolist()):
        rows = np.flatnonzero(names == name)
        lives.append(
            Life(
                machine=f"femto-{safe_id(name)}",
                component=COMPONENT,
                number=0,
                age=times[rows, 0],
                settings=columns[rows, : len(SETTINGS)],
                sensors=columns[rows, len(SETTINGS) :],
                end=End.FAILED,
                end_age=float(times[rows[-1]].sum()),
                group=f"condition-{safe_id(conditions[rows[0]])}",
            )
        )
    return keep_group(LifeSet(SPEC, "PRONOSTIA learning set", tuple(lives), clock=CLOCK), subset)


def _read_times(table: CsvTable, names: npt.NDArray[np.str_]) -> Numbers:
    """Age and remaining life of each row, float64 (n, 2), in s."""
    times = table.numbers(("t_s", "rul_s"))
    for name in np.unique(names):
        rows = np.flatnonzero(names == name)
        ages, left = times[rows].T
        ends = ages + left
        is_bad = ~(np.isfinite(ends) & (ages >= 0) & (left >= 0))
        is_bad |= np.diff(ages, prepend=-1.0) <= 0
        is_bad |= np.abs(ends - ends[0]) > _END_TOLERANCE_S
        if is_bad.any():
            raise DataError(
                f"{table.where(int(rows[np.argmax(is_bad)]))}: {name}: t_s must rise from 0 on, and "
                "t_s + rul_s be the same in all rows"
            )
    return times
