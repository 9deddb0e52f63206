"""How many dead letters are kept of one origin, and the number of those that are not.

Rule: whoever sends rubbish fills a bounded part of the store, and nobody else's; every letter is kept or
counted. What comes first is kept: a replay makes room. A letter that is only counted may be counted twice
when the stream brings it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import case, func, select, update
from sqlmodel import Session

from cloud.dead_letters import KEEP_BYTES
from cloud.store.statements import insert_new_rows, is_one_of
from cloud.store.tables import DeadLetter, DroppedLetters, table_of

ORIGIN_BYTES = 64 * 2**20
"""Kept of one origin's unresolved letters; some 25,000 of a device that is newer than the cloud."""
LETTER_BYTES = 1024
"""What a letter takes beside its payload: topic, detail and the row itself, at most about so much."""
_LETTERS, _DROPPED = table_of(DeadLetter), table_of(DroppedLetters)
Row = Mapping[str, Any]
"""A letter's values by column name."""


def within_bounds(session: Session, rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Letters to be kept and letters to be counted, of those that the store does not have."""
    known = _known(session, {row["letter_id"] for row in rows})
    kept_bytes = _kept_bytes(session, {row["device_id"] for row in rows})
    kept: list[Row] = []
    dropped: list[Row] = []
    for row in {row["letter_id"]: row for row in rows}.values():
        if row["letter_id"] in known:
            continue
        size = len(row["payload"]) + LETTER_BYTES
        if kept_bytes[row["device_id"]] + size > ORIGIN_BYTES:
            dropped.append(row)
        else:
            kept_bytes[row["device_id"]] += size
            kept.append(row)
    return kept, dropped


def count_dropped(session: Session, rows: Iterable[Row]) -> None:
    """Note that of these letters only the number is left; each has `device_id` and `error`."""
    counts = Counter((row["device_id"], row["error"]) for row in rows)
    for device_id, error in sorted(counts):  # in order, so that two that count at once do not end in a knot
        insert_new_rows(session, _DROPPED, [{"device_id": device_id, "error": error, "letters": 0}])
        at = (_DROPPED.c.device_id == device_id) & (_DROPPED.c.error == error)
        more = {"letters": _DROPPED.c.letters + counts[device_id, error]}
        session.connection().execute(update(_DROPPED).where(at).values(more))


def dropped_by_device(session: Session) -> dict[str, int]:
    """How many letters of each origin are only counted."""
    query = select(_DROPPED.c.device_id, func.sum(_DROPPED.c.letters)).group_by(_DROPPED.c.device_id)
    return {device_id: int(letters) for device_id, letters in session.connection().execute(query)}


def _known(session: Session, letter_ids: Collection[str]) -> set[str]:
    column = _LETTERS.c.letter_id
    found = session.connection().execute(select(column).where(is_one_of(session, column, letter_ids)))
    return set(found.scalars())


def _kept_bytes(session: Session, devices: Collection[str]) -> Counter[str]:
    columns = _LETTERS.c
    size = case((columns.size_bytes > KEEP_BYTES, KEEP_BYTES), else_=columns.size_bytes) + LETTER_BYTES
    query = (
        select(columns.device_id, func.sum(size))
        .where(is_one_of(session, columns.device_id, devices), columns.resolved_at.is_(None))
        .group_by(columns.device_id)
    )
    return Counter({device_id: int(size) for device_id, size in session.connection().execute(query)})
