"""Reads from the store what the plant's page shows.

Rule: as in `cloud.web.reading`. What is mapped nowhere comes first, because it is what there is to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from cloud.asset_import import ImportPlan
from cloud.assets import Asset, Place
from cloud.store.assets import MappingCounts, Sites, count_mapping, list_assets, unmapped_devices
from cloud.store.cases import count_unseen
from cloud.store.database import Database
from cloud.store.queries import find_machines
from cloud.store.rows import MachineRow

DEVICES_SHOWN, ASSETS_SHOWN, TAGS_OFFERED = 50, 200, 500


@dataclass(frozen=True, slots=True)
class Watcher:
    """A device, and what it says of its machine."""

    device_id: str
    profile: str
    """Name and description from its Birth; empty before the first."""
    sensors: str
    last_ingest_time: datetime | None


@dataclass(frozen=True, slots=True)
class AssetLine:
    """A machine of the plant, and what watches it."""

    asset: Asset
    watcher: Watcher | None


@dataclass(frozen=True, slots=True)
class AssetsPage:
    """The plant."""

    counts: MappingCounts
    unmapped: tuple[Watcher, ...]
    places: tuple[tuple[Place, tuple[AssetLine, ...]], ...]
    """By place; machines by tag."""
    free_tags: tuple[str, ...]
    """Assets that nothing watches, to pick from."""
    is_unwatched: bool
    """Whether only these are shown."""
    number: int
    pages: int
    open_count: int


@dataclass(frozen=True, slots=True)
class ListShown:
    """A list that somebody has sent, and what it would change."""

    text: str
    plan: ImportPlan


def read_assets(database: Database, sites: Sites, is_unwatched: bool, number: int) -> AssetsPage:
    """The plant, a page of it.

    Args:
        database: The store.
        sites: Only these; all when None.
        is_unwatched: Only machines that nothing watches.
        number: Of the page, from 1.
    """
    with database.session() as session:
        counts = count_mapping(session, sites)
        assets = sorted(list_assets(session, sites), key=lambda asset: (asset.place.path, asset.tag))
        free = [asset for asset in assets if asset.device_id is None]
        wanted = free if is_unwatched else assets
        shown = wanted[(number - 1) * ASSETS_SHOWN : number * ASSETS_SHOWN]
        devices = unmapped_devices(session, DEVICES_SHOWN) if sites is None else []
        rows = find_machines(session, [*devices, *(asset.device_id for asset in shown if asset.device_id)])
        open_count = count_unseen(session)
    return AssetsPage(
        counts=counts,
        unmapped=tuple(_watcher(rows[device]) for device in devices),
        places=_by_place([AssetLine(asset, _watcher_of(asset, rows)) for asset in shown]),
        free_tags=tuple(asset.tag for asset in free[:TAGS_OFFERED]),
        is_unwatched=is_unwatched,
        number=number,
        pages=max(1, -(-len(wanted) // ASSETS_SHOWN)),
        open_count=open_count,
    )


def _by_place(lines: Sequence[AssetLine]) -> tuple[tuple[Place, tuple[AssetLine, ...]], ...]:
    return tuple((place, tuple(own)) for place, own in groupby(lines, key=lambda line: line.asset.place))


def _watcher_of(asset: Asset, rows: dict[str, MachineRow]) -> Watcher | None:
    return _watcher(rows[asset.device_id]) if asset.device_id in rows and asset.device_id else None


def _watcher(row: MachineRow) -> Watcher:
    profile = row.profile
    if profile is None:
        return Watcher(row.device_id, "", "", row.last_ingest_time)
    sensors = ", ".join(sensor.name for sensor in profile.sensors)
    said = f"{profile.name}: {profile.description}" if profile.description else profile.name
    return Watcher(row.device_id, said, sensors, row.last_ingest_time)
