"""Turns a SQLite file to write-ahead logging, also while others do the same.

Rule: SQLite's own waiting does not cover this one step: of several who open a new file at once, one is told
that it is locked, at once. So the step is taken again until it works or patience ends.
"""

from __future__ import annotations

import sqlite3
import time

_STEP_S = 0.01
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def use_wal(connection: sqlite3.Connection, patience_s: float) -> None:
    """Let a connection, and with it the file, log ahead.

    Raises:
        sqlite3.Error: as the database says; when it was busy, after `patience_s`.
    """
    deadline_s = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if (error.sqlite_errorcode & 0xFF) not in _BUSY or time.monotonic() >= deadline_s:
                raise
            time.sleep(_STEP_S)
        else:
            return
