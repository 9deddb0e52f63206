"""Several may open a new file at once."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cloud.sqlite_wal import use_wal


class Busy(sqlite3.Connection):
    """Told so many times that somebody else is at it, with this code."""

    times = 2
    code = sqlite3.SQLITE_BUSY

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if "journal_mode=" in statement and self.times > 0:
            self.times -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = self.code
            raise error
        return super().execute(statement, *values)


def mode(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def test_it_is_tried_again_until_it_works(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db", factory=Busy)) as connection:
        use_wal(connection, 5.0)
        assert mode(connection) == "wal"


def test_patience_ends_and_other_errors_need_none(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db", factory=Busy)) as connection:
        connection.times = 10**9
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            use_wal(connection, 0.05)
        connection.times, connection.code = 1, sqlite3.SQLITE_IOERR
        with pytest.raises(sqlite3.OperationalError):
            use_wal(connection, 1e9)


@pytest.mark.slow
def test_many_at_once_all_can(tmp_path: Path) -> None:
    def open_one(place: int) -> str:
        with closing(sqlite3.connect(tmp_path / f"{place // 4}.db")) as connection:
            use_wal(connection, 30.0)
            return mode(connection)

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(open_one, range(200))) == {"wal"}
