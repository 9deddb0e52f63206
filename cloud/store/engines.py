"""What the two databases need to behave alike.

Rule: what differs between SQLite and PostgreSQL is here and in `statements`, and nowhere else. In SQLite one
writes at a time; in PostgreSQL writers meet only where they write the same rows.
"""

from __future__ import annotations

import sqlite3

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from cloud.sqlite_wal import use_wal

BUSY_TIMEOUT_MS = 15_000
"""How long a statement waits for another's write, in ms."""
CONNECT_S = 10
SCHEMA_LOCK = 7_301_144_281
"""Number under which PostgreSQL knows whoever changes our schema."""
KEEPALIVE = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
"""A connection whose other end is gone is noticed within half a minute."""


def create_engine(url: str, is_writer: bool) -> Engine:
    """Connections to a store, for writing or for reading one moment.

    Raises:
        ArgumentError: another database.
    """
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            return _create_sqlite(parsed, is_writer)
        case "postgresql":
            return _create_postgresql(parsed, is_writer)
        case name:
            raise ArgumentError(f"{name} is not supported; use sqlite:///PATH or postgresql://...")


def lock_schema(connection: Connection) -> None:
    """Let nobody else change the schema until this transaction ends; SQLite's writers wait anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK})")


def _create_sqlite(url: URL, is_writer: bool) -> Engine:
    """An engine whose transactions start as what they are.

    Python's sqlite3 starts transactions late and always as readers; a reader that turns writer can meet a
    snapshot that is out of date, which no time-out waits for. So BEGIN is said here: IMMEDIATE for writers.
    """
    engine = sqlalchemy.create_engine(url)

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}").close()
        use_wal(connection, BUSY_TIMEOUT_MS / 1000)
        for pragma in (
            "synchronous=FULL",
            "foreign_keys=ON",
            f"query_only={'OFF' if is_writer else 'ON'}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")

    return engine


def _create_postgresql(url: URL, is_writer: bool) -> Engine:
    """Writers see what others have committed; readers one moment."""
    options = f"-c timezone=utc -c lock_timeout={BUSY_TIMEOUT_MS}"
    engine = sqlalchemy.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        connect_args={"options": options, "connect_timeout": CONNECT_S, **KEEPALIVE},
    )
    if is_writer:
        return engine.execution_options(isolation_level="READ COMMITTED")
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
