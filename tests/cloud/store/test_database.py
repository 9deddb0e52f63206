"""Opening, migrating and the gate for errors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect
from sqlmodel import SQLModel, select

from cloud.errors import RecordRefusedError, StoreError, StoreUnavailableError
from cloud.migrations.run import downgrade, upgrade
from cloud.settings import sqlite_url
from cloud.store import engines, queries, tables
from cloud.store.database import Database, open_database
from cloud.store.writer import StoreWriter
from tests.cloud.samples import arrive, at, summary
from tests.conftest import obtain
from tools.servers.postgresql import PostgreSql


def table_names(database: Database) -> set[str]:
    with database.connection() as connection:
        return set(inspect(connection).get_table_names())


def test_the_migrations_build_exactly_the_models(database: Database) -> None:
    with database.connection() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []


def test_up_down_and_up_again(database: Database) -> None:
    before = table_names(database)
    with database.connection() as connection:
        downgrade(connection)
    assert table_names(database) == {"alembic_version"}
    with database.connection() as connection:
        upgrade(connection)
    assert table_names(database) == before == {*SQLModel.metadata.tables, "alembic_version"}
    with database.session() as session:
        assert queries.change_marker(session) == 0


def test_opening_again_keeps_everything(database: Database, writer: StoreWriter) -> None:
    writer.write(arrive(summary(1)))
    again = open_database(database.url)
    with again.session() as session:
        assert queries.message_counts(session).total.stored == 1
    again.close()


def test_a_store_of_a_newer_version_is_refused(database: Database) -> None:
    with database.connection() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer version"):
        open_database(database.url)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"something else entirely" * 100)
    with pytest.raises(StoreError, match="not a database"):
        open_database(sqlite_url(tmp_path / "store.db"))


@pytest.mark.parametrize("url", ["mysql://user:secret@host/x", "nonsense", "postgresql://user:secret@host/x"])
def test_other_databases_are_refused_without_their_password(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_database(url)
    assert "secret" not in str(caught.value)


def test_a_reading_session_cannot_write(database: Database) -> None:
    with pytest.raises(StoreError), database.session() as session:
        session.add(tables.Machine(device_id="press-1"))
        session.commit()


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        session.add(tables.Machine(device_id="press-1"))
        session.flush()
        raise ZeroDivisionError
    with database.session() as session:
        assert queries.list_machines(session) == []


def test_broken_constraints_and_impossible_values_are_refusals(database: Database) -> None:
    orphan = tables.Ledger(device_id="nobody", boot_id=1, stored=b"")
    with pytest.raises(RecordRefusedError, match=r"(?i)foreign key"), database.transaction() as session:
        session.add(orphan)
    values: tuple[Any, ...] = (2**70, object())
    for impossible in values:
        with pytest.raises(RecordRefusedError), database.transaction() as session:
            session.add(tables.Machine(device_id="press-1", presence_boot_id=impossible))
    naive = at(0).replace(tzinfo=None)
    with pytest.raises(RecordRefusedError), database.transaction() as session:
        session.add(tables.Machine(device_id="press-1", last_event_time=naive))


def test_a_locked_store_is_unavailable_and_may_pass(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_MS", 20)
    impatient = Database(database.url)
    with database.connection() as other:
        if other.dialect.name == "postgresql":
            other.exec_driver_sql("LOCK TABLE machine IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailableError) as caught, impatient.transaction() as session:
            session.exec(select(tables.Machine)).all()
    assert caught.value.retriable
    impatient.close()


@pytest.mark.slow
def test_postgresql_that_goes_away_is_unavailable_and_comes_back() -> None:
    server = obtain(PostgreSql)
    with server:
        database = open_database(server.url)
        writer = StoreWriter(database)
        writer.write(arrive(summary(1)))
        server.kill()
        with pytest.raises(StoreUnavailableError) as caught:
            writer.write(arrive(summary(2)))
        with pytest.raises(StoreUnavailableError):
            database.ping()
        assert caught.value.retriable
        assert server.password not in str(caught.value)
        server.start()
        database.ping()
        assert writer.write(arrive(summary(1), summary(2))).stored == 1
        with pytest.raises(StoreError, match="password authentication failed") as refused:
            open_database(server.url.replace(server.password, "guessed"))
        assert "guessed" not in str(refused.value)
        database.close()


@pytest.mark.slow
def test_two_who_open_a_new_store_at_once_both_can(store_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        opened = list(threads.map(open_database, [store_url] * 4))
    for each in opened:
        assert table_names(each) == {*SQLModel.metadata.tables, "alembic_version"}
        each.close()


def test_readers_see_one_moment_while_a_writer_works(database: Database, writer: StoreWriter) -> None:
    writer.write(arrive(summary(1)))
    with database.session() as session:
        before = queries.change_marker(session)
        writer.write(arrive(summary(2)))
        assert queries.change_marker(session) == before
        assert queries.message_counts(session).total.stored == 1
    with database.session() as session:
        assert queries.message_counts(session).total.stored == 2


def test_a_missing_table_is_no_messages_fault(database: Database, writer: StoreWriter) -> None:
    with database.connection() as connection:
        connection.exec_driver_sql("ALTER TABLE summary RENAME TO gone")
    with pytest.raises(StoreError) as caught:
        writer.write(arrive(summary(1)))
    assert not isinstance(caught.value, RecordRefusedError)
