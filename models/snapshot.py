"""Training snapshots as training sees them: the only reader, beside the cloud's only writer.

Rule: a snapshot is believed only after its bytes, columns and values were checked against its manifest. Every
defect is one `DataError` that says file, column and machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from contract.errors import DataError
from contract.labels import LABELS_FILE, Label, parse_labels
from contract.life_columns import require_distinct
from contract.lives import Life, LifeSpec
from contract.snapshot import (
    LIVES_FILE,
    MANIFEST_FILE,
    LifeKey,
    SnapshotManifest,
    Split,
    count_lives,
    key_of,
    parse_manifest,
    require_known_at,
    split_of,
)
from models.parquet import read_lives


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A fleet's lives as they were known at one moment."""

    folder: Path
    manifest: SnapshotManifest
    lives: tuple[Life, ...] = field(repr=False)
    """In order of machine, component and number."""
    installed: Mapping[LifeKey, datetime] = field(repr=False)
    """When each life began, where that is known."""
    labels: tuple[Label, ...] = field(default=(), repr=False)
    """What people found behind alarms."""

    @property
    def spec(self) -> LifeSpec:
        """What all its lives have in common."""
        return self.manifest.spec

    def split(self, side: Split) -> tuple[Life, ...]:
        """The lives of the machines on one side; see `contract.snapshot.split_of`."""
        return tuple(life for life in self.lives if split_of(life.machine) is side)


def read_snapshot(folder: Path, now: datetime | None = None) -> Snapshot:
    """Read and check a snapshot.

    Args:
        folder: As `train snapshot` or the cloud wrote it.
        now: Aware time that no snapshot is later than; None: the clock's.

    Raises:
        DataError: the folder is no snapshot, damaged, of the future, or holds what no lives of its type can.
    """
    manifest = _read_manifest(folder / MANIFEST_FILE)
    now = now or datetime.now(UTC)
    if manifest.origin.created > now:
        raise DataError(
            f"{folder / MANIFEST_FILE}: was made in the future, at {manifest.origin.created.isoformat()}; "
            "check this machine's clock"
        )
    path = folder / LIVES_FILE
    _check_bytes(path, manifest.lives_sha256)
    lives, installed = read_lives(path, manifest.spec)
    try:
        _check_lives(lives, installed, manifest)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    return Snapshot(folder, manifest, tuple(lives), installed, _read_labels(folder / LABELS_FILE, manifest))


def _read_manifest(path: Path) -> SnapshotManifest:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); give the folder of a snapshot") from error
    try:
        return parse_manifest(text)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _read_labels(path: Path, manifest: SnapshotManifest) -> tuple[Label, ...]:
    if not manifest.labels_sha256:
        return ()
    _check_bytes(path, manifest.labels_sha256)
    try:
        labels = parse_labels(path.read_text(encoding="utf-8"))
    except (DataError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: {error}") from error
    late = next((label for label in labels if label.found_at > manifest.origin.cut), None)
    if late is not None:
        raise DataError(f"{path}: machine {late.machine}: what was found lies after the cut")
    return labels


def _check_bytes(path: Path, written: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error}); copy the snapshot again") from error
    if found != written:
        raise DataError(f"{path}: damaged: its hash is not the manifest's; copy the snapshot again")


def _check_lives(
    lives: list[Life], installed: Mapping[LifeKey, datetime], manifest: SnapshotManifest
) -> None:
    require_distinct(lives)
    found, written = asdict(count_lives(lives)), asdict(manifest.counts)
    for name, count in found.items():
        if count != written[name]:
            raise DataError(f"its count of {name} is {count}, but the manifest says {written[name]}")
    for life in lives:
        moment = installed.get(key_of(life))
        if moment is not None:
            require_known_at(life, moment, manifest.origin.cut, manifest.spec.time_unit)
