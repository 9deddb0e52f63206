"""What the cloud has not acknowledged yet, in SQLite, bounded by bytes and age.

Rule: an `add` that returned True is on disk. Nothing leaves but by the cloud's acknowledgement or by a
counted drop, lowest priority and oldest first, alarms last. Whatever the disk does, no error reaches the
scoring loop.

Age is counted while the agent runs (a device without a battery clock may jump by decades when it finds a time
server, and must not throw its messages away for that).

Syncing is what costs: messages added at once are synced at once, and the write-ahead log is emptied before it
outgrows the size that it keeps, because a file that grows takes about twice as long to sync.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from contract.messages import Kind
from edge_agent.errors import StateFolderError

_LOG = logging.getLogger(__name__)

PRIORITY = {Kind.SUMMARY: 0, Kind.STATUS: 1, Kind.ALARM: 2}
"""Lowest goes first when there is no room."""
ROW_OVERHEAD_BYTES = 96
"""What a row and its index entries cost beyond the payload, roughly."""
EVICT_BYTES = 16 * 1024
"""Freed at once on a full disk: SQLite can only reuse whole pages."""
MAX_EVICTIONS = 8
LOG_BYTES, LOG_PAGES = 1024 * 1024, 240
"""Size that the write-ahead log keeps; pages of 4 KiB in it from which it is emptied into the database."""
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY, boot_id INTEGER NOT NULL, sequence INTEGER NOT NULL, kind TEXT NOT NULL,
    priority INTEGER NOT NULL, size INTEGER NOT NULL, added_s REAL NOT NULL, payload BLOB NOT NULL,
    UNIQUE (boot_id, sequence));
CREATE INDEX IF NOT EXISTS messages_by_priority ON messages (priority, id);
CREATE TABLE IF NOT EXISTS drops (kind TEXT PRIMARY KEY, count INTEGER NOT NULL);
"""

_ORDINARY = "+priority < 2"  # the + keeps SQLite on the table's order: no sorting of all the index finds

