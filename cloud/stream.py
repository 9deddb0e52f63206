"""The log between ingest and everything behind it.

Rule: what `append` returned for is on disk, in the order of its key, until every group has consumed it. This
is the interface; `cloud.sqlite_stream` is the embedded log, and a Kafka log runs through the same contract
tests.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

MESSAGES = "messages"
"""Topic of valid messages, keyed by device."""


@dataclass(frozen=True, slots=True)
class Record:
    """What goes into the log."""

    key: str
    """Records of one key stay in order."""
    value: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class StoredRecord(Record):
    """What comes out of it."""

    topic: str = ""
    partition: int = 0
    offset: int = 0
    """Rises within a partition, not always by one."""
    append_time: datetime = datetime.min
    """By the cloud's clock, aware UTC."""


class Consumer(Protocol):
    """One group's reader of one topic."""

    async def poll(self, limit: int, timeout_s: float) -> list[StoredRecord]:
        """The next records, at most `limit`; empty when none came within `timeout_s`.

        Raises:
            StreamError: the log cannot be read; `retriable` says whether asking again may help.
        """
        ...

    async def commit(self, records: Sequence[StoredRecord]) -> None:
        """Say that these, and all before them in their partitions, need not come again.

        Raises:
            StreamError: not noted; they may come again.
        """
        ...

    def turns(self) -> Mapping[int, int]:
        """The partitions that it reads, each with the number of its turn there.

        While a number stays, nobody else has committed anything there: what follows from all that was polled
        in this turn is complete.
        """
        ...

    async def lag(self) -> int:
        """Records that wait behind the last poll.

        Raises:
            StreamError: the log cannot be asked; then others may read our partitions by now.
        """
        ...

    async def close(self) -> None:
        """Stop reading; what was not committed comes again to the group's next consumer."""
        ...


class Stream(Protocol):
    """A durable log of topics, each in partitions."""

    async def append(self, topic: str, records: Sequence[Record]) -> None:
        """Write records; they are durable when it returns.

        When it raises, any of them may be: append all again; whoever reads drops what comes twice.

        Raises:
            StreamFullError: no room.
            StreamError: not now, or not at all; see `retriable`.
        """
        ...

    async def subscribe(self, topic: str, group: str) -> Consumer:
        """A consumer that starts where its group last committed, or at the oldest record.

        Raises:
            GroupBusyError: the group's other consumer lives and does not share.
        """
        ...

    async def ping(self) -> None:
        """Return when the log answers.

        Raises:
            StreamError: it does not.
        """
        ...

    async def close(self) -> None:
        """Close the log and its consumers."""
        ...


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: the same in every process and for ever.

    >>> partition_of("press-7", 8)
    1
    """
    return zlib.crc32(key.encode()) % partitions
