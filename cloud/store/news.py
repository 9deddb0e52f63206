"""That something has changed in the store, so that pages which are open show it.

Rule: whoever changes what people see marks it, in the same transaction; a reader compares numbers and never
waits for a writer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import Session

from cloud.store import tables
from cloud.store.statements import insert_new_rows


@dataclass(frozen=True, slots=True)
class WriterNews:
    """What a writer tells of itself with a transaction; None: as before."""

    writer: str = ""
    stream_lag: int | None = None
    redelivered: int = 0
    recent: list[tuple[int, int]] | None = field(default=None, repr=False)


def mark_change(session: Session, news: WriterNews = WriterNews()) -> None:
    """Let the change marker rise, and keep the writer's counters."""
    table = tables.table_of(tables.WriterState)
    values: dict[str, Any] = {
        "change_marker": table.c.change_marker + 1,
        "redelivered": table.c.redelivered + news.redelivered,
        "written_at": datetime.now(UTC),
    }
    if news.stream_lag is not None:
        values["stream_lag"] = news.stream_lag
    if news.recent is not None:
        values["recent"] = news.recent
    statement = update(table).where(table.c.writer == news.writer).values(values)
    if session.connection().execute(statement).rowcount == 0:
        first = tables.WriterState(writer=news.writer, recent=[], written_at=values["written_at"])
        insert_new_rows(session, table, [first.model_dump()])
        session.connection().execute(statement)