Key = tuple[int, int]
"""(boot_id, sequence)"""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One encoded message."""

    boot_id: int
    sequence: int
    kind: Kind
    payload: bytes = field(repr=False)

    @property
    def key(self) -> Key:
        """What the cloud acknowledges it by."""
        return self.boot_id, self.sequence

    @property
    def size(self) -> int:
        """Bytes it counts for."""
        return len(self.payload) + ROW_OVERHEAD_BYTES


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """How much may wait, and for how long."""

    max_bytes: int
    """Payloads and their overhead."""
    max_age_s: float
    max_file_bytes: int = 0
    """Size the database file may reach; 0: twice `max_bytes` and a MiB."""


@dataclass(slots=True)
class _Tally:
    depth: int = 0
    size: int = 0
    drops: Counter[str] = field(default_factory=Counter)

    def copy(self) -> _Tally:
        return _Tally(self.depth, self.size, self.drops.copy())


class Outbox:
    """A durable queue for two threads: scoring adds, the uplink reads and acknowledges.

    Raises:
        StateFolderError: the folder cannot be made or written when the outbox is opened.
    """

    def __init__(self, path: Path, limits: OutboxLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._tally = _Tally()
        self._persisted_drops: Counter[str] = Counter()
        self._age_origin_s = 0.0
        self.moved_aside = 0
        """Database files found damaged since opening, kept beside the new one."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = self._open_or_set_aside()
        except (OSError, sqlite3.Error) as error:
            raise StateFolderError(
                f"outbox {path} cannot be opened: {error}; give a writable --state folder"
            ) from error

    def add(self, *entries: OutboxEntry) -> bool:
        """Keep messages until they are acknowledged; several at once cost little more than one.

        Returns:
            True when all are on disk; False when one was dropped, and counted, for want of room or a working
            disk.
        """
        with self._lock:
            try:
                return self._store(*entries)
            except sqlite3.DatabaseError:
                kept = [self._insist(entry) for entry in entries]  # one by one: some may find room
                return all(kept)

    def pending(self, limit: int, exclude: Collection[Key] = (), alarm_reserve: int = 0) -> list[OutboxEntry]:
        """Choose what to send next.

        Alarms come first, newest chosen first. The rest is half of the newest messages and half of the
        oldest, so that a long backlog, of this boot or an earlier one, never keeps the present from being
        seen and is worked off all the same.

        Args:
            limit: Most messages to return.
            exclude: Keys already on their way.
            alarm_reserve: Part of `limit` that only alarms may use.

        Returns:
            Alarms, then the others; each in the order they were added.
        """
        with self._lock:
            try:
                return self._choose(limit, exclude, alarm_reserve)
            except sqlite3.DatabaseError as error:
                self._recover(error, None)
                return []

    def acknowledge(
        self, boot_id: int, stored: Collection[int], rejected: Collection[int]
    ) -> tuple[int, int]:
        """Remove what the cloud took over or refused for good.

        Returns:
            How many of (stored, rejected) were still here. A disk that fails leaves all of them, to be sent
            again.
        """
        with self._lock:
            try:
                with self._transaction():
                    return self._remove(boot_id, stored), self._remove(boot_id, rejected)
            except sqlite3.DatabaseError as error:
                self._recover(error, None)
                return 0, 0

    @property
    def depth(self) -> int:
        """Messages waiting."""
        return self._tally.depth

    @property
    def size_bytes(self) -> int:
        """Bytes they count for."""
        return self._tally.size

    @property
    def drops(self) -> Mapping[str, int]:
        """Messages given up, by kind, over the life of this database."""
        return dict(self._tally.drops)

    def close(self) -> None:
        """Write the drop counts and close the database."""
        with self._lock:
            try:
                with self._transaction():
                    pass
            except sqlite3.DatabaseError as error:
                _LOG.warning("drop counts could not be written", extra={"reason": str(error)})
            self._database.close()

    # -- storing --------------------

    def _insist(self, entry: OutboxEntry) -> bool:
        """Store one message although the disk failed, on a full one at the cost of lesser messages."""
        for _ in range(MAX_EVICTIONS):
            try:
                return self._store(entry)
            except sqlite3.IntegrityError:
                raise  # the same key twice is a defect of ours, not of the disk
            except sqlite3.DatabaseError as error:
                if not self._recover(error, entry.kind):
                    break
        self._tally.drops[entry.kind] += 1
        return False

    def _store(self, *entries: OutboxEntry) -> bool:
        with self._transaction():
            self._expire()
            kept = [self._insert(entry) for entry in entries]
        return all(kept)

    def _insert(self, entry: OutboxEntry) -> bool:
        """Put one message into the table; False where it does not fit though no lesser one is left."""
        while self._tally.size + entry.size > self._limits.max_bytes:
            if not self._drop_oldest(PRIORITY[entry.kind], "too many bytes"):
                self._count_drop(entry.kind, "too many bytes")
                return False
        self._database.execute(
            "INSERT INTO messages (boot_id, sequence, kind, priority, size, added_s, payload)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*entry.key, entry.kind, PRIORITY[entry.kind], entry.size, self._now_s(), entry.payload),
        )
        self._tally.depth += 1
        self._tally.size += entry.size
        return True

    def _expire(self) -> None:
        horizon_s = self._now_s() - self._limits.max_age_s
        query = (
            "SELECT id, kind, size FROM messages WHERE id = (SELECT min(id) FROM messages) AND added_s < ?"
        )
        while (row := self._database.execute(query, (horizon_s,)).fetchone()) is not None:
            self._delete(row[0], row[2])
            self._count_drop(row[1], "too old")

    def _drop_oldest(self, highest_priority: int, reason: str) -> int:
        """Drop one message of at most this priority; returns its bytes, 0 when there is none."""
        row = self._database.execute(
            "SELECT id, kind, size FROM messages WHERE priority <= ? ORDER BY priority, id LIMIT 1",
            (highest_priority,),
        ).fetchone()
        if row is None:
            return 0
        self._delete(row[0], row[2])
        self._count_drop(row[1], reason)
        return int(row[2])

    def _delete(self, row_id: int, size: int) -> None:
        self._database.execute("DELETE FROM messages WHERE id = ?", (row_id,))
        self._tally.depth -= 1
        self._tally.size -= size

    def _count_drop(self, kind: str, reason: str) -> None:
        self._tally.drops[kind] += 1
        total = self._tally.drops[kind]
        if total & (total - 1) == 0:  # 1, 2, 4, 8 …: heard, without filling the log
            _LOG.warning("outbox gave up a message", extra={"kind": kind, "reason": reason, "total": total})

    # -- reading and removing --------------------

    def _choose(self, limit: int, exclude: Collection[Key], alarm_reserve: int) -> list[OutboxEntry]:
        if self._tally.depth == 0:
            return []
        skipped = frozenset(exclude)
        chosen = self._select("priority = 2 ORDER BY id DESC", limit, skipped)
        room = limit - alarm_reserve - max(0, len(chosen) - alarm_reserve)
        newest = self._select(f"{_ORDINARY} ORDER BY id DESC", (room + 1) // 2, skipped)
        skipped |= {entry.key for entry in newest.values()}
        oldest = self._select(f"{_ORDINARY} ORDER BY id", room - len(newest), skipped)
        ordinary = oldest | newest
        return [chosen[i] for i in sorted(chosen)] + [ordinary[i] for i in sorted(ordinary)]

    def _select(self, condition: str, limit: int, skipped: Collection[Key]) -> dict[int, OutboxEntry]:
        if limit <= 0:
            return {}
        query = f"SELECT id, boot_id, sequence, kind, payload FROM messages WHERE {condition}"  # noqa: S608
        found: dict[int, OutboxEntry] = {}
        for row_id, boot_id, sequence, kind, payload in self._database.execute(query):
            if (boot_id, sequence) not in skipped:
                found[row_id] = OutboxEntry(boot_id, sequence, Kind(kind), payload)
            if len(found) == limit:
                break
        return found

    def _remove(self, boot_id: int, sequences: Collection[int]) -> int:
        removed = 0
        for sequence in sequences:
            row = self._database.execute(
                "SELECT id, size FROM messages WHERE boot_id = ? AND sequence = ?", (boot_id, sequence)
            ).fetchone()
            if row is not None:
                self._delete(*row)
                removed += 1
        return removed

    # -- the database --------------------

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, in the file and in the tally; pending drop counts ride along."""
        before = self._tally.copy()
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            if self._tally.drops != self._persisted_drops:
                replace = "INSERT OR REPLACE INTO drops VALUES (?, ?)"
                self._database.executemany(replace, list(self._tally.drops.items()))
            self._database.execute("COMMIT")
            self._persisted_drops = self._tally.drops.copy()
        except BaseException:
            self._tally = before
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def _recover(self, error: sqlite3.DatabaseError, kind: Kind | None) -> bool:
        """Make another attempt worth while; False when nothing can be done now."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        _LOG.warning("outbox database failed", extra={"reason": str(error), "code": code})
        try:
            if code in _DAMAGE:
                self._database.close()
                self._database = self._open_or_set_aside(is_damaged=True)
                return True
            return code == sqlite3.SQLITE_FULL and kind is not None and self._evict(PRIORITY[kind])
        except (OSError, sqlite3.Error) as second:
            _LOG.error("outbox database did not recover", extra={"reason": str(second)})
            return False

    def _evict(self, highest_priority: int) -> bool:
        freed = 0
        with self._transaction():
            while freed < EVICT_BYTES and (size := self._drop_oldest(highest_priority, "disk full")):
                freed += size
        return freed > 0

    def _open_or_set_aside(self, is_damaged: bool = False) -> sqlite3.Connection:
        if not is_damaged:
            try:
                return self._open()
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGE:
                    raise
        stamp = time.time_ns()
        for suffix in ("", "-wal", "-shm"):
            part = self._path.with_name(self._path.name + suffix)
            if part.exists():
                part.rename(part.with_name(f"{part.name}.damaged-{stamp}"))
        self.moved_aside += 1
        _LOG.error(
            "outbox database was damaged; started a new one", extra={"path": str(self._path), "stamp": stamp}
        )
        return self._open()

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            page_bytes = _configure(database)
            file_bytes = self._limits.max_file_bytes or 2 * self._limits.max_bytes + 1024 * 1024
            database.execute(f"PRAGMA max_page_count = {max(8, file_bytes // page_bytes)}")
            database.executescript(_SCHEMA)
            depth, size = database.execute("SELECT count(*), coalesce(sum(size), 0) FROM messages").fetchone()
            drops = Counter(dict(database.execute("SELECT kind, count FROM drops").fetchall()))
            last = database.execute("SELECT added_s FROM messages ORDER BY id DESC LIMIT 1").fetchone()
        except BaseException:
            database.close()
            raise
        self._persisted_drops = drops.copy()
        self._tally = _Tally(depth, size, drops + self._tally.drops)
        self._age_origin_s = (last[0] if last else 0.0) - self._clock()
        return database

    def _now_s(self) -> float:
        """Running time of this outbox, over all its starts, in s."""
        return self._age_origin_s + self._clock()


def _configure(database: sqlite3.Connection) -> int:
    """Set durability and check the file; returns the page size in bytes."""
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
    database.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
    database.execute("PRAGMA cache_size = -512")
    verdict = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        damage = sqlite3.DatabaseError(verdict)
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage
    return int(database.execute("PRAGMA page_size").fetchone()[0])
