"""From the stream into the store, and back to the device.

Rule: store, then commit the offsets, then acknowledge: in this order, so that a crash anywhere in between
makes records come again and nothing worse. A record that the store refuses is isolated, becomes a dead letter
and is acknowledged as rejected; a store that is merely unavailable is waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cloud import dead_letters
from cloud.acks import AckPublisher, Key
from cloud.backoff import Backoff, retry
from cloud.dead_letters import DeadLetter
from cloud.delivery import Delivery
from cloud.errors import RecordRefusedError
from cloud.store.batch import Arrival
from cloud.store.writer import StoreWriter
from cloud.stream import Consumer, StoredRecord, Stream
from contract.codec import decode
from contract.errors import IndustrialGuardError, MessageError
from contract.messages import SEQUENCED

GROUP = "sink"
"""The consumer group of the sink."""
_T = TypeVar("_T")
_LOG = logging.getLogger(__name__)
_POLL_S = 1.0
_RETRY_BASE_S = 0.1
_RETRY_CAP_S = 5.0


@dataclass(slots=True)
class SinkCounters:
    """Since start."""

    stored: int = 0
    redelivered: int = 0
    presence: int = 0
    refused: int = 0
    """Records that became dead letters here."""
    batches: int = 0
    store_failures: int = 0


@dataclass(frozen=True, slots=True)
class _Job:
    """A record and what it decodes to."""

    record: StoredRecord
    arrival: Arrival


class Sink:
    """Stores messages and dead letters.

    Args:
        stream: Takes the dead letters that arise here.
        writer: Of the store.
        acks: To the devices.
        batch: Records in one transaction, at most.
    """

    def __init__(self, stream: Stream, writer: StoreWriter, acks: AckPublisher, batch: int) -> None:
        self._stream = stream
        self._writer = writer
        self._acks = acks
        self._batch = batch
        self._lag = 0
        self.counters = SinkCounters()

    async def run_messages(self, consumer: Consumer, stop: asyncio.Event) -> None:
        """Store messages until told to stop; the batch under way is finished.

        Raises:
            CloudError: one that waiting does not cure.
        """
        while not stop.is_set():
            records = await consumer.poll(self._batch, _POLL_S)
            if records:
                self._lag = await consumer.lag()
                await self.store_messages(consumer, records)

    async def run_dead_letters(self, consumer: Consumer, stop: asyncio.Event) -> None:
        """Store dead letters until told to stop.

        Raises:
            CloudError: one that waiting does not cure.
        """
        while not stop.is_set():
            records = await consumer.poll(self._batch, _POLL_S)
            if records:
                await self.store_dead_letters(consumer, records)

    async def store_messages(self, consumer: Consumer, records: Sequence[StoredRecord]) -> None:
        """Store one batch, commit it, acknowledge it."""
        jobs, letters = _decode_records(records)
        letters += await self._store(jobs)
        await self._append_letters(letters)
        await consumer.commit(records)
        refused = set(_rejected_keys(letters))
        keys = [j.arrival.key for j in jobs if j.arrival.message.kind in SEQUENCED]
        self._acks.publish(stored=[key for key in keys if key not in refused])
        self.counters.batches += 1

    async def store_dead_letters(self, consumer: Consumer, records: Sequence[StoredRecord]) -> None:
        """Store one batch of dead letters, commit it, and tell their devices not to send them again."""
        letters = [dead_letters.decode_letter(r.value, r.headers) for r in records]
        rows = [(letter, r.append_time) for letter, r in zip(letters, records, strict=True)]
        await self._until_available(lambda: self._writer.write_dead_letters(rows))
        await consumer.commit(records)
        self._acks.publish(rejected=_rejected_keys(letters))

    async def _store(self, jobs: Sequence[_Job]) -> list[DeadLetter]:
        """Store jobs in one transaction, or, when one of them is refused, in halves until it stands alone."""
        if not jobs:
            return []
        arrivals = [job.arrival for job in jobs]
        try:
            outcome = await self._until_available(lambda: self._writer.write(arrivals, self._lag))
        except RecordRefusedError as error:
            if len(jobs) == 1:
                return [self._refuse(jobs[0], error)]
            half = len(jobs) // 2
            return await self._store(jobs[:half]) + await self._store(jobs[half:])
        self.counters.stored += outcome.stored
        self.counters.redelivered += outcome.redelivered
        self.counters.presence += outcome.presence
        return []

    def _refuse(self, job: _Job, error: RecordRefusedError) -> DeadLetter:
        self.counters.refused += 1
        return _write_letter(job.record, error)

    async def _append_letters(self, letters: Sequence[DeadLetter]) -> None:
        for letter in letters:
            _LOG.warning(
                "dead letter", extra={"topic": letter.topic, "error": letter.error, "detail": letter.detail}
            )
        records = [dead_letters.encode_letter(letter) for letter in letters]
        await retry(lambda: self._stream.append(dead_letters.TOPIC, records), self._note_failure, _backoff())

    async def _until_available(self, work: Callable[[], _T]) -> _T:
        return await retry(lambda: asyncio.to_thread(work), self._note_failure, _backoff())

    def _note_failure(self, error: IndustrialGuardError, wait_s: float) -> None:
        self.counters.store_failures += 1
        _LOG.error("the sink is waiting", extra={"reason": str(error), "wait_s": round(wait_s, 3)})


def _backoff() -> Backoff:
    return Backoff(_RETRY_BASE_S, _RETRY_CAP_S)


def _decode_records(records: Sequence[StoredRecord]) -> tuple[list[_Job], list[DeadLetter]]:
    """What ingest let through decodes, unless a newer one did; then it is a dead letter until we catch up."""
    jobs: list[_Job] = []
    letters: list[DeadLetter] = []
    for record in records:
        try:
            message = decode(record.value)
        except MessageError as error:
            letters.append(_write_letter(record, error))
        else:
            is_retained = record.headers.get("retained") == "1"
            jobs.append(_Job(record, Arrival(message, record.append_time, is_retained)))
    return jobs, letters


def _write_letter(record: StoredRecord, error: IndustrialGuardError) -> DeadLetter:
    is_retained = record.headers.get("retained") == "1"
    origin = Delivery(record.headers.get("topic", ""), record.value, is_retained)
    return dead_letters.write_letter(origin, error)


def _rejected_keys(letters: Sequence[DeadLetter]) -> list[Key]:
    return [key for letter in letters if (key := letter.rejected_key) is not None]
