"""What the cloud has not acknowledged yet, in SQLite, bounded by bytes and age.

Rule: an `add` that returned True is on disk. Nothing leaves but by the cloud's acknowledgement or by a
counted drop, oldest first, alarms last. Whatever the disk does, no error reaches the
scoring loop.

Age is counted while the agent runs (a device without a battery clock may jump by decades when it finds a time
server, and must not throw its messages away for that).

Syncing is what costs, so messages added at once are synced at once.
"""

from __future__ import annotations

import logging
import math
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
from edge_agent.outbox_file import is_damage, open_file
from edge_agent.schedule import LIVE_S, Lane

_LOG = logging.getLogger(__name__)

PRIORITY = {Kind.SUMMARY: 0, Kind.STATUS: 0, Kind.UPDATE: 1, Kind.ALARM: 2}
"""Lowest goes first when there is no room, then the oldest: statuses must not drive out summaries."""
ROW_OVERHEAD_BYTES = 96
"""What a row and its index entries cost beyond the payload, roughly."""
EVICT_BYTES = 16 * 1024
"""Freed at once on a full disk: SQLite can only reuse whole pages."""
MAX_EVICTIONS = 8
_ALARM, _OTHER = "priority = 2", "+priority < 2"  # the + keeps SQLite on the table's order: no sorting

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
    live_s: float = LIVE_S
    """Age up to which a message is about now; older ones are backlog, and all that an earlier start left."""


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
        self._age_origin_s = self._opened_s = 0.0
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

    def pending(
        self, room: Mapping[Lane, int], exclude: Collection[Key] = ()
    ) -> dict[Lane, list[OutboxEntry]]:
        """Choose what to send next.

        Args:
            room: Most messages to return of each lane.
            exclude: Keys already on their way.

        Returns:
            By lane, in the order they were added; of the backlog, alarms before the rest.
        """
        with self._lock:
            try:
                return self._choose(room, frozenset(exclude))
            except sqlite3.DatabaseError as error:
                self._recover(error, None)
                return {}

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

    def _choose(self, room: Mapping[Lane, int], skipped: Collection[Key]) -> dict[Lane, list[OutboxEntry]]:
        if self._tally.depth == 0:
            return {}
        newest_old = self._newest_old()
        live, old = f"id > {newest_old}", f"id <= {newest_old}"
        of_backlog = room[Lane.BACKLOG]
        backlog = self._select(f"{_ALARM} AND {old}", of_backlog, skipped)
        backlog += self._select(f"{_OTHER} AND {old}", of_backlog - len(backlog), skipped)
        return {
            Lane.ALARM: self._select(f"{_ALARM} AND {live}", room[Lane.ALARM], skipped),
            Lane.LIVE: self._select(f"{_OTHER} AND {live}", room[Lane.LIVE], skipped),
            Lane.BACKLOG: backlog,
        }

    def _newest_old(self) -> int:
        """Number of the newest message of the backlog; looked for from the newest of all, as few are live."""
        old_s = max(self._opened_s, self._now_s() - self._limits.live_s)
        query = "SELECT id FROM messages WHERE added_s <= ? ORDER BY id DESC LIMIT 1"
        row = self._database.execute(query, (old_s,)).fetchone()
        return int(row[0]) if row else 0

    def _select(self, condition: str, limit: int, skipped: Collection[Key]) -> list[OutboxEntry]:
        """The oldest that meet it."""
        found: list[OutboxEntry] = []
        if limit <= 0:
            return found
        query = f"SELECT boot_id, sequence, kind, payload FROM messages WHERE {condition} ORDER BY id"  # noqa: S608
        for boot_id, sequence, kind, payload in self._database.execute(query):
            if (boot_id, sequence) not in skipped:
                found.append(OutboxEntry(boot_id, sequence, Kind(kind), payload))
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
            if is_damage(error):
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
                if not is_damage(error):
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
        file_bytes = self._limits.max_file_bytes or 2 * self._limits.max_bytes + 1024 * 1024
        database = open_file(self._path, file_bytes)
        try:
            depth, size = database.execute("SELECT count(*), coalesce(sum(size), 0) FROM messages").fetchone()
            drops = Counter(dict(database.execute("SELECT kind, count FROM drops").fetchall()))
            last = database.execute("SELECT added_s FROM messages ORDER BY id DESC LIMIT 1").fetchone()
        except BaseException:
            database.close()
            raise
        self._persisted_drops = drops.copy()
        self._tally = _Tally(depth, size, drops + self._tally.drops)
        self._opened_s = last[0] if last else -math.inf
        self._age_origin_s = (last[0] if last else 0.0) - self._clock()
        return database

    def _now_s(self) -> float:
        """Running time of this outbox, over all its starts, in s."""
        return self._age_origin_s + self._clock()
