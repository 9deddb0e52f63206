"""Which machines somebody sees.

Rule: the one place where sites become a condition. A session knows the sites of whoever reads through it
(`Database.seen_by`), and every query about machines that people read asks `is_seen`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, select, true
from sqlmodel import Session

from cloud.errors import NotFoundError
from cloud.store.asset_tables import AssetRow
from cloud.store.tables import Machine, table_of

SITES = "sites"
"""Where a session keeps them; None, or nothing kept: all."""


def sites_of(session: Session) -> frozenset[str] | None:
    """The sites of whoever reads; None: all."""
    sites: frozenset[str] | None = session.info.get(SITES)
    return sites


def is_seen(session: Session, device_id: Any) -> ColumnElement[bool]:
    """Whether whoever reads sees the machine that a column names: one of an asset at one of the sites."""
    sites = sites_of(session)
    if sites is None:
        return true()
    asset = table_of(AssetRow).c
    seen: ColumnElement[bool] = device_id.in_(select(asset.device_id).where(asset.site.in_(sorted(sites))))
    return seen


def require_seen(session: Session, device_id: str) -> None:
    """Let pass whoever sees a machine, and whoever sees all sites.

    Raises:
        NotFoundError: to anybody else there is no such machine.
    """
    machine = table_of(Machine).c.device_id
    query = select(machine).where(machine == device_id, is_seen(session, machine))
    if sites_of(session) is not None and session.connection().execute(query).first() is None:
        raise no_machine(device_id)


def no_machine(device_id: str) -> NotFoundError:
    """What is said of a machine that is not there, and of one that somebody does not see."""
    return NotFoundError(f"there is no machine {device_id[:80]!r}; nothing was ever received from it")
