"""From the stream into the store, and back to the device.

Rule: store, then commit the offsets, then acknowledge: in this order, so that a crash anywhere in between
makes records come again and nothing worse. A record that the store refuses is isolated, becomes a dead letter
and is acknowledged as rejected; a store that is merely unavailable is waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from cloud import dead_letters
from cloud.acks import AckPublisher, Key
from cloud.backoff import Backoff, retry
from cloud.dead_letters import DeadLetter
from cloud.delivery import Delivery
from cloud.errors import CloudError, RecordRefusedError
from cloud.metrics import SinkMetrics
from cloud.store.batch import Arrival, WriteOutcome
from cloud.store.writer import StoreWriter
from cloud.stream import Consumer, StoredRecord, Stream
from cloud.trace_context import TRACEPARENT
from cloud.tracing import NO_TRACING, Tracing
from contract.codec import decode
from contract.errors import IndustrialGuardError, MessageError
from contract.messages import SEQUENCED

GROUP = "sink"
"""The consumer group of the sink."""
LETTERS_GROUP = "sink-letters"
"""Its other one: members that join a group one after the other make it deal its partitions anew each time."""
_T = TypeVar("_T")
_LOG = logging.getLogger(__name__)
_POLL_S = 1.0
_ENOUGH = 0.8
"""Share of a batch that need not wait for more."""
_GATHER_S, _GATHERINGS = 0.2, 10
"""How long any other waits, in s, and how often it looks meanwhile."""
_RETRY_BASE_S = 0.1
_RETRY_CAP_S = 5.0


@dataclass(frozen=True, slots=True)
class _Job:
    """A record and what it decodes to."""

    record: StoredRecord
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class _Batch:
    """Records, those that are messages, and those that are none."""

    records: Sequence[StoredRecord]
    jobs: list[_Job]
    letters: list[DeadLetter]


class Sink:
    """Stores messages and dead letters.

    Args:
        stream: Takes the dead letters that arise here.
        writer: Of the store.
        acks: To the devices.
        batch: Records in one transaction, at most.
        metrics: Where it counts.
        tracing: Where its spans go.
    """

    def __init__(
        self,
        stream: Stream,
        writer: StoreWriter,
        acks: AckPublisher,
        batch: int,
        metrics: SinkMetrics | None = None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._stream = stream
        self._writer = writer
        self._acks = acks
        self._batch = batch
        self.metrics = metrics or SinkMetrics()
        self._tracing = tracing
        self._trouble = ""
        self._lag = 0

    async def check(self) -> None:
        """Return when store and stream take what they are given.

        Raises:
            CloudError: one of them refuses the batch under way.
        """
        if self._trouble:
            raise CloudError(self._trouble)

    def note_lag(self, lag: int) -> None:
        """Be told how many records wait; people are shown it beside what is stored."""
        self._lag = lag

    async def run_messages(self, consumer: Consumer, stop: asyncio.Event) -> None:
        """Store messages until told to stop; the batch under way is finished.

        Raises:
            CloudError: one that waiting does not cure.
        """
        ahead = asyncio.create_task(self._gather(consumer))
        try:
            while not stop.is_set():
                batch = await ahead
                ahead = asyncio.create_task(self._gather(consumer))  # while this one is stored
                traces = (record.headers.get(TRACEPARENT, "") for record in batch.records)
                if batch.records:
                    with self._tracing.batch("sink", traces):
                        await self._store_batch(consumer, batch)
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def _gather(self, consumer: Consumer) -> _Batch:
        """The next batch; a transaction and an acknowledgement for each message would cost the most."""
        records = await consumer.poll(self._batch, _POLL_S)
        for _ in range(_GATHERINGS):
            if not 0 < len(records) < self._batch * _ENOUGH:
                break
            await asyncio.sleep(_GATHER_S / _GATHERINGS)
            records += await consumer.poll(self._batch - len(records), 0.0)
        return _decode_records(records)

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
        await self._store_batch(consumer, _decode_records(records))

    async def store_dead_letters(self, consumer: Consumer, records: Sequence[StoredRecord]) -> None:
        """Store one batch of dead letters, commit it, and tell their devices not to send them again."""
        letters = [dead_letters.decode_letter(r.value, r.headers) for r in records]
        rows = [(letter, r.append_time) for letter, r in zip(letters, records, strict=True)]
        n_dropped = await self._until_available(lambda: self._writer.write_dead_letters(rows))
        await consumer.commit(records)
        self.metrics.stored_letters.inc(len(letters) - n_dropped)
        self.metrics.dropped_letters.inc(n_dropped)
        self._acks.publish(rejected=_rejected_keys(letters))

    async def _store_batch(self, consumer: Consumer, batch: _Batch) -> None:
        letters = batch.letters + await self._store(batch.jobs)
        await self._append_letters(letters)
        await consumer.commit(batch.records)
        refused = set(_rejected_keys(letters))
        keys = [j.arrival.key for j in batch.jobs if j.arrival.message.kind in SEQUENCED]
        self._acks.publish(stored=[key for key in keys if key not in refused])
        self._note_delays(batch.jobs, len(batch.records))

    async def _store(self, jobs: Sequence[_Job]) -> list[DeadLetter]:
        """Store jobs in one transaction, or, when one of them is refused, in halves until it stands alone."""
        if not jobs:
            return []
        arrivals = [job.arrival for job in jobs]
        try:
            outcome = await self._until_available(lambda: self._write(arrivals))
        except RecordRefusedError as error:
            if len(jobs) == 1:
                return [_write_letter(jobs[0].record, error)]
            half = len(jobs) // 2
            return await self._store(jobs[:half]) + await self._store(jobs[half:])
        self.metrics.stored.inc(outcome.stored)
        self.metrics.redelivered.inc(outcome.redelivered)
        self.metrics.presence.inc(outcome.presence)
        self.metrics.wrong_clocks.inc(outcome.wrong_clocks)
        return []

    def _write(self, arrivals: Sequence[Arrival]) -> WriteOutcome:
        with self.metrics.store_time.time():
            return self._writer.write(arrivals, self._lag)

    def _note_delays(self, jobs: Sequence[_Job], records: int) -> None:
        self.metrics.batch.observe(records)
        if jobs:
            now = datetime.now(UTC)
            appended = min(job.arrival.ingest_time for job in jobs)
            happened = min(job.arrival.message.event_time for job in jobs)
            self.metrics.stream_delay.observe(max(0.0, (now - appended).total_seconds()))
            self.metrics.event_delay.observe(max(0.0, (now - happened).total_seconds()))

    async def _append_letters(self, letters: Sequence[DeadLetter]) -> None:
        for letter in letters:
            self.metrics.dead_letters.labels(letter.error).inc()
            _LOG.warning(
                "dead letter", extra={"topic": letter.topic, "error": letter.error, "detail": letter.detail}
            )
        records = [dead_letters.encode_letter(letter) for letter in letters]
        await self._until_done(lambda: self._stream.append(dead_letters.TOPIC, records))

    async def _until_available(self, work: Callable[[], _T]) -> _T:
        return await self._until_done(lambda: asyncio.to_thread(work))

    async def _until_done(self, attempt: Callable[[], Awaitable[_T]]) -> _T:
        done = await retry(attempt, self._note_failure, Backoff(_RETRY_BASE_S, _RETRY_CAP_S))
        self._trouble = ""
        return done

    def _note_failure(self, error: IndustrialGuardError, wait_s: float) -> None:
        self._trouble = str(error)
        self.metrics.store_failures.inc()
        _LOG.error("the sink is waiting", extra={"reason": str(error), "wait_s": round(wait_s, 3)})


def _decode_records(records: Sequence[StoredRecord]) -> _Batch:
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
    return _Batch(records, jobs, letters)


def _write_letter(record: StoredRecord, error: IndustrialGuardError) -> DeadLetter:
    is_retained = record.headers.get("retained") == "1"
    origin = Delivery(record.headers.get("topic", ""), record.value, is_retained)
    return dead_letters.write_letter(origin, error)


def _rejected_keys(letters: Sequence[DeadLetter]) -> list[Key]:
    return [key for letter in letters if (key := letter.rejected_key) is not None]
