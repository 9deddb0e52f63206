"""The tables of who may sign in, of what is signed in, and of what was done.

Rule: as in `tables`. No secret is stored: of a password its Argon2id hash, of anything random its SHA-256.
`audit` is only ever added to, which the database itself holds.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Column, Index, Text
from sqlmodel import Field, SQLModel

from cloud.store.columns import BIG_KEY, UtcTime


class PersonRow(SQLModel, table=True):
    """Somebody who may sign in; never deleted, so that a name in a trail stays that of one person."""

    __tablename__ = "person"

    id: int | None = Field(default=None, sa_column=Column(BIG_KEY, primary_key=True))
    name: str = Field(max_length=80)
    folded: str = Field(max_length=240, unique=True)
    """The name as it is compared."""
    password: str = Field(max_length=200)
    """Its hash; empty: none was chosen yet."""
    role: str = Field(max_length=16)
    sites: list[str] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    """None: all."""
    is_active: bool
    made_at: datetime = Field(sa_type=UtcTime)


class SignInRow(SQLModel, table=True):
    """A browser's session, or a family of refresh tokens; deleted when it ends."""

    __tablename__ = "sign_in"
    __table_args__ = (Index(None, "person_id"), Index(None, "expires_at"))

    id: str = Field(primary_key=True, max_length=24)
    digest: bytes = Field(unique=True)
    """Of the cookie, or of the one refresh token that still counts."""
    kind: str = Field(max_length=8)
    person_id: int = Field(foreign_key="person.id", sa_type=BigInteger)
    made_at: datetime = Field(sa_type=UtcTime)
    expires_at: datetime = Field(sa_type=UtcTime)
    address: str = Field(max_length=64)


class OneTimeLinkRow(SQLModel, table=True):
    """A link that works once."""

    __tablename__ = "one_time_link"

    digest: bytes = Field(primary_key=True)
    purpose: str = Field(max_length=16)
    person_id: int | None = Field(default=None, foreign_key="person.id", sa_type=BigInteger)
    expires_at: datetime = Field(sa_type=UtcTime)


class ApiKeyRow(SQLModel, table=True):
    """What a program is recognised by; never deleted, as a person is not."""

    __tablename__ = "api_key"

    id: str = Field(primary_key=True, max_length=24)
    digest: bytes
    name: str = Field(max_length=80)
    role: str = Field(max_length=16)
    sites: list[str] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    made_at: datetime = Field(sa_type=UtcTime)
    made_by: str = Field(max_length=80)
    expires_at: datetime | None = Field(default=None, sa_type=UtcTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcTime)


class AuditRow(SQLModel, table=True):
    """Who changed what, from where, and what came of it."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "who", "id"),)

    id: int | None = Field(default=None, sa_column=Column(BIG_KEY, primary_key=True))
    time: datetime = Field(sa_type=UtcTime)
    who: str = Field(max_length=80)
    """A person, `key NAME`, or empty: nobody who was recognised."""
    what: str = Field(sa_type=Text)
    address: str = Field(max_length=64)
    status: int
    """HTTP status of the answer."""


class AnswerRow(SQLModel, table=True):
    """The answer to a request that may come again under the same key."""

    __tablename__ = "answer"
    __table_args__ = (Index(None, "made_at"),)

    digest: bytes = Field(primary_key=True)
    """Of who asks, for what, under which key."""
    body_digest: bytes
    made_at: datetime = Field(sa_type=UtcTime)
    status: int
    """0: it is being made, or its process died while it was."""
    media_type: str = Field(max_length=80)
    body: bytes
