"""Runs the migrations on a connection that the caller opened and will commit.

Rule: a migration is all or nothing, and a store written by a newer version is refused, not guessed at.
"""

from __future__ import annotations

from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.engine import Connection

from cloud.errors import StoreError

HEAD = "head"
BASE = "base"


def upgrade(connection: Connection, revision: str = HEAD) -> None:
    """Bring the schema up to a revision.

    Raises:
        StoreError: the store is of a revision that this code does not know.
    """
    try:
        command.upgrade(_config(connection), revision)
    except CommandError as error:
        raise StoreError(f"the store was written by a newer version; update this one ({error})") from error


def downgrade(connection: Connection, revision: str = BASE) -> None:
    """Take the schema back to a revision; what the newer one had added is lost.

    Raises:
        StoreError: there is no such revision.
    """
    try:
        command.downgrade(_config(connection), revision)
    except CommandError as error:
        raise StoreError(f"cannot go back to {revision!r}: {error}") from error


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files("cloud.migrations")))
    config.attributes["connection"] = connection
    return config
