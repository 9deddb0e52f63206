"""Real stores for the tests of the cloud, each in its own folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.store.database import Database, open_database, sqlite_url
from cloud.store.writer import StoreWriter


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(sqlite_url(tmp_path / "store.db"))
    yield database
    database.close()


@pytest.fixture
def writer(database: Database) -> StoreWriter:
    return StoreWriter(database)
