"""Writes what the sink hands over.

Rule: one call, one transaction. A message is stored when its key (device, boot, sequence) is new and only
counted when it is not, so handing over the same batch twice changes nothing but the count of redeliveries.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from cloud.dead_letters import DeadLetter
from cloud.store import tables
from cloud.store.batch import Arrival, WriteBatch, WriteOutcome
from cloud.store.database import Database
from cloud.store.letter_bounds import count_dropped, within_bounds
from cloud.store.news import WriterNews, mark_change
from cloud.store.statements import insert_new_rows

_LOG = logging.getLogger(__name__)
RECENT_S = 10
"""Time over which messages per second are counted, in s."""


class StoreWriter:
    """Writes batches; one per process.

    Args:
        database: The store.
        name: Of this process; several that write at once each have their own, or wait for each other.
    """

    def __init__(self, database: Database, name: str = "") -> None:
        self._database = database
        self._name = name
        self._feature_sets: dict[str, int] = {}
        self._machines: set[str] = set()
        """That have a row for certain: machines are never deleted."""
        self._recent = Counter[int]()
        self._overflowing: set[str] = set()
        """Origins with too many dead letters, of which the log knows."""

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
            batch = WriteBatch(session, self._feature_sets, self._machines)
            outcome = batch.write(arrivals)
            recent = self._recent + Counter(int(a.ingest_time.timestamp()) for a in batch.fresh)
            recent = Counter({s: n for s, n in recent.items() if s >= max(recent) - RECENT_S})
            news = WriterNews(self._name, stream_lag, outcome.redelivered, sorted(recent.items()))
            mark_change(session, news)
        self._recent = recent
        self._feature_sets = batch.feature_sets  # only now: what was rolled back is not there
        self._machines |= {arrival.message.device_id for arrival in arrivals}
        return outcome

    def write_dead_letters(self, letters: Sequence[tuple[DeadLetter, datetime]]) -> int:
        """Store dead letters with the time of their writing; one that is known already changes nothing.

        Returns:
            How many were only counted, because their origin has too many.

        Raises:
            StoreUnavailableError: not now; none of them was stored.
        """
        if not letters:
            return 0
        rows = [asdict(letter) | {"ingest_time": ingest_time} for letter, ingest_time in letters]
        with self._database.transaction() as session:
            kept, dropped = within_bounds(session, rows)
            insert_new_rows(session, tables.table_of(tables.DeadLetter), kept)
            count_dropped(session, dropped)
            mark_change(session, WriterNews(self._name))
        for device_id in sorted({row["device_id"] for row in dropped} - self._overflowing):
            _LOG.warning("dead letters are only counted from here on", extra={"device": device_id})
        self._overflowing |= {row["device_id"] for row in dropped}
        return len(dropped)
