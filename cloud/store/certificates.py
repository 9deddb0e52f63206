"""Certificates and claim tokens: the registry of who may speak for which device.

Rule: a token is used by one key; which one, the database decides, however many ask at once. A certificate is
added and revoked, never deleted.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select, update
from sqlmodel import Session

from cloud.certificates import IssuedCertificate, KnownToken, Purpose
from cloud.store.tables import CertificateRow, ClaimTokenRow, table_of

_CERTIFICATES = table_of(CertificateRow)
_TOKENS = table_of(ClaimTokenRow)


def add_certificate(session: Session, certificate: IssuedCertificate) -> None:
    """Remember a certificate, in the transaction of the caller."""
    row = {name: getattr(certificate, name) for name in IssuedCertificate.__slots__}
    session.connection().execute(_CERTIFICATES.insert(), row | {"purpose": str(certificate.purpose)})


def find_certificate(session: Session, serial: str) -> IssuedCertificate | None:
    """The certificate of a serial number; None: we never issued it."""
    return _first(session, select(_CERTIFICATES).where(_CERTIFICATES.c.serial == serial))


def newest_certificate(session: Session, name: str) -> IssuedCertificate | None:
    """The newest certificate of a name, revoked or not."""
    query = select(_CERTIFICATES).where(_CERTIFICATES.c.name == name)
    return _first(session, query.order_by(_CERTIFICATES.c.id.desc()).limit(1))


def list_certificates(session: Session) -> list[IssuedCertificate]:
    """All certificates, by name, the newest first."""
    query = select(_CERTIFICATES).order_by(_CERTIFICATES.c.name, _CERTIFICATES.c.id.desc())
    return [_certificate(row) for row in session.connection().execute(query)]


def revoke_certificates(session: Session, name: str, why: str, now: datetime) -> int:
    """Revoke every certificate of a name that is not revoked yet; returns how many."""
    still = (_CERTIFICATES.c.name == name) & _CERTIFICATES.c.revoked_at.is_(None)
    change = update(_CERTIFICATES).where(still).values(revoked_at=now, why=why)
    return int(session.connection().execute(change).rowcount)


def add_token(session: Session, token: KnownToken) -> None:
    """Remember a token."""
    row = {name: getattr(token, name) for name in KnownToken.__slots__}
    session.connection().execute(_TOKENS.insert(), row)


def use_token(session: Session, digest: str, key_digest: str, now: datetime) -> KnownToken | None:
    """Use a token for a key, where it is unused and has not expired.

    Returns:
        The token as it is then, used by this key or not; None: there is none.
    """
    is_usable = _TOKENS.c.used_at.is_(None) & (_TOKENS.c.expires_at > now)
    change = update(_TOKENS).where((_TOKENS.c.digest == digest) & is_usable)
    session.connection().execute(change.values(used_at=now, key_digest=key_digest))
    row = session.connection().execute(select(_TOKENS).where(_TOKENS.c.digest == digest)).first()
    return None if row is None else KnownToken(**row._mapping)


def list_tokens(session: Session) -> list[KnownToken]:
    """All tokens, the newest first."""
    query = select(_TOKENS).order_by(_TOKENS.c.made_at.desc(), _TOKENS.c.digest)
    return [KnownToken(**row._mapping) for row in session.connection().execute(query)]


def void_tokens(session: Session, device_id: str, now: datetime) -> int:
    """Let a device's unused tokens expire; returns how many."""
    still = (_TOKENS.c.device_id == device_id) & _TOKENS.c.used_at.is_(None) & (_TOKENS.c.expires_at > now)
    return int(session.connection().execute(update(_TOKENS).where(still).values(expires_at=now)).rowcount)


def _first(session: Session, query: Select[Any]) -> IssuedCertificate | None:
    row = session.connection().execute(query).first()
    return None if row is None else _certificate(row)


def _certificate(row: Row[Any]) -> IssuedCertificate:
    facts = {name: row._mapping[name] for name in IssuedCertificate.__slots__}
    return IssuedCertificate(**facts | {"purpose": Purpose(row.purpose)})
