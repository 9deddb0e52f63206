"""What a process tells about itself: alive, ready, its numbers, its traces.

Rule: ready means that every part it works with answers now; a part that does not says why, in a sentence.
Being asked never stops the work, and a part that hangs counts as one that fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from cloud.errors import LinkError
from cloud.metrics import LinkMetrics, LinkState, StreamMetrics, process_registry
from cloud.stream import Consumer, Stream
from cloud.tracing import NO_TRACING, Tracing
from contract.errors import IndustrialGuardError

ANSWER_S = 3.0
"""How long a part may take to answer, in s."""
LAG_PERIOD_S = 2.0
"""Between two looks at a consumer's lag, in s."""
OK = "ok"
Check = Callable[[], Awaitable[None]]
"""Returns when a part answers, and raises what is wrong with it."""


class Link(LinkState, Protocol):
    """What is asked of an MQTT link."""

    @property
    def address(self) -> str:
        """Of the broker, without credentials."""
        ...


class Store(Protocol):
    """What is asked of a store."""

    def ping(self) -> None:
        """Return when it answers.

        Raises:
            StoreError: it does not.
        """
        ...


class Monitor:
    """Of one process.

    Args:
        tracing: Where spans go.
    """

    def __init__(self, tracing: Tracing = NO_TRACING) -> None:
        self.registry = process_registry()
        self.tracing = tracing
        self._links = LinkMetrics(self.registry)
        self._lag = StreamMetrics(self.registry).lag
        self._checks: dict[str, Check] = {}

    def watch(self, part: str, check: Check) -> None:
        """Let readiness depend on a part of the process."""
        self._checks[part] = check

    def watch_link(self, role: str, link: Link) -> None:
        """Let readiness depend on a link to the broker, whose state is shown too."""

        async def check() -> None:
            if not link.is_connected:
                raise LinkError(f"no connection to the broker {link.address}")

        self._links.watch(role, link)
        self.watch(f"broker ({role})", check)

    def watch_stream(self, stream: Stream) -> None:
        """Let readiness depend on the stream."""
        self.watch("stream", stream.ping)

    def watch_store(self, store: Store) -> None:
        """Let readiness depend on the store."""
        self.watch("store", partial(asyncio.to_thread, store.ping))

    async def follow_lag(
        self, group: str, topic: str, consumer: Consumer, note: Callable[[int], None] = lambda _: None
    ) -> None:
        """Look at a consumer's lag now and then, until cancelled, whatever its work is waiting for.

        Args:
            group: The consumer group.
            topic: What it reads.
            consumer: Of both.
            note: Told the lag, too.

        Raises:
            StreamError: one that waiting does not cure.
        """
        gauge = self._lag.labels(group, topic)
        while True:
            try:
                lag = await consumer.lag()
            except IndustrialGuardError as error:
                if not error.retriable:
                    raise
            else:
                gauge.set(lag)
                note(lag)
            await asyncio.sleep(LAG_PERIOD_S)

    async def judge(self) -> dict[str, str]:
        """Each part with what is wrong with it, or `OK`."""
        answers = await asyncio.gather(*(_ask(part, check) for part, check in self._checks.items()))
        return dict(zip(self._checks, answers, strict=True))


async def _ask(part: str, check: Check) -> str:
    try:
        await asyncio.wait_for(check(), ANSWER_S)
    except IndustrialGuardError as error:
        return str(error)
    except TimeoutError:
        return f"the {part} does not answer within {ANSWER_S:g} s"
    return OK
