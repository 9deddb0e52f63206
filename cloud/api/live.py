"""Tells every open page that something changed.

Rule: the store is asked by one task, however many pages are open; an event says only *that* something
changed, so a client that fell behind loses nothing by being dropped and connecting again.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass

from cloud.api.settings import ApiSettings
from contract.errors import IndustrialGuardError

_LOG = logging.getLogger(__name__)
RECONNECT_MS = 2000
"""How long a browser waits before it connects again, in ms."""


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One server-sent event."""

    name: str
    data: str

    def encode(self) -> bytes:
        r"""As text/event-stream (WHATWG HTML, 9.2.5).

        >>> LiveEvent("change", "7").encode()
        b'event: change\ndata: 7\n\n'
        """
        return f"event: {self.name}\ndata: {self.data}\n\n".encode()


class LiveFeed:
    """One poller, many subscribers.

    Args:
        read_marker: Returns a text that differs whenever the store changed; called in a thread.
        settings: How often to ask, how long to be silent, how far a client may fall behind.
    """

    def __init__(self, read_marker: Callable[[], str], settings: ApiSettings) -> None:
        self._read_marker = read_marker
        self._settings = settings
        self._queues: set[asyncio.Queue[LiveEvent | None]] = set()
        self._closed = asyncio.Event()
        self.dropped = 0
        """Clients dropped because they fell behind, since start."""

    @property
    def clients(self) -> int:
        """Open subscriptions."""
        return len(self._queues)

    @property
    def is_full(self) -> bool:
        """Whether another client is one too many."""
        return len(self._queues) >= self._settings.max_clients

    async def run(self) -> None:
        """Poll until closed; a store that cannot be read is reported and asked again."""
        marker: str | None = None
        while not self._closed.is_set():
            try:
                current = await asyncio.to_thread(self._read_marker)
            except IndustrialGuardError as error:
                _LOG.warning("live feed cannot read the store", extra={"reason": str(error)})
            else:
                if marker is not None and current != marker:
                    self.publish(LiveEvent("change", json.dumps({"marker": current})))
                marker = current
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), self._settings.poll_s)

    def publish(self, event: LiveEvent) -> None:
        """Hand an event to every client; drop those that are a whole backlog behind."""
        for queue in list(self._queues):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self._queues.discard(queue)
                self.dropped += 1
                queue.get_nowait()  # makes room for the end, so that the client's stream closes
                queue.put_nowait(None)

    def close(self) -> None:
        """End the poller and every stream, now and for later subscribers; a second call changes nothing."""
        self._closed.set()
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)

    async def subscribe(self) -> AsyncIterator[bytes]:
        """Encoded events for one client from `hello` on, until it leaves, falls behind or the feed closes."""
        if self._closed.is_set():
            return
        queue: asyncio.Queue[LiveEvent | None] = asyncio.Queue(self._settings.backlog)
        self._queues.add(queue)
        try:
            yield f"retry: {RECONNECT_MS}\n".encode() + LiveEvent("hello", "{}").encode()
            while True:
                try:
                    event = await asyncio.wait_for(queue.get(), self._settings.heartbeat_s)
                except TimeoutError:
                    event = LiveEvent("heartbeat", "{}")
                if event is None:
                    return
                yield event.encode()
        finally:
            self._queues.discard(queue)
