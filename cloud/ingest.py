"""From the broker into the stream: believe nothing, lose nothing.

Rule: MQTT is acknowledged only after the stream has taken a publication, as a message or as a dead letter.
What cannot be a message never stops what can; a stream that cannot write stops ingest, which then
acknowledges nothing until it can again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cloud import dead_letters
from cloud.backoff import Backoff, retry
from cloud.dead_letters import DeadLetter
from cloud.delivery import Delivery
from cloud.errors import OversizedError, StreamError, TopicMismatchError
from cloud.metrics import IngestMetrics
from cloud.stream import MESSAGES, Record, Stream
from cloud.trace_context import TRACEPARENT, is_traceparent
from cloud.tracing import NO_TRACING, Tracing
from contract.codec import MAX_MESSAGE_BYTES, decode
from contract.errors import IndustrialGuardError, MessageError
from contract.messages import Message
from contract.topics import parse_up_topic

_LOG = logging.getLogger(__name__)
_RETRY_BASE_S = 0.1
_RETRY_CAP_S = 5.0


class Link(Protocol):
    """What ingest needs of a broker."""

    async def receive(self, limit: int, wait_s: float) -> list[Delivery]:
        """Wait for a publication, then up to `wait_s` for more; at most `limit`."""
        ...

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Let the broker forget these."""
        ...


@dataclass(slots=True)
class SortedBatch:
    """Deliveries, judged."""

    messages: list[Record] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)


class Ingest:
    """Moves batches from a link into a stream.

    Args:
        stream: Takes messages and dead letters.
        batch: Publications in one append, at most.
        wait_s: How long to wait for a batch to fill, in s.
        metrics: Where it counts.
        tracing: Where its spans go.
    """

    def __init__(
        self,
        stream: Stream,
        batch: int,
        wait_s: float,
        metrics: IngestMetrics | None = None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._stream = stream
        self._batch = batch
        self._wait_s = wait_s
        self.metrics = metrics or IngestMetrics()
        self._tracing = tracing
        self._trouble = ""

    async def run(self, link: Link, stop: asyncio.Event) -> None:
        """Move batches until told to stop; the batch under way is finished.

        Raises:
            StreamError: one that waiting does not cure.
        """
        stopping = asyncio.create_task(stop.wait())
        receiving: asyncio.Task[list[Delivery]] | None = None
        try:
            while not stop.is_set():
                receiving = asyncio.create_task(link.receive(self._batch, self._wait_s))
                await asyncio.wait({receiving, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if receiving.done():
                    await self.take(receiving.result())
                    link.acknowledge(receiving.result())
        finally:
            stopping.cancel()
            if receiving is not None:
                receiving.cancel()

    async def take(self, deliveries: Sequence[Delivery]) -> None:
        """Put a batch into the stream; it is durable when this returns.

        Raises:
            StreamError: one that waiting does not cure.
        """
        with self._tracing.batch("ingest", (each.traceparent for each in deliveries)) as trace:
            batch = sort_deliveries(deliveries, trace)
            await self._append(MESSAGES, batch.messages)
            await self._append(
                dead_letters.TOPIC, [dead_letters.encode_letter(letter) for letter in batch.letters]
            )
            self._count(deliveries, batch)

    async def check(self) -> None:
        """Return when the stream takes what it is given.

        Raises:
            StreamError: it refuses the batch under way.
        """
        if self._trouble:
            raise StreamError(self._trouble)

    def _count(self, deliveries: Sequence[Delivery], batch: SortedBatch) -> None:
        now_s = time.monotonic()
        self.metrics.received.inc(len(deliveries))
        self.metrics.accepted.inc(len(batch.messages))
        self.metrics.batch.observe(len(deliveries))
        self.metrics.append_delay.observe(now_s - min((d.received_s for d in deliveries), default=now_s))
        for letter in batch.letters:
            self.metrics.dead_letters.labels(letter.error).inc()
            _LOG.warning(
                "dead letter", extra={"topic": letter.topic, "error": letter.error, "detail": letter.detail}
            )

    async def _append(self, topic: str, records: Sequence[Record]) -> None:
        """Append, for as long as it takes."""
        await retry(
            lambda: self._stream.append(topic, records),
            self._note_failure,
            Backoff(_RETRY_BASE_S, _RETRY_CAP_S),
        )
        self._trouble = ""

    def _note_failure(self, error: IndustrialGuardError, wait_s: float) -> None:
        self._trouble = str(error)
        self.metrics.append_failures.inc()
        _LOG.error(
            "the stream takes nothing; waiting", extra={"reason": str(error), "wait_s": round(wait_s, 3)}
        )


def sort_deliveries(deliveries: Sequence[Delivery], trace: str = "") -> SortedBatch:
    """Judge each delivery on its own: a record for the stream, or a dead letter.

    Args:
        deliveries: As they came.
        trace: The `traceparent` of whoever judges, for messages that bring none.
    """
    batch = SortedBatch()
    for delivery in deliveries:
        try:
            message = validate(delivery.topic, delivery.payload, delivery.size_bytes)
        except MessageError as error:
            batch.letters.append(dead_letters.write_letter(delivery, error))
        else:
            batch.messages.append(build_record(message, delivery, trace))
    return batch


def validate(topic: str, payload: bytes, size_bytes: int | None = None) -> Message:
    """Decide whether a publication is a message of ours, from who it says it is from.

    Args:
        topic: Where it was published.
        payload: All of it, or its beginning.
        size_bytes: Of the payload as it was sent; None: it is whole.

    Raises:
        MessageError: one of its subclasses, which says what is wrong.
    """
    origin = parse_up_topic(topic)
    size_bytes = len(payload) if size_bytes is None else size_bytes
    if size_bytes > MAX_MESSAGE_BYTES:
        raise OversizedError(f"{size_bytes} bytes; a message has at most {MAX_MESSAGE_BYTES}")
    message = decode(payload)
    if message.device_id != origin.device_id:
        raise TopicMismatchError(f"says it is from {message.device_id}, was published by {origin.device_id}")
    if message.kind is not origin.kind:
        raise TopicMismatchError(f"a {message.kind} published as {origin.kind}")
    return message


def build_record(message: Message, delivery: Delivery, trace: str = "") -> Record:
    """The stream's record of a valid message: its own bytes, keyed by its device."""
    headers = {"topic": delivery.topic, "retained": str(int(delivery.is_retained))}
    if delivery.traceparent and is_traceparent(delivery.traceparent):
        headers[TRACEPARENT] = delivery.traceparent
    elif trace:
        headers[TRACEPARENT] = trace
    return Record(message.device_id, delivery.payload, headers)
