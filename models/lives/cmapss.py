"""NASA C-MAPSS turbofan engines as lives (Saxena et al., PHM 2008).

Rule: all 26 columns are used and no engine is left out, however short. Engines of `train_*` flew to failure.
Engines of `test_*` are cut short; they are tests where the `RUL_*` file beside says when they failed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contract.errors import DataError
from contract.lives import End, Life, LifeSpec
from models.lives.life_set import ALL, LifeSet
from models.recordings.cmapss_table import ENDINGS, find_remaining, read_remaining, read_table, split_units
from models.recordings.folders import find_files
from models.recordings.text import Numbers

COMPONENT = "engine"
SPEC = LifeSpec(
    machine_type="turbofan",
    time_unit="cycle",
    horizon=125.0,
    components=(COMPONENT,),
    settings=("altitude", "mach", "tra"),
    sensors=(
        *("t2", "t24", "t30", "t50", "p2", "p15", "p30", "nf", "nc", "epr", "ps30"),
        *("phi", "nrf", "nrc", "bpr", "farb", "htbleed", "nf_dmd", "pcnfr_dmd", "w31", "w32"),
    ),
)
"""Sensors 1 to 21 in the file's order, named as in the data set's paper; altitude in 1000 ft, tra in %. The
horizon is the cap that the field agreed on."""
_SETTINGS, _SENSORS = slice(2, 5), slice(5, 26)
_TRAIN, _TEST = "train_", "test_"


def read_cmapss(place: Path, subset: str = ALL) -> LifeSet:
    """Read the subsets of a folder that have a training table, FD001 to FD004 or others.

    Args:
        place: Folder with `train_FD001.txt` and so on, plain or .gz.
        subset: One of them, or all.

    Raises:
        DataError: no such tables, or one is malformed; names file and line.
    """
    tables = _find_tables(place, _TRAIN)
    if subset != ALL:
        tables = {name: path for name, path in tables.items() if name.lower() == subset.lower()}
    if not tables:
        raise DataError(f"cmapss:{place}: there is no train_{subset}.txt, nor one ending in .gz")
    lives = [life for name, path in tables.items() for life in _read_train(name, path)]
    tests: list[Life] = []
    notes: list[str] = []
    test_tables = _find_tables(place, _TEST)
    for name in tables:
        if name not in test_tables:
            notes.append(f"{name}: has no test table")
        elif (remaining := find_remaining(test_tables[name])) is None:
            notes.append(f"{name}: there is no RUL_{name} file beside its test table, which is not used")
        else:
            tests += _read_test(name, test_tables[name], remaining)
    source = f"C-MAPSS {', '.join(tables)}"
    return LifeSet(SPEC, source, tuple(lives), tuple(tests), notes=tuple(notes))


def _find_tables(place: Path, prefix: str) -> dict[str, Path]:
    """Tables by the name of their subset; a plain file goes before a packed one."""
    if prefix == _TEST:
        paths = sorted(path for end in ENDINGS for path in place.rglob(f"{prefix}*{end}"))
    else:
        paths = find_files(place, [f"{prefix}*{end}" for end in ENDINGS], "cmapss:DIR")
    tables: dict[str, Path] = {}
    for path in paths:
        tables.setdefault(path.name.split(".")[0].removeprefix(prefix), path)
    return tables


def _read_train(name: str, path: Path) -> list[Life]:
    return [_build(name, "train", unit, engine, 0.0) for unit, engine in split_units(read_table(path))]


def _read_test(name: str, path: Path, remaining: Path) -> list[Life]:
    units = split_units(read_table(path))
    left = read_remaining(remaining, path, len(units))
    return [
        _build(name, "test", unit, engine, float(more))
        for (unit, engine), more in zip(units, left, strict=True)
    ]


def _build(subset: str, part: str, unit: int, engine: Numbers, remaining: float) -> Life:
    return Life(
        machine=f"{subset.lower()}-{part}-{unit:03d}",
        component=COMPONENT,
        number=0,
        age=np.ascontiguousarray(engine[:, 1]),
        settings=engine[:, _SETTINGS].astype(np.float32),
        sensors=engine[:, _SENSORS].astype(np.float32),
        end=End.FAILED,
        end_age=float(engine[-1, 1]) + remaining,
        group=subset,
    )
