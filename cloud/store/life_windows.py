"""The newest forecast of each component on the calendar, as rows that fleet-wide pages can read at once.

Rule: written with the forecast that it repeats, in one transaction; an older forecast changes nothing. What
was forecast when stays in `forecasts`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from cloud.outcomes import MadeForecast
from cloud.planning import LifeWindow, place_on_calendar
from cloud.store.asset_tables import AssetRow
from cloud.store.statements import is_one_of, is_postgresql
from cloud.store.tables import LifeWindowRow, table_of

_WINDOW, _ASSET = table_of(LifeWindowRow), table_of(AssetRow)


def store_windows(session: Session, made: Iterable[MadeForecast]) -> None:
    """Store what forecasts say of the calendar, in the transaction of the caller."""
    newest: dict[tuple[str, str], LifeWindow] = {}
    for window in filter(None, map(place_on_calendar, made)):
        known = newest.get((window.device_id, window.component))
        if known is None or known.made_at <= window.made_at:
            newest[window.device_id, window.component] = window
    if newest:
        rows = [asdict(newest[key]) for key in sorted(newest)]
        session.connection().execute(_insert_newer(session, _WINDOW), rows)


def read_windows(
    session: Session, sites: frozenset[str] | None = None, devices: Collection[str] | None = None
) -> list[LifeWindow]:
    """The newest forecast of each component, by machine and component.

    Args:
        session: For reading.
        sites: Only of machines on these; of all when None.
        devices: Only of these; of all when None.
    """
    query = select(_WINDOW).order_by(_WINDOW.c.device_id, _WINDOW.c.component)
    if sites is not None:
        own = select(_ASSET.c.device_id).where(_ASSET.c.site.in_(sorted(sites)))
        query = query.where(_WINDOW.c.device_id.in_(own.where(_ASSET.c.device_id.is_not(None))))
    if devices is not None:
        query = query.where(is_one_of(session, _WINDOW.c.device_id, devices))
    return [LifeWindow(**row._mapping) for row in session.connection().execute(query)]


def _insert_newer(session: Session, table: Table) -> Any:
    """INSERT of rows, or UPDATE of those that are there and not newer."""
    insert: Any = postgresql.insert(table) if is_postgresql(session) else sqlite.insert(table)
    keys = [column.name for column in table.primary_key]
    given = {column.name: insert.excluded[column.name] for column in table.c if column.name not in keys}
    is_newer = insert.excluded.made_at >= table.c.made_at
    return insert.on_conflict_do_update(index_elements=keys, set_=given, where=is_newer)
