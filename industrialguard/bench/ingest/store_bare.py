"""Bare stores and the bare embedded log: COPY, insert, append and read.

Rule: rows of the store are those that were stored, in a table of the same kind; each batch is a transaction
that is on the disk when it ends.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cloud.sqlite_wal import use_wal
from industrialguard.bench.ingest.ceilings import SETTINGS, BareClock, Ceiling, batches
from industrialguard.bench.ingest.messages import BareMessage
from industrialguard.bench.ingest.places import INGEST_STAGE, POSTGRESQL_STAGE, SINK_STAGE
from industrialguard.bench.ingest.reader import StoreReader
from industrialguard.bench.ingest.usage import Stages

COPIED, INSERTED = "PostgreSQL COPY, psycopg", "SQLite insert, sqlite3"
APPENDED, READ = "SQLite append, sqlite3", "SQLite read, sqlite3"
COPIED_ROWS = 20_000


def measure_copy(store: str, stages: Stages) -> list[Ceiling]:
    """COPY the summaries that are there into a table of the same kind, a transaction a batch."""
    import psycopg

    table = f"bench_ceiling_{secrets.token_hex(4)}"
    with psycopg.connect(store, autocommit=True) as connection:
        found = connection.execute("SELECT count(*) FROM summary").fetchone()
        total = min(COPIED_ROWS, int(found[0]) if found else 0)
        if not total:
            return []
        loads = [_copy_out(connection, places) for places in batches(total, SETTINGS.sink_batch)]
        connection.execute(f"CREATE TABLE {table} (LIKE summary INCLUDING INDEXES)")
        try:
            clock = BareClock(SINK_STAGE, stages.only(POSTGRESQL_STAGE))
            for load in loads:
                with connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as rows:
                    for row in load:
                        rows.write(row)
            return [clock.ceiling(COPIED, total)]
        finally:
            connection.execute(f"DROP TABLE {table}")


def _copy_out(connection: Any, places: range) -> list[bytes]:
    columns = "device_id, event_time, boot_id, sequence, ingest_time"
    limits = f"LIMIT {len(places)} OFFSET {places.start}"
    query = f"SELECT * FROM summary ORDER BY {columns} {limits}"  # noqa: S608
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)") as rows:
        return [bytes(row) for row in rows]


def measure_sqlite(store: str, folder: Path, messages: Sequence[BareMessage]) -> list[Ceiling]:
    """Append messages to a log and read them, and insert the summaries that are there."""
    nobody = Stages({})
    with StoreReader(store) as reader:
        ((statement,),) = reader.ask("SELECT sql FROM sqlite_master WHERE name = 'summary'")
        rows = reader.ask(f"SELECT * FROM summary LIMIT {COPIED_ROWS}")  # noqa: S608
    connection = sqlite3.connect(folder / "ceiling.db", isolation_level=None)
    try:
        use_wal(connection, 5.0)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("CREATE TABLE log (place INTEGER PRIMARY KEY, device_id TEXT, payload BLOB)")
        connection.execute(statement)
        records = [(place, each.device_id, each.payload) for place, each in enumerate(messages)]
        clock = BareClock(INGEST_STAGE, nobody)
        _insert(connection, "log", records)
        found = [clock.ceiling(APPENDED, len(records))]
        clock = BareClock(SINK_STAGE, nobody)
        for places in batches(len(records), SETTINGS.sink_batch):
            query = "SELECT * FROM log WHERE place >= ? ORDER BY place LIMIT ?"
            connection.execute(query, (places.start, len(places))).fetchall()
        found.append(clock.ceiling(READ, len(records)))
        if rows:
            clock = BareClock(SINK_STAGE, nobody)
            _insert(connection, "summary", rows)
            found.append(clock.ceiling(INSERTED, len(rows)))
        return found
    finally:
        connection.close()


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    statement = f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})"  # noqa: S608
    for places in batches(len(rows), SETTINGS.sink_batch):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement, rows[places.start : places.stop])
        connection.execute("COMMIT")
