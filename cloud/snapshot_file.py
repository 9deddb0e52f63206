"""Training snapshots on disk: the only writer.

Rule: a snapshot appears whole or not at all, and never changes afterwards: it is written aside, made durable
and then renamed. Equal lives give equal bytes. A life that holds anything from after the cut is refused,
wherever its calendar is known.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow_hotfix  # noqa: F401  # closes CVE-2023-47248 of the Arrow that TFX holds us on
from pyarrow import parquet

from cloud.errors import SnapshotExistsError, SnapshotStorageError
from contract.errors import DataError
from contract.labels import LABELS_FILE, Label, format_labels
from contract.life_columns import Column, ColumnKind, column_kinds, require_distinct, to_columns
from contract.lives import Life, LifeSpec
from contract.snapshot import (
    LIVES_FILE,
    MANIFEST_FILE,
    Installed,
    Origin,
    SnapshotManifest,
    count_lives,
    format_manifest,
    key_of,
    require_known_at,
)

LIVES_PER_GROUP = 256
"""Lives in one row group: what a writer or reader holds in memory beside the lives themselves."""
_FOLDER_MODE, _FILE_MODE = 0o755, 0o444

_ARROW_TYPES = {
    ColumnKind.TEXT: pa.string(),
    ColumnKind.WHOLE: pa.int64(),
    ColumnKind.NUMBER: pa.float64(),
    ColumnKind.AGES: pa.list_(pa.float64()),
    ColumnKind.ROWS: pa.list_(pa.float32()),
    ColumnKind.TEXTS: pa.list_(pa.string()),
}


@dataclass(frozen=True, slots=True)
class SnapshotContent:
    """What goes into a snapshot."""

    spec: LifeSpec
    lives: Sequence[Life] = field(repr=False)
    """In any order; they are written in order of machine, component and number."""
    installed: Installed = field(default_factory=dict, repr=False)
    """When each life began, where that is known."""
    labels: Sequence[Label] | None = field(default=None, repr=False)
    """What people found behind alarms; None: where there are none to judge."""


def write_snapshot(folder: Path, content: SnapshotContent, origin: Origin) -> SnapshotManifest:
    """Write a snapshot.

    Args:
        folder: To be made; the folder above it exists.
        content: The lives.
        origin: Their cut, and where they come from.

    Returns:
        The manifest that was written.

    Raises:
        DataError: no lives, a life twice, of another type, or from after the cut; names the machine.
        SnapshotExistsError: the folder exists.
        SnapshotStorageError: the disk refused.
    """
    if folder.exists():
        raise SnapshotExistsError(f"{folder}: exists, and a snapshot never changes; give another name")
    lives = sorted(content.lives, key=key_of)
    require_distinct(lives)
    _require_known(lives, content, origin.cut)
    counts = count_lives(lives)
    try:
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            _write_lives(aside / LIVES_FILE, lives, content)
            labels = _write_labels(aside / LABELS_FILE, content.labels)
            manifest = SnapshotManifest(content.spec, origin, counts, _hash_file(aside / LIVES_FILE), labels)
            (aside / MANIFEST_FILE).write_text(format_manifest(manifest), encoding="utf-8")
            _publish(aside, folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)  # renamed by now, unless something failed
    except OSError as error:
        raise SnapshotStorageError(f"{folder}: cannot be written: {error}") from error
    return manifest


def _require_known(lives: Sequence[Life], content: SnapshotContent, cut: datetime) -> None:
    for life in lives:
        installed = content.installed.get(key_of(life))
        if installed is not None:
            require_known_at(life, installed, cut, content.spec.time_unit)
    for label in content.labels or ():
        if label.found_at > cut:
            raise DataError(f"machine {label.machine}: what was found lies after the cut, {cut.isoformat()}")


def _write_labels(path: Path, labels: Sequence[Label] | None) -> str:
    """Their file's hash; empty: there is no file."""
    if labels is None:
        return ""
    path.write_text(format_labels(labels), encoding="utf-8")
    return _hash_file(path)


def _write_lives(path: Path, lives: Sequence[Life], content: SnapshotContent) -> None:
    kinds = column_kinds(content.spec)
    schema = pa.schema([(name, _ARROW_TYPES[kind]) for name, kind in kinds.items()])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, len(lives), LIVES_PER_GROUP):
            columns = to_columns(lives[start : start + LIVES_PER_GROUP], content.spec, content.installed)
            arrays = [_to_arrow(columns[name]) for name in kinds]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _to_arrow(column: Column) -> pa.Array:
    if column.offsets is None:
        return pa.array(column.values, _ARROW_TYPES[column.kind], from_pandas=True)
    values = pa.array(column.values, _ARROW_TYPES[column.kind].value_type, from_pandas=False)
    return pa.ListArray.from_arrays(pa.array(column.offsets), values)


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _publish(aside: Path, folder: Path) -> None:
    """Make a finished folder durable, then let it appear under its name."""
    for path in sorted(aside.iterdir()):
        path.chmod(_FILE_MODE)
        _sync(path)
    aside.chmod(_FOLDER_MODE)
    _sync(aside)
    aside.rename(folder)
    _sync(folder.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
