"""The keys of programs, as rows."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlmodel import Session

from cloud.errors import NotFoundError
from cloud.people import Role
from cloud.store.access_tables import ApiKeyRow
from cloud.store.tables import table_of

_KEY = table_of(ApiKeyRow)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key; its secret is not."""

    id: str
    name: str
    role: Role
    sites: frozenset[str] | None
    made_at: datetime
    made_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def counts(self, now: datetime) -> bool:
        """Whether whoever brings it is let in."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def add_key(session: Session, key: ApiKey, digest: bytes) -> None:
    """Store one."""
    values = {name: getattr(key, name) for name in ApiKey.__dataclass_fields__}
    values |= {"role": str(key.role), "sites": None if key.sites is None else sorted(key.sites)}
    session.connection().execute(_KEY.insert(), values | {"digest": digest})


def find_key(session: Session, key_id: str, digest: bytes, now: datetime) -> ApiKey | None:
    """The key of an id and a secret's digest, while it counts."""
    row = session.connection().execute(select(_KEY).where(_KEY.c.id == key_id)).first()
    if row is None or not hmac.compare_digest(row.digest, digest):
        return None
    key = _key(row)
    return key if key.counts(now) else None


def list_keys(session: Session) -> list[ApiKey]:
    """All of them, the newest first."""
    query = select(_KEY).order_by(_KEY.c.made_at.desc(), _KEY.c.id)
    return [_key(row) for row in session.connection().execute(query)]


def revoke_key(session: Session, key_id: str, now: datetime) -> ApiKey:
    """Let it count no more, from now on; a second time changes nothing.

    Raises:
        NotFoundError: there is none of that id.
    """
    at = (_KEY.c.id == key_id) & _KEY.c.revoked_at.is_(None)
    session.connection().execute(update(_KEY).where(at).values(revoked_at=now))
    row = session.connection().execute(select(_KEY).where(_KEY.c.id == key_id)).first()
    if row is None:
        raise NotFoundError(f"there is no key {key_id[:40]!r}")
    return _key(row)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        sites=None if row.sites is None else frozenset(row.sites),
        made_at=row.made_at,
        made_by=row.made_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
