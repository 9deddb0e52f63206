"""Answers that are given again to a request that comes again.

Rule: a place is taken before the request is carried out, so that of two that come at once one waits for
nothing and does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlmodel import Session

from cloud.store.access_tables import AnswerRow
from cloud.store.statements import insert_new
from cloud.store.tables import table_of

KEPT = timedelta(hours=24)
_ANSWER = table_of(AnswerRow)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    body_digest: bytes
    """Of the request."""
    status: int = 0
    """0: nothing yet."""
    media_type: str = ""
    body: bytes = b""


def take_place(session: Session, digest: bytes, body_digest: bytes, now: datetime) -> Answer | None:
    """Take the place of an answer; returns the one that is there already."""
    session.connection().execute(delete(_ANSWER).where(_ANSWER.c.made_at <= now - KEPT))
    first = {"digest": digest, "body_digest": body_digest, "made_at": now}
    empty = {"status": 0, "media_type": "", "body": b""}
    taking = insert_new(session, _ANSWER).values(first | empty).returning(_ANSWER.c.digest)
    if session.connection().execute(taking).first() is not None:
        return None
    row = session.connection().execute(select(_ANSWER).where(_ANSWER.c.digest == digest)).one()
    return Answer(row.body_digest, row.status, row.media_type, row.body)


def fill_place(session: Session, digest: bytes, answer: Answer) -> None:
    """Write down what was answered."""
    values = {"status": answer.status, "media_type": answer.media_type, "body": answer.body}
    session.connection().execute(update(_ANSWER).where(_ANSWER.c.digest == digest).values(**values))


def leave_place(session: Session, digest: bytes) -> None:
    """Nothing was done; the request may come again."""
    session.connection().execute(delete(_ANSWER).where(_ANSWER.c.digest == digest))
