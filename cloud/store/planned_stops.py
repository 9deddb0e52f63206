"""Planned stops as rows.

Rule: as in `cloud.store.assets`: `cloud.assets` says what a stop can be. A stop of one machine belongs to the
site of that machine.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlmodel import Session

from cloud.assets import Place, PlannedStop
from cloud.errors import NotFoundError
from cloud.store.asset_tables import AssetRow, PlannedStopRow
from cloud.store.assets import Sites
from cloud.store.news import mark_change
from cloud.store.tables import table_of
from contract.checks import EARLIEST

_STOP, _ASSET = table_of(PlannedStopRow), table_of(AssetRow)


def list_stops(
    session: Session,
    ending_after: datetime = EARLIEST,
    sites: Sites = None,
    limit: int | None = None,
    after: int = 0,
) -> list[PlannedStop]:
    """Stops that are not over at a time, by id.

    Args:
        session: For reading.
        ending_after: The time.
        sites: Only on these.
        limit: At most so many; all when None.
        after: Only later ids, to page on.
    """
    query = select(_STOP).where(_STOP.c.ends_at > ending_after, _STOP.c.id > after).order_by(_STOP.c.id)
    if sites is not None:
        own = select(_ASSET.c.tag).where(_ASSET.c.site.in_(sorted(sites)))
        query = query.where(_STOP.c.site.in_(sorted(sites)) | _STOP.c.tag.in_(own))
    return [
        _stop(row) for row in session.connection().execute(query if limit is None else query.limit(limit))
    ]


def read_stop(session: Session, stop_id: int) -> PlannedStop:
    """One of them.

    Raises:
        NotFoundError: there is none of that id.
    """
    row = session.connection().execute(select(_STOP).where(_STOP.c.id == stop_id)).first()
    if row is None:
        raise NotFoundError(f"there is no planned stop {stop_id}")
    return _stop(row)


def add_stop(session: Session, stop: PlannedStop) -> PlannedStop:
    """Store it; again stores another one."""
    site, area, line = stop.place.path if stop.place else ("", "", "")
    values = {
        "site": site,
        "area": area,
        "line": line,
        "tag": stop.tag,
        "starts_at": stop.starts_at,
        "ends_at": stop.ends_at,
        "note": stop.note,
        "who": stop.who,
    }
    made = session.connection().execute(_STOP.insert().returning(_STOP.c.id), values)
    mark_change(session)
    return read_stop(session, int(made.scalar_one()))


def remove_stop(session: Session, stop_id: int) -> None:
    """It does not take place.

    Raises:
        NotFoundError: there is none of that id.
    """
    if not session.connection().execute(_STOP.delete().where(_STOP.c.id == stop_id)).rowcount:
        raise NotFoundError(f"there is no planned stop {stop_id}")
    mark_change(session)


def _stop(row: Row[Any]) -> PlannedStop:
    return PlannedStop(
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        place=Place(row.site, row.area, row.line) if row.site else None,
        tag=row.tag,
        note=row.note,
        who=row.who,
        id=row.id,
    )
