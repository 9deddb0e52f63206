"""The outbox's database file: schema, durability, damage.

Rule: what is opened has been checked. The write-ahead log is emptied before it outgrows the size that it
keeps, because a file that grows takes about twice as long to sync.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

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


def open_file(path: Path, max_bytes: int) -> sqlite3.Connection:
    """Open the database, and make it where there is none.

    Args:
        path: Of the file.
        max_bytes: Size that it may reach.

    Raises:
        sqlite3.Error: it cannot be opened, or is damaged (`is_damage`).
    """
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        page_bytes = _configure(database)
        database.execute(f"PRAGMA max_page_count = {max(8, max_bytes // page_bytes)}")
        database.executescript(_SCHEMA)
    except BaseException:
        database.close()
        raise
    return database


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is at fault."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


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
