"""What speaks for training a forecast again: snapshots, registry, spans, and the cloud's own store.

Rule: everything is read and nothing is changed. What cannot be known is None, and no trigger fires on it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cloud.settings import CloudSettings, sqlite_url
from cloud.store.database import open_database
from cloud.store.forecasts import live_error_of
from contract.errors import ConfigError, DataError, StateError
from contract.registry import Act, ModelKind, ModelLine, Published, Registry
from contract.snapshot import MANIFEST_FILE, SnapshotManifest, parse_manifest
from models.continuous import Evidence, InCharge, Live, Newest, Policy
from models.stages.names import VERDICT_FILE


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything lies."""

    machine_type: str
    snapshots: Path
    """Folder of snapshots, of this type and others."""
    spans: Path
    root: Path
    """Of the pipeline."""
    registry: Path
    store: Path | None = None
    """The cloud's data folder; None: the live error is not looked at."""

    @property
    def journals(self) -> Path:
        """Where continuous training keeps its runs."""
        return self.root / "continuous"


@dataclass(frozen=True, slots=True)
class Found:
    """A snapshot on disk."""

    folder: Path
    manifest: SnapshotManifest


def gather(places: Places, policy: Policy, now: datetime) -> tuple[Evidence, Found | None]:
    """Everything that is known now, and the newest snapshot.

    Raises:
        IndustrialGuardError: something is there and damaged.
    """
    newest = newest_snapshot(places)
    champion = Registry(places.registry).champion(ModelLine(places.machine_type))
    counted = Newest(newest.manifest.name, newest.manifest.counts.failed) if newest else None
    if champion is None:
        return Evidence(counted), newest
    in_charge = describe(champion, places)
    since = now - timedelta(days=policy.live_window_days)
    live = None if places.store is None else live_error(places, places.store, champion.version, since)
    return Evidence(counted, in_charge, drifted_since(places, champion), live), newest


def newest_snapshot(places: Places) -> Found | None:
    """The snapshot of the machine type with the latest cut; None where there is none.

    Raises:
        ConfigError: there is no such folder.
        DataError: a snapshot's manifest is damaged.
    """
    if not places.snapshots.is_dir():
        raise ConfigError(f"--snapshots {places.snapshots}: there is no such folder")
    found = [
        Found(path.parent, _manifest(path))
        for path in sorted(places.snapshots.glob(f"[!.]*/{MANIFEST_FILE}"))
    ]
    mine = [each for each in found if each.manifest.spec.machine_type == places.machine_type]
    return max(mine, key=lambda each: (each.manifest.origin.cut, each.manifest.origin.created), default=None)


def describe(champion: Published, places: Places) -> InCharge:
    """What the registry and the span that it was trained on tell of a model.

    Raises:
        IndustrialGuardError: the history or the span's manifest is damaged.
    """
    history = Registry(places.registry).history(champion.line)
    published = [e.time for e in history if e.version == champion.version and e.act is Act.PUBLISHED]
    span = _span_of(champion)
    path = places.spans / f"span-{span:05d}" / MANIFEST_FILE
    failures = _manifest(path).counts.failed if span and path.is_file() else None
    snapshot = str(champion.papers.lineage.get("snapshot", ""))
    return InCharge(champion.version, published[0], snapshot, failures, _own_rmse(champion))


def drifted_since(places: Places, champion: Published) -> tuple[str, ...]:
    """Columns of the last accepted span that drifted, the furthest first; none if the model learned from it.

    Raises:
        StateError: the pipeline's verdict is damaged.
    """
    folder = places.root / "artifacts" / ModelKind.RUL / places.machine_type / "DriftCheck" / "accepted"
    verdicts = [path for path in folder.glob(f"*/{VERDICT_FILE}") if path.parent.name.isdecimal()]
    if not verdicts:
        return ()
    path = max(verdicts, key=lambda each: int(each.parent.name))
    try:
        told = json.loads(path.read_text("utf-8"))
        if told["span"] <= _span_of(champion):
            return ()
        shifts = [each for each in told["shifts"] if each["kind"] == "drift"]
        return tuple(each["column"] for each in shifts if each["distance"] > each["threshold"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StateError(f"{path}: cannot be read ({error}); run the pipeline by hand once") from error


def live_error(places: Places, data: Path, version: str, since: datetime) -> Live | None:
    """How good a model's forecasts turned out to be; None while nothing has failed.

    Raises:
        ConfigError: there is no store.
        StoreError: it cannot be read.
    """
    path = CloudSettings(data_dir=data).store_path
    if not path.is_file():
        raise ConfigError(f"--data {data}: holds no store of the cloud; leave it out, or name its folder")
    database = open_database(sqlite_url(path))
    try:
        with database.session() as session:
            found = live_error_of(session, places.machine_type, since, version)
    finally:
        database.close()
    return Live(found.rmse, found.failures) if found else None


def _manifest(path: Path) -> SnapshotManifest:
    try:
        return parse_manifest(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, DataError) as error:
        raise DataError(f"{path}: {error}") from error


def _span_of(champion: Published) -> int:
    """Number of the span that a model was trained on; 0: not known."""
    text = str(champion.papers.lineage.get("span", ""))
    return int(text) if text.isdecimal() else 0


def _own_rmse(champion: Published) -> float | None:
    """Of its evaluation on all lives, as the pipeline published it."""
    results: Any = champion.papers.blessing.get("results")
    rows = results if isinstance(results, list) else []
    values = [row.get("rmse") for row in rows if (row.get("model"), row.get("slice")) == ("candidate", "all")]
    return float(values[0]) if values and isinstance(values[0], int | float) else None
