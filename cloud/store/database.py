"""Opens the store, whichever database it lies in.

Rule: a reader sees one moment and writes nothing, and nobody outside this package sees an SQLAlchemy error. A
store is brought to the newest schema when it is opened and refused when it is newer than this code.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import sessionmaker
from sqlmodel import Session

from cloud.errors import StoreError
from cloud.store.engines import create_engine, lock_schema
from cloud.store.gate import translated_errors
from cloud.store.scope import SITES


class Database:
    """A store at its newest schema.

    Args:
        url: See `open_database`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._sites: frozenset[str] | None = None
        self._writer = create_engine(url, is_writer=True)
        self._reader = create_engine(url, is_writer=False)
        self._write_session = sessionmaker(self._writer, class_=Session, expire_on_commit=False)
        self._read_session = sessionmaker(self._reader, class_=Session, expire_on_commit=False)

    def seen_by(self, sites: frozenset[str] | None) -> Database:
        """This store, of which somebody sees some sites only; see `cloud.store.scope`."""
        seen = copy.copy(self)
        seen._sites = sites
        return seen

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A consistent view for reading; writing through it fails.

        Raises:
            StoreError: translated, see `translated_errors`.
        """
        with translated_errors(), self._read_session(info={SITES: self._sites}) as session:
            yield session

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that is committed when the block ends and rolled back when it raises.

        Raises:
            StoreError: translated, see `translated_errors`.
        """
        info = {SITES: self._sites}
        with translated_errors(), self._write_session(info=info) as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Bring the schema to the newest version.

        Raises:
            StoreError: the store was written by a newer version, or cannot be read.
        """
        from cloud.migrations.run import upgrade

        with translated_errors(), self._writer.begin() as connection:
            lock_schema(connection)
            upgrade(connection)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A bare writing connection, for migrations and their tests."""
        with translated_errors(), self._writer.begin() as connection:
            yield connection

    def ping(self) -> None:
        """Return when the store answers.

        Raises:
            StoreError: it does not.
        """
        with self.session() as session:
            session.connection().exec_driver_sql("SELECT 1")

    def close(self) -> None:
        """Close every connection."""
        self._reader.dispose()
        self._writer.dispose()


def open_database(url: str) -> Database:
    """Open a store and bring it to the newest schema.

    Args:
        url: `sqlite:///PATH`, in a folder that exists, or `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`,
            which exists; others may open either at the same time.

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


def _without_password(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "at this URL"
