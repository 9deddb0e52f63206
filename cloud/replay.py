"""Gives dead letters another chance.

Rule: a letter goes the whole way again, through the same validation; what passes joins the stream first and
is marked as resolved afterwards, so a crash in between repeats a message, which the sink recognises, and
loses none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cloud.delivery import Delivery
from cloud.ingest import build_record, validate
from cloud.store.database import Database
from cloud.store.letter_bounds import dropped_by_device
from cloud.store.letters import mark_attempts, read_unresolved
from cloud.store.rows import DeadLetterRow
from cloud.stream import MESSAGES, Record, Stream
from contract.errors import MessageError

_PAGE = 500


@dataclass(slots=True)
class ReplayCounts:
    """What became of the letters."""

    passed: int = 0
    still_dead: int = 0
    incomplete: int = 0
    """Too large for all their bytes to have been kept; left as they are."""
    dropped: int = 0
    """Of which only the number had been kept; nothing can bring them back."""


async def replay_dead_letters(database: Database, stream: Stream) -> ReplayCounts:
    """Validate every unresolved dead letter again.

    Raises:
        StreamError: the stream takes nothing; letters already passed stay passed.
        StoreError: the store cannot be read or written.
    """
    with database.session() as session:
        counts = ReplayCounts(dropped=sum(dropped_by_device(session).values()))
    for page in _pages(database):
        records: list[Record] = []
        passed: list[int] = []
        failed: dict[int, MessageError] = {}
        for letter in page:
            if not letter.is_complete:
                counts.incomplete += 1
                continue
            try:
                records.append(_revive(letter))
                passed.append(letter.id)
            except MessageError as error:
                failed[letter.id] = error
        await stream.append(MESSAGES, records)
        with database.transaction() as session:
            mark_attempts(session, passed, failed)
        counts.passed += len(passed)
        counts.still_dead += len(failed)
    return counts


def _pages(database: Database) -> Iterator[list[DeadLetterRow]]:
    after = 0
    while True:
        with database.session() as session:
            page = read_unresolved(session, after, _PAGE)
        if not page:
            return
        yield page
        after = page[-1].id


def _revive(letter: DeadLetterRow) -> Record:
    delivery = Delivery(letter.topic, letter.payload, is_retained=True)
    return build_record(validate(delivery.topic, delivery.payload), delivery)
