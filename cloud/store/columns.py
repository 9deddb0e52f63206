"""Column types and names that mean the same in every database.

Rule: a time is an aware UTC datetime in Python and a whole number of microseconds since the Unix epoch in the
database, so that it sorts, subtracts and buckets exactly, and no server's time zone can touch it. Whoever
defines a table imports this file, so that all indexes and constraints are named alike.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Dialect, Integer, Select
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
MAX_VALUES = 10_000
"""Values in one statement; SQLite takes some 32,000."""
_Row = TypeVar("_Row", bound=tuple[Any, ...])
BIG_KEY = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit primary key that counts up by itself; in SQLite every INTEGER key is one."""


def to_microseconds(time: datetime) -> int:
    """Microseconds since the Unix epoch; exact.

    >>> to_microseconds(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
    1000005
    """
    return (time - EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """The aware UTC time that `to_microseconds` wrote.

    >>> from_microseconds(1000005).isoformat()
    '1970-01-01T00:00:01.000005+00:00'
    """
    return EPOCH + timedelta(microseconds=value)


def only_of(query: Select[_Row], column: ColumnElement[Any], values: Collection[Any] | None) -> Select[_Row]:
    """Narrow a query to some values of a column, where the database can be told so many; all when None.

    The caller still has to leave out the others.
    """
    if values is None or len(values) > MAX_VALUES:
        return query
    return query.where(column.in_(values))


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as microseconds since the Unix epoch."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To the database; a naive time is a TypeError."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else from_microseconds(value)
