"""The lake: days of summaries as Parquet files, for as long as somebody wants them.

Rule: a day's file appears whole or not at all, whoever else writes the same day at that moment; it says how
many summaries it holds, and takes the place of the one before it when more have come. It is our own store's
history, so it names devices; what leaves it for training goes through a snapshot.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow_hotfix  # noqa: F401  # closes CVE-2023-47248 of the Arrow that TFX holds us on
from pyarrow import parquet

from cloud.errors import LakeError
from contract.aggregates import unpack_numbers
from contract.durable import make_folder, sync_folder

ROWS_PER_GROUP = 20_000
_ASIDE = ".new-"
_NUMBERS = ("interval_s", "score_mean", "score_max", "score_p50", "score_p90", "confidence")
_COUNTS = ("boot_id", "sequence", "state", "window_count", "scored_count")
_TIMES = ("event_time", "ingest_time")
_WORDS = ("device_id", "regime", "model_version")
_FEATURES = ("mean", "minimum", "maximum")
_QUALITY = pa.struct(
    [("sensor", pa.string())] + [(name, pa.int64()) for name in ("good", "uncertain", "bad", "flags")]
)
_SCHEMA = pa.schema(
    [(name, pa.string()) for name in _WORDS]
    + [(name, pa.timestamp("us", "UTC")) for name in _TIMES]
    + [(name, pa.int64()) for name in _COUNTS]
    + [(name, pa.float64()) for name in _NUMBERS]
    + [("features", pa.list_(pa.string()))]
    + [(name, pa.list_(pa.float32())) for name in _FEATURES]
    + [("quality", pa.list_(_QUALITY))]
)


def day_file(lake: Path, day: date) -> Path:
    """Where a day lies, as tools that read partitioned data sets expect it."""
    return lake / "summaries" / f"day={day.isoformat()}" / "part-0.parquet"


def count_in_lake(lake: Path, day: date) -> int | None:
    """Summaries in a day's file; None where there is none.

    Raises:
        LakeError: it cannot be read.
    """
    path = day_file(lake, day)
    try:
        return int(parquet.read_metadata(path).num_rows)
    except FileNotFoundError:
        return None
    except (OSError, pa.ArrowException) as error:
        raise LakeError(f"{path}: cannot be read: {error}; move it away, and it is written again") from error


def write_day(lake: Path, day: date, rows: Iterable[Any]) -> int:
    """Write a day's file.

    Args:
        lake: Folder of the lake; made when absent.
        day: Which.
        rows: Its summaries, with the columns of `cloud.store.days.read_day`.

    Returns:
        How many there were.

    Raises:
        LakeError: the disk refused; what was there is there still.
    """
    path = day_file(lake, day)
    try:
        make_folder(path.parent)
        with tempfile.TemporaryDirectory(prefix=_ASIDE, dir=path.parent) as folder:  # of our own
            aside = Path(folder) / path.name
            n_rows = _write(aside, rows)
            _sync(aside)
            aside.replace(path)
        sync_folder(path.parent)
        for torn in path.parent.glob(f"{_ASIDE}*"):  # of a writer that was killed; one that lives begins anew
            shutil.rmtree(torn, ignore_errors=True)
    except (OSError, pa.ArrowException) as error:
        raise LakeError(f"{path}: cannot be written: {error}") from error
    return n_rows


def _write(path: Path, rows: Iterable[Any]) -> int:
    n_rows = 0
    with parquet.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
        for group in _groups(iter(rows)):
            writer.write_table(_table(group))
            n_rows += len(group)
    return n_rows


def _groups(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while group := list(islice(rows, ROWS_PER_GROUP)):
        yield group


def _table(rows: list[Any]) -> pa.Table:
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in rows] for name in (*_WORDS, *_TIMES, *_COUNTS, *_NUMBERS)
    }
    columns["features"] = [row.names or [] for row in rows]
    numbers = [unpack_numbers(row.features or b"") for row in rows]
    for place, name in enumerate(_FEATURES):
        columns[name] = [each[:, place] for each in numbers]
    names = [field.name for field in _QUALITY]
    columns["quality"] = [[dict(zip(names, each, strict=True)) for each in row.quality] for row in rows]
    return pa.table([pa.array(columns[f.name], f.type) for f in _SCHEMA], schema=_SCHEMA)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
