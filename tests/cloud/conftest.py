"""Real stores for the tests of the cloud, each of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.settings import sqlite_url
from cloud.store.database import Database, open_database
from cloud.store.writer import StoreWriter


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """Where the store lies; `tests.cloud.store` also has it in PostgreSQL."""
    return sqlite_url(tmp_path / "store.db")


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    database = open_database(store_url)
    yield database
    database.close()


@pytest.fixture
def writer(database: Database) -> StoreWriter:
    return StoreWriter(database)
