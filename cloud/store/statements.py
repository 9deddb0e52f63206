"""Statements over many rows that each database does its own way.

Rule: see `engines`. PostgreSQL is given a column at a time, as arrays, so that a statement is planned once
and costs one journey however many rows it has; SQLite a row at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Dialect, Table, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

Rows = Sequence[Mapping[str, Any]]
"""Values by column name; each row has the same names."""


def insert_new(session: Session, table: Table) -> Any:
    """INSERT of rows that are not there yet; those that are stay as they are.

    Args:
        session: Whose database it is for.
        table: Into which; any of its unique constraints decides.
    """
    if is_postgresql(session):
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def insert_rows(session: Session, table: Table, rows: Rows) -> None:
    """Insert them."""
    if not rows:
        return
    if is_postgresql(session):
        _run_with_arrays(session, table, rows, "INSERT INTO {table} ({names}) SELECT * FROM {arrays}")
    else:
        session.connection().execute(insert(table), rows)


def insert_new_rows(session: Session, table: Table, rows: Rows) -> None:
    """Insert those that break no unique constraint."""
    if not rows:
        return
    if is_postgresql(session):
        sql = "INSERT INTO {table} ({names}) SELECT * FROM {arrays} ON CONFLICT DO NOTHING"
        _run_with_arrays(session, table, rows, sql)
    else:
        session.connection().execute(insert_new(session, table), rows)


def update_rows(session: Session, table: Table, rows: Rows) -> None:
    """Set the columns that the rows name, in the rows of their primary keys."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    names = [name for name in rows[0] if name not in keys]
    if is_postgresql(session):
        quoted = {name: _quote(session, name) for name in rows[0]}
        setting = ", ".join(f"{quoted[name]} = new.{quoted[name]}" for name in names)
        matching = " AND ".join(f"old.{quoted[key]} = new.{quoted[key]}" for key in keys)
        sql = " ".join(["UPDATE {table} AS old SET", setting, "FROM {arrays} WHERE", matching])
        _run_with_arrays(session, table, rows, sql)
        return
    statement = update(table).where(*(table.c[key] == bindparam(f"at_{key}") for key in keys))
    values = [{f"at_{key}": row[key] for key in keys} | {name: row[name] for name in names} for row in rows]
    session.connection().execute(statement.values({name: bindparam(name) for name in names}), values)


def is_one_of(session: Session, column: Column[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """Whether a column holds one of these, in a statement that is the same for any number of them.

    PostgreSQL joins with a subquery; an array that it is not told when it plans it would compare value by
    value with every row.
    """
    if is_postgresql(session):
        array = bindparam(None, list(values), type_=postgresql.ARRAY(column.type))
        return column.in_(select(func.unnest(array)))
    return column.in_(values)


def is_postgresql(session: Session) -> bool:
    """Which of the two it is."""
    return session.get_bind().dialect.name == "postgresql"


def _run_with_arrays(session: Session, table: Table, rows: Rows, sql: str) -> None:
    """Run a statement over `{table}`, `{names}` of columns and `{arrays}`, the rows as a relation `new`."""
    dialect = session.get_bind().dialect
    columns = [table.c[name] for name in rows[0]]
    names = ", ".join(_quote(session, column.name) for column in columns)
    casts = ", ".join(f"%b::{_array_type(column, dialect)}" for column in columns)
    arrays = f"unnest({casts}) AS new ({names})"
    statement = sql.format(table=_quote(session, table.name), names=names, arrays=arrays)
    session.connection().exec_driver_sql(statement, tuple(_values(c, rows, dialect) for c in columns))


def _values(column: Column[Any], rows: Rows, dialect: Dialect) -> list[Any]:
    process = column.type.dialect_impl(dialect).bind_processor(dialect)
    if process is None:
        return [row[column.name] for row in rows]
    return [process(row[column.name]) for row in rows]


def _array_type(column: Column[Any], dialect: Dialect) -> str:
    """Without a length, to which a cast would cut in silence."""
    return column.type.compile(dialect).partition("(")[0] + "[]"


def _quote(session: Session, name: str) -> str:
    return session.get_bind().dialect.identifier_preparer.quote(name)
