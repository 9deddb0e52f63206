"""Statements over many rows that each database writes its own way.

Rule: see `engines`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session


def insert_new(session: Session, table: Table) -> Any:
    """INSERT of rows that are not there yet; those that are stay as they are.

    Args:
        session: Whose database it is for.
        table: Into which; any of its unique constraints decides.
    """
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
