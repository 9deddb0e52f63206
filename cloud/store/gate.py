"""The gate through which the store's errors pass.

Rule: whoever writes learns one of three things: these values never, not now, or not at all; in the database's
own words, without statement and values.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
    StatementError,
)

from cloud.errors import RecordRefusedError, StoreError, StoreUnavailableError

_REFUSALS = (IntegrityError, DataError, InterfaceError, ProgrammingError, OverflowError)
"""What databases raise about values; the last by Python's sqlite3 for whole numbers beyond 64 bits."""
_SQLITE_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn database errors into the store's own.

    Raises:
        RecordRefusedError: these values break a constraint or do not fit.
        StoreUnavailableError: locked, full or unreachable; may pass.
        StoreError: anything else the database says.
    """
    try:
        yield
    except DBAPIError as error:
        raise _translated(error) from error
    except OverflowError as error:
        raise RecordRefusedError(f"the store refuses the values: {_reason(error)}") from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        if isinstance(error, StatementError):
            raise RecordRefusedError(f"the store cannot take the values: {_reason(error)}") from error
        raise StoreError(f"the store failed: {_reason(error)}") from error


def _translated(error: DBAPIError) -> StoreError:
    if _may_pass(error):
        return StoreUnavailableError(f"the store is not available: {_reason(error)}")
    # PostgreSQL speaks so of a missing table or right: no message is to blame, none may be given up.
    is_ours = isinstance(error, ProgrammingError) and getattr(error.orig, "sqlstate", None)
    if is_ours or isinstance(error, OperationalError):
        return StoreError(f"the store cannot be used: {_reason(error)}")
    if isinstance(error, _REFUSALS):
        return RecordRefusedError(f"the store refuses the values: {_reason(error)}")
    return StoreError(f"the store failed: {_reason(error)}")


def _may_pass(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return (getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_BUSY) & 0xFF) in _SQLITE_PASSING
    return True  # PostgreSQL: the connection, room on its disk, a deadlock, a shutdown


def _reason(error: Exception) -> str:
    """The database's own words, without statement and values."""
    return str(getattr(error, "orig", None) or error).splitlines()[0][:300]
