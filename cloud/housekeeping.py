"""What the store needs done beside writing: days to come, roll-ups, an end for what is old, a second look.

Rule: any process may do it, and several at once do no harm. Nothing is dropped that is younger than its
owner said, that is not rolled up, or that is missing in the lake where there is one. What fails is tried
again at the next round; messages are stored all the while. Alarms that outlive their case get another one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from cloud.errors import LakeError, StoreError
from cloud.keeping import RESOLVED_DAYS, Keeping
from cloud.lake import count_in_lake, write_day
from cloud.store.cases import look_again
from cloud.store.database import Database
from cloud.store.days import bounds_of, closed_days, count_day, drop_day, make_days, read_day
from cloud.store.letters import drop_letters
from cloud.store.rollups import HOURS_AT_ONCE, is_rolled_up, roll_up_due

_LOG = logging.getLogger(__name__)
ROUND_S = 60.0
"""Between two rounds, in s."""
LOOK_BACK = 7
"""Closed days that are compared with the lake after a start; each is again before it is dropped."""
DAYS_EVERY = timedelta(hours=1)
"""Between two looks at days and dead letters."""
LETTERS_AT_ONCE = 1000
"""Dropped in one transaction, for which others wait."""


class Housekeeper:
    """Does what is due, round after round.

    Args:
        database: The store.
        keeping: What is kept.
    """

    def __init__(self, database: Database, keeping: Keeping) -> None:
        self._database = database
        self._keeping = keeping
        self._days_due = datetime.min.replace(tzinfo=UTC)
        self._compared: set[date] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep house until told to stop."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self.keep_house, datetime.now(UTC), stop)
            except (StoreError, LakeError) as error:
                _LOG.error("the store's housekeeping waits", extra={"reason": str(error)})
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), ROUND_S)

    def keep_house(self, now: datetime, stop: asyncio.Event | None = None) -> None:
        """One round.

        Args:
            now: Cloud time.
            stop: Ends it between two steps.

        Raises:
            StoreError: the store refused or is away.
            LakeError: the lake's disk refused.
        """
        with self._database.transaction() as session:
            make_days(session, now.date())
        with self._database.transaction() as session:
            look_again(session, now)
        while not (stop and stop.is_set()):
            with self._database.transaction() as session:
                if roll_up_due(session, now) < HOURS_AT_ONCE:
                    break
        if self._keeping != Keeping() and now >= self._days_due:
            self._keep_days(now.date(), stop)
            if self._keeping.letter_days is not None:
                self._drop_letters(now, self._keeping.letter_days, stop)
            self._days_due = now + DAYS_EVERY

    def _keep_days(self, today: date, stop: asyncio.Event | None) -> None:
        """Copy the days that are over, and drop those that are old."""
        with self._database.session() as session:
            days = closed_days(session, today)
        if self._keeping.lake is not None:
            for day in sorted(set(days[-LOOK_BACK:]) - self._compared):
                self._copy_day(self._keeping.lake, day, stop)
                self._compared.add(day)
        for day in self._expired(days, today):
            self._drop_day(day, stop)

    def _drop_letters(self, now: datetime, letter_days: int, stop: asyncio.Event | None) -> None:
        before, resolved_before = now - timedelta(days=letter_days), now - timedelta(days=RESOLVED_DAYS)
        gone, n_dropped = 0, LETTERS_AT_ONCE
        while n_dropped == LETTERS_AT_ONCE and not (stop and stop.is_set()):
            with self._database.transaction() as session:
                n_dropped = drop_letters(session, before, resolved_before, LETTERS_AT_ONCE)
            gone += n_dropped
        if gone:
            _LOG.info("dead letters were dropped", extra={"letters": gone})

    def _expired(self, days: list[date], today: date) -> list[date]:
        if self._keeping.summary_days is None:
            return []
        return [day for day in days if day < today - timedelta(days=self._keeping.summary_days)]

    def _copy_day(self, lake: Path, day: date, stop: asyncio.Event | None) -> int:
        """Make the lake's file hold what the store holds; returns how many summaries that is.

        A store that holds fewer than the lake has given a day up, and the file stays.
        """
        with self._database.session() as session:
            stored, copied = count_day(session, day), count_in_lake(lake, day)
            if stored > (copied or 0):
                copied = write_day(lake, day, _until(stop, read_day(session, day)))
                _LOG.info("a day is in the lake", extra={"day": day.isoformat(), "summaries": copied})
        return copied or 0

    def _drop_day(self, day: date, stop: asyncio.Event | None) -> None:
        lake = self._keeping.lake
        expected = None if lake is None else self._copy_day(lake, day, stop)
        with self._database.transaction() as session:
            is_dropped = is_rolled_up(session, bounds_of(day)) and drop_day(session, day, expected)
        if is_dropped:
            _LOG.info("a day was dropped", extra={"day": day.isoformat()})


def _until(stop: asyncio.Event | None, rows: Iterable[Any]) -> Iterator[Any]:
    """Rows until told to stop, which is an error of whoever reads them."""
    for row in rows:
        if stop is not None and stop.is_set():
            raise InterruptedError("told to stop; it begins anew after the next start")
        yield row
