"""Dead letters: read for people, read and marked for a replay, dropped when they are old.

Rule: one that a replay let through is marked as resolved and no longer counted; of one that is dropped before
the number stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from sqlalchemy import delete
from sqlmodel import Session, col, select

from cloud.dead_letters import detail_of
from cloud.store.letter_bounds import count_dropped
from cloud.store.news import mark_change
from cloud.store.rows import DeadLetterRow
from cloud.store.tables import DeadLetter, table_of
from contract.errors import IndustrialGuardError


def list_dead_letters(session: Session, limit: int = 100, before: int | None = None) -> list[DeadLetterRow]:
    """Dead letters that no replay let through, newest first (by id); `before`: only ids below it."""
    query = (
        select(DeadLetter)
        .where(col(DeadLetter.resolved_at).is_(None))
        .order_by(col(DeadLetter.id).desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(col(DeadLetter.id) < before)
    return [_dead_letter_row(letter) for letter in session.exec(query)]


def read_unresolved(session: Session, after: int, limit: int) -> list[DeadLetterRow]:
    """Dead letters that no replay let through, oldest first, with ids above `after`."""
    query = (
        select(DeadLetter)
        .where(col(DeadLetter.resolved_at).is_(None), col(DeadLetter.id) > after)
        .order_by(col(DeadLetter.id))
        .limit(limit)
    )
    return [_dead_letter_row(letter) for letter in session.exec(query)]


def mark_attempts(
    session: Session, passed: Sequence[int], failed: Mapping[int, IndustrialGuardError]
) -> None:
    """Note the outcome of a replay: each id of one more attempt, resolved or with its newest error."""
    now = datetime.now(UTC)
    for letter in session.exec(select(DeadLetter).where(col(DeadLetter.id).in_([*passed, *failed]))):
        letter.attempts += 1
        error = failed.get(cast("int", letter.id))
        if error is None:
            letter.resolved_at = now
        else:
            letter.error, letter.detail = type(error).__name__, detail_of(error)
        session.add(letter)
    mark_change(session)


def drop_letters(session: Session, before: datetime, resolved_before: datetime, limit: int) -> int:
    """Drop letters that are old, oldest first.

    Args:
        session: In a writing transaction.
        before: Those that arrived before, resolved or not; the others are counted.
        resolved_before: Those that a replay let through before.
        limit: At most so many.

    Returns:
        How many are gone.
    """
    columns = table_of(DeadLetter).c
    is_old = (columns.ingest_time < before) | (columns.resolved_at < resolved_before)
    oldest = select(columns.id).where(is_old).order_by(columns.id).limit(limit)
    gone = (
        delete(table_of(DeadLetter))
        .where(columns.id.in_(oldest))
        .returning(columns.device_id, columns.error, columns.resolved_at)
    )
    rows = [dict(row) for row in session.connection().execute(gone).mappings()]
    count_dropped(session, [row for row in rows if row["resolved_at"] is None])
    if rows:
        mark_change(session)
    return len(rows)


def _dead_letter_row(letter: DeadLetter) -> DeadLetterRow:
    return DeadLetterRow(
        id=cast("int", letter.id),
        ingest_time=letter.ingest_time,
        topic=letter.topic,
        device_id=letter.device_id,
        error=letter.error,
        detail=letter.detail,
        attempts=letter.attempts,
        size_bytes=letter.size_bytes,
        payload=letter.payload,
        resolved_at=letter.resolved_at,
    )
