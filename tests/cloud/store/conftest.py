"""Everything that a store must do, it must do in both databases."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cloud.settings import sqlite_url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A store of its own in each database."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "store.db")
        return
    server = request.getfixturevalue("postgresql")
    name = f"store_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{server.rpartition('/')[0]}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
