"""Writes what the sink hands over.

Rule: one call, one transaction. A message is stored when its key (device, boot, sequence) is new and only
counted when it is not, so handing over the same batch twice changes nothing but the count of redeliveries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import Session

from cloud.dead_letters import DeadLetter
from cloud.store import tables
from cloud.store.batch import Arrival, WriteBatch, WriteOutcome
from cloud.store.database import Database
from cloud.store.statements import insert_new


class StoreWriter:
    """Writes batches; one per process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._feature_sets: dict[str, int] = {}

    def write(self, arrivals: Sequence[Arrival], stream_lag: int = 0) -> WriteOutcome:
        """Store a batch, in the order given.

        Args:
            arrivals: Messages of any devices; repeated ones are recognised within the batch too.
            stream_lag: Records that still wait in the stream, shown to people.

        Raises:
            RecordRefusedError: the database refuses some value; nothing of the batch was stored.
            StoreUnavailableError: not now; nothing of the batch was stored.
        """
        with self._database.transaction() as session:
            batch = WriteBatch(session, self._feature_sets)
            outcome = batch.write(arrivals)
            mark_change(session, stream_lag, outcome.redelivered)
        self._feature_sets = batch.feature_sets  # only now: a set that was rolled back has no number
        return outcome

    def write_dead_letters(self, letters: Sequence[tuple[DeadLetter, datetime]]) -> None:
        """Store dead letters with the time of their writing; one that is known already changes nothing.

        Raises:
            StoreUnavailableError: not now; none of them was stored.
        """
        if not letters:
            return
        rows = [asdict(letter) | {"ingest_time": ingest_time} for letter, ingest_time in letters]
        with self._database.transaction() as session:
            insertion = insert_new(session, tables.table_of(tables.DeadLetter))
            session.connection().execute(insertion, rows)
            mark_change(session)


def mark_change(session: Session, stream_lag: int | None = None, redelivered: int = 0) -> None:
    """Let the change marker rise, and keep the store-wide counters."""
    state = tables.table_of(tables.CloudState).c
    values: dict[str, Any] = {
        "change_marker": state.change_marker + 1,
        "redelivered": state.redelivered + redelivered,
    }
    if stream_lag is not None:
        values["stream_lag"] = stream_lag
    session.connection().execute(update(tables.table_of(tables.CloudState)).values(values))
