"""Opens the store, and is the gate through which its errors pass.

Rule: one writer at a time, any number of readers, and nobody outside this package sees an SQLAlchemy error. A
store is brought to the newest schema when it is opened and refused when it is newer than this code.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.orm import sessionmaker
from sqlmodel import Session

from cloud.errors import RecordRefusedError, StoreError, StoreUnavailableError

BUSY_TIMEOUT_MS = 15_000
"""How long a statement waits for another process's write, in ms."""

_REFUSALS = (IntegrityError, DataError, InterfaceError, ProgrammingError, OverflowError)
"""What databases raise about values; the last by Python's sqlite3 for whole numbers beyond 64 bits."""


class Database:
    """A store at its newest schema.

    Args:
        url: An SQLAlchemy URL of a SQLite file.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._writer = _create_engine(url, is_writer=True)
        self._reader = _create_engine(url, is_writer=False)
        self._write_session = sessionmaker(self._writer, class_=Session, expire_on_commit=False)
        self._read_session = sessionmaker(self._reader, class_=Session, expire_on_commit=False)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A consistent view for reading; writing through it fails.

        Raises:
            StoreError: translated, see `translated_errors`.
        """
        with translated_errors(), self._read_session() as session:
            yield session

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that is committed when the block ends and rolled back when it raises.

        Raises:
            StoreError: translated, see `translated_errors`.
        """
        with translated_errors(), self._write_session() as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Bring the schema to the newest version.

        Raises:
            StoreError: the store was written by a newer version, or cannot be read.
        """
        from cloud.migrations.run import upgrade

        with translated_errors(), self._writer.begin() as connection:
            upgrade(connection)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A bare writing connection, for migrations and their tests."""
        with translated_errors(), self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self._reader.dispose()
        self._writer.dispose()


def open_database(url: str) -> Database:
    """Open a store and bring it to the newest schema.

    Args:
        url: `sqlite:///PATH`; the folder must exist.

    Raises:
        StoreError: it cannot be opened, or is newer than this code.
    """
    try:
        database = Database(url)
    except (ArgumentError, ModuleNotFoundError) as error:
        raise StoreError(f"cannot use the store {_without_password(url)}: {error}") from error
    try:
        database.migrate()
    except StoreError:
        database.close()
        raise
    return database


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{path}"


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
    except OperationalError as error:
        raise _operational(error) from error
    except _REFUSALS as error:
        raise RecordRefusedError(f"the store refuses the values: {_reason(error)}") from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
            raise RecordRefusedError(f"the store cannot take the values: {_reason(error)}") from error
        raise StoreError(f"the store failed: {_reason(error)}") from error


def _operational(error: DBAPIError) -> StoreError:
    code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_BUSY) & 0xFF
    passing = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
    if code in passing:
        return StoreUnavailableError(f"the store is not available: {_reason(error)}")
    return StoreError(f"the store cannot be used: {_reason(error)}")


def _reason(error: Exception) -> str:
    """The database's own words, without statement and values."""
    return str(getattr(error, "orig", None) or error).splitlines()[0][:300]


def _without_password(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "at this URL"


def _create_engine(url: str, is_writer: bool) -> Engine:
    """An engine whose transactions start as what they are.

    Python's sqlite3 starts transactions late and always as readers; a reader that turns writer can meet a
    snapshot that is out of date, which no time-out waits for. So BEGIN is said here: IMMEDIATE for writers.
    """
    engine = sqlalchemy.create_engine(url)
    if engine.dialect.name != "sqlite":
        engine.dispose()
        raise ArgumentError(f"{engine.dialect.name} is not supported yet; use sqlite:///PATH")

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"query_only={'OFF' if is_writer else 'ON'}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")

    return engine
