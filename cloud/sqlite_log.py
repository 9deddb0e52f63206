"""The embedded log's tables and statements, for one thread.

Rule: the only file that knows how the log lies in SQLite, and the gate for SQLite's errors in it. An append
is one transaction with synchronous=FULL, so what returned survives SIGKILL and power loss. SQLite has one
writer at a time, so offsets rise in the order of commits: a consumer that has seen an offset never sees a
smaller one appear.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloud.errors import StreamError, StreamFullError
from cloud.sqlite_wal import use_wal
from cloud.stream import Record, StoredRecord, partition_of
from contract.errors import ConfigError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    offset INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    headers TEXT NOT NULL,
    append_time_us INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS record_order ON record (topic, partition, offset);
CREATE TABLE IF NOT EXISTS committed (
    topic TEXT NOT NULL,
    consumer_group TEXT NOT NULL,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    PRIMARY KEY (topic, consumer_group, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS layout (id INTEGER PRIMARY KEY CHECK (id = 1), partitions INTEGER NOT NULL);
"""
_COUNT = "SELECT count(*) FROM record WHERE topic = ? AND partition = ? AND offset > ?"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BUSY_TIMEOUT_S = 15.0
_TRIM_ROWS = 5000
"""Deleted at a time, so that nobody waits long for the write lock."""


class SqliteLog:
    """One connection to the log; use it from one thread at a time.

    Args:
        path: The file; made when absent, its folder must exist.
        partitions: Fixed when the file is made.
        max_bytes: Size that the file may reach; None: no bound but the disk.

    Raises:
        ConfigError: the file was made with another number of partitions.
        StreamError: it cannot be opened.
    """

    def __init__(self, path: Path, partitions: int, max_bytes: int | None = None) -> None:
        self.partitions = partitions
        with _translated_errors():
            self._db = sqlite3.connect(
                path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(path, max_bytes)
            except BaseException:
                self._db.close()
                raise

    def append(self, topic: str, records: Sequence[Record]) -> None:
        """Write records in one durable transaction.

        Raises:
            StreamFullError: no room; nothing was written.
            StreamError: nothing was written.
        """
        now_us = time.time_ns() // 1000
        rows = [
            (topic, partition_of(r.key, self.partitions), r.key, r.value, json.dumps(dict(r.headers)), now_us)
            for r in records
        ]
        with self._transaction():
            self._db.executemany(
                "INSERT INTO record (topic, partition, key, value, headers, append_time_us)"
                " VALUES (?,?,?,?,?,?)",
                rows,
            )

    def read(self, topic: str, partition: int, after: int, limit: int) -> list[StoredRecord]:
        """Records of one partition behind an offset, oldest first."""
        with _translated_errors():
            rows = self._db.execute(
                "SELECT key, value, headers, topic, partition, offset, append_time_us FROM record"
                " WHERE topic = ? AND partition = ? AND offset > ? ORDER BY offset LIMIT ?",
                (topic, partition, after, limit),
            ).fetchall()
        return [StoredRecord(k, v, json.loads(h), t, p, o, _time(us)) for k, v, h, t, p, o, us in rows]

    def count_after(self, topic: str, positions: Mapping[int, int]) -> int:
        """Records behind these positions, over all partitions."""
        with _translated_errors():
            counts = [
                self._db.execute(_COUNT, (topic, p, after)).fetchone()[0] for p, after in positions.items()
            ]
        return sum(counts)

    def committed(self, topic: str, group: str) -> dict[int, int]:
        """Position of a group in every partition; a group once asked for is waited for by `trim`."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO committed VALUES (?,?,?,0)",
                [(topic, group, p) for p in range(self.partitions)],
            )
            rows = self._db.execute(
                "SELECT partition, offset FROM committed WHERE topic = ? AND consumer_group = ?",
                (topic, group),
            ).fetchall()
        return dict(rows)

    def commit(self, topic: str, group: str, positions: Mapping[int, int]) -> None:
        """Move a group forward; never back."""
        with self._transaction():
            self._db.executemany(
                "UPDATE committed SET offset = max(offset, ?)"
                " WHERE topic = ? AND consumer_group = ? AND partition = ?",
                [(offset, topic, group, p) for p, offset in positions.items()],
            )

    def trim(self, retention_s: float) -> int:
        """Delete records that every group of their topic has consumed and that are older; returns how many.

        A topic that no group has ever read is kept whole.
        """
        before_us = time.time_ns() // 1000 - int(retention_s * 1e6)
        consumed = (
            "SELECT topic, partition, min(offset) AS done FROM committed"
            " GROUP BY topic, partition HAVING done > 0"
        )
        deleted = 0
        for topic, partition, done in self._rows(consumed):
            count = _TRIM_ROWS
            while count == _TRIM_ROWS:
                count = self._delete((topic, partition, done, before_us, _TRIM_ROWS))
                deleted += count
        return deleted

    def data_version(self) -> int:
        """A number that differs after another connection has committed."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def _prepare(self, path: Path, max_bytes: int | None) -> None:
        use_wal(self._db, _BUSY_TIMEOUT_S)
        self._db.execute("PRAGMA synchronous=FULL").close()
        self._db.executescript(_SCHEMA)
        if max_bytes is not None:
            page_bytes = self._db.execute("PRAGMA page_size").fetchone()[0]
            self._db.execute(f"PRAGMA max_page_count={max(1, max_bytes // page_bytes)}").close()
        with self._transaction():
            self._db.execute("INSERT OR IGNORE INTO layout VALUES (1, ?)", (self.partitions,))
            found = self._db.execute("SELECT partitions FROM layout").fetchone()[0]
        if found != self.partitions:
            raise ConfigError(
                f"the log {path} has {found} partitions, not {self.partitions}; set partitions={found}"
            )

    def _delete(self, chunk: tuple[int, ...]) -> int:
        with self._transaction():
            return self._db.execute(
                "DELETE FROM record WHERE offset IN (SELECT offset FROM record WHERE topic = ? AND"
                " partition = ? AND offset <= ? AND append_time_us <= ? ORDER BY offset LIMIT ?)",
                chunk,
            ).rowcount

    def _rows(self, statement: str) -> list[tuple[int, ...]]:
        with _translated_errors():
            return self._db.execute(statement).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _translated_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise StreamFullError("the stream is full; free disk space or raise its size limit") from error
        raise StreamError(f"the stream failed: {error}") from error


def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
