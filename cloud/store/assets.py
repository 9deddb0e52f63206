"""The plant's machines as rows, and which device watches which.

Rule: `cloud.assets` says what an asset can be, this file stores it. A machine's site is that of the asset
that it is mapped to, and none where it is mapped to none; whoever belongs to some sites is shown only theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlmodel import Session

from cloud.assets import Asset, EquipmentClass, Place
from cloud.errors import AssetError, NotFoundError
from cloud.store.asset_tables import AssetRow
from cloud.store.news import mark_change
from cloud.store.statements import is_one_of
from cloud.store.tables import Machine, table_of
from cloud.triage import Criticality

_ASSET, _MACHINE = table_of(AssetRow), table_of(Machine)
Sites = frozenset[str] | None
"""Codes of the sites that may be seen; None: all of them, and what belongs to none."""


@dataclass(frozen=True, slots=True)
class MappingCounts:
    """How much of the mapping is missing."""

    assets: int
    unwatched: int
    """Assets that no device watches."""
    unmapped: int
    """Devices that watch no asset."""


def read_asset(session: Session, tag: str, sites: Sites = None) -> Asset:
    """One of them.

    Raises:
        NotFoundError: there is none of that tag on these sites.
    """
    row = session.connection().execute(_seen(sites).where(_ASSET.c.tag == tag)).first()
    if row is None:
        raise NotFoundError(f"there is no asset {tag[:64]!r}")
    return _asset(row)


def list_assets(
    session: Session, sites: Sites = None, limit: int | None = None, after: str = ""
) -> list[Asset]:
    """Assets by tag.

    Args:
        session: For reading.
        sites: Only on these.
        limit: At most so many; all when None.
        after: Only tags behind this one, to page on.
    """
    query = _seen(sites).where(_ASSET.c.tag > after).order_by(_ASSET.c.tag)
    return [
        _asset(row) for row in session.connection().execute(query if limit is None else query.limit(limit))
    ]


def find_assets(session: Session, tags: Collection[str]) -> dict[str, Asset]:
    """Those of these tags that there are."""
    query = select(_ASSET).where(is_one_of(session, _ASSET.c.tag, tags))
    return {row.tag: _asset(row) for row in session.connection().execute(query)}


def assets_of_devices(session: Session, devices: Collection[str]) -> dict[str, Asset]:
    """By device, the asset that it watches; devices that watch none are left out."""
    query = select(_ASSET).where(is_one_of(session, _ASSET.c.device_id, devices))
    return {row.device_id: _asset(row) for row in session.connection().execute(query)}


def site_of(session: Session, device_id: str) -> str:
    """The site of a machine; empty where it is mapped to none."""
    query = select(_ASSET.c.site).where(_ASSET.c.device_id == device_id)
    return str(session.connection().execute(query).scalar() or "")


def unmapped_devices(session: Session, limit: int, after: str = "") -> list[str]:
    """Devices that watch no asset, by id."""
    mapped = select(_ASSET.c.device_id).where(_ASSET.c.device_id.is_not(None))
    query = select(_MACHINE.c.device_id).where(
        _MACHINE.c.device_id > after, _MACHINE.c.device_id.not_in(mapped)
    )
    found = session.connection().execute(query.order_by(_MACHINE.c.device_id).limit(limit))
    return list(found.scalars())


def known_devices(session: Session, devices: Collection[str]) -> frozenset[str]:
    """Those of these devices that were ever heard."""
    query = select(_MACHINE.c.device_id).where(is_one_of(session, _MACHINE.c.device_id, devices))
    return frozenset(session.connection().execute(query).scalars())


def watchers_of(session: Session, devices: Collection[str]) -> dict[str, str]:
    """By device, the tag of the asset that it watches."""
    return {device: asset.tag for device, asset in assets_of_devices(session, devices).items()}


def count_mapping(session: Session, sites: Sites = None) -> MappingCounts:
    """How much of the mapping is missing; devices mapped nowhere belong to those who see all sites."""
    seen = _seen(sites).subquery()
    query = select(func.count(), func.count(seen.c.device_id)).select_from(seen)
    assets, watched = session.connection().execute(query).one()
    if sites is not None:
        return MappingCounts(assets, assets - watched, 0)
    machines = session.connection().execute(select(func.count()).select_from(_MACHINE)).scalar_one()
    return MappingCounts(assets, assets - watched, machines - watched)


def save_assets(session: Session, assets: Iterable[Asset]) -> None:
    """Add them, or put them in the place of those with their tags.

    A device that is to watch another asset than before has to be free, or freed by the same call.

    Raises:
        RecordRefusedError: a device that nobody has heard of, or that watches another asset.
    """
    rows = {asset.tag: _values(asset) for asset in assets}
    if not rows:
        return
    connection = session.connection()
    known = set(find_assets(session, rows))
    if known:  # devices may change places among these, which no order of single updates allows
        connection.execute(
            _ASSET.update().where(is_one_of(session, _ASSET.c.tag, known)).values(device_id=None)
        )
    for tag, values in rows.items():
        if tag in known:
            connection.execute(_ASSET.update().where(_ASSET.c.tag == tag).values(values))
    fresh = [values for tag, values in rows.items() if tag not in known]
    if fresh:
        connection.execute(_ASSET.insert(), fresh)
    mark_change(session)


def map_device(session: Session, tag: str, device_id: str | None) -> Asset:
    """Say which device watches an asset; None: none does any more.

    Raises:
        NotFoundError: there is no such asset, or no such machine.
        AssetError: the device watches another one.
    """
    asset = read_asset(session, tag)
    if device_id is not None:
        if not known_devices(session, [device_id]):
            raise NotFoundError(f"there is no machine {device_id[:64]!r}; nothing was ever received from it")
        other = watchers_of(session, [device_id]).get(device_id, tag)
        if other != tag:
            raise AssetError(f"{device_id} watches {other} already; take it away from there first")
    session.connection().execute(_ASSET.update().where(_ASSET.c.tag == tag).values(device_id=device_id))
    mark_change(session)
    return read_asset(session, asset.tag)


def remove_asset(session: Session, tag: str) -> None:
    """Take an asset out of the plant; what its device has seen stays.

    Raises:
        NotFoundError: there is none.
    """
    if not session.connection().execute(_ASSET.delete().where(_ASSET.c.tag == tag)).rowcount:
        raise NotFoundError(f"there is no asset {tag[:64]!r}")
    mark_change(session)


def _seen(sites: Sites) -> Select[Any]:
    query = select(_ASSET)
    return query if sites is None else query.where(_ASSET.c.site.in_(sorted(sites)))


@lru_cache(maxsize=4096)
def _place(site: str, area: str, line: str) -> Place:
    """Many machines share one."""
    return Place(site, area, line)


def _asset(row: Row[Any]) -> Asset:
    return Asset(
        tag=row.tag,
        place=_place(row.site, row.area, row.line),
        name=row.name,
        kind=EquipmentClass(row.kind),
        criticality=Criticality(row.criticality),
        components=tuple(row.components),
        eam_ref=row.eam_ref,
        device_id=row.device_id,
    )


def _values(asset: Asset) -> Mapping[str, Any]:
    site, area, line = asset.place.path
    return {
        "tag": asset.tag,
        "site": site,
        "area": area,
        "line": line,
        "name": asset.name,
        "kind": str(asset.kind),
        "criticality": int(asset.criticality),
        "components": list(asset.components),
        "eam_ref": asset.eam_ref,
        "device_id": asset.device_id,
    }
