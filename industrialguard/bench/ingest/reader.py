"""Bare questions to the store, beside the code that is measured.

Rule: reads what is committed and nothing else; of the benchmarks only this, `growth` and
`store_bare` import psycopg.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

Rows = list[tuple[Any, ...]]


class StoreReader:
    """A connection that reads; as a context manager it is closed.

    Args:
        url: `sqlite:///PATH` or `postgresql://…`.
    """

    def __init__(self, url: str) -> None:
        self.is_sqlite = url.startswith("sqlite:///")
        self._connection: Any = _open_sqlite(url) if self.is_sqlite else _open_postgresql(url)

    def ask(self, query: str, values: Sequence[Any] = ()) -> Rows:
        """The rows of a query with `?` for each value."""
        text = query if self.is_sqlite else query.replace("?", "%s")
        return [tuple(row) for row in self._connection.execute(text, tuple(values)).fetchall()]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open_sqlite(url: str) -> sqlite3.Connection:
    path = url.removeprefix("sqlite:///")
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False, timeout=15.0)


def _open_postgresql(url: str) -> Any:
    import psycopg

    connect: Callable[..., Any] = psycopg.connect
    return connect(url, autocommit=True)
