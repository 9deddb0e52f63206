"""What the agent says, numbered and encoded, on its way into the outbox.

Rule: every message of a boot has a number of its own, in the order in which things were said. Messages about
one window are put on disk all at once.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from contract.checks import MAX_INT63
from contract.codec import encode
from contract.messages import Alarm, DeviceStatus, Message, ScoreSummary
from contract.updates import UpdateReport
from edge_agent.outbox import Outbox, OutboxEntry


class Outgoing:
    """The messages of one boot of one device.

    Args:
        device_id: Whose they are.
    """

    def __init__(self, device_id: str) -> None:
        self._device_id = device_id
        self.boot_id = secrets.randbelow(MAX_INT63) + 1
        """Random, new at every start."""
        self.counts: Counter[str] = Counter()
        """Messages put into the outbox, by kind."""
        self._sequence = 0
        self._outbox: Outbox | None = None
        self._dropped_before: Mapping[str, int] = {}
        self._waiting: list[OutboxEntry] = []

    @property
    def outbox(self) -> Outbox:
        """Where messages stay until the cloud has them."""
        if self._outbox is None:
            raise RuntimeError("step() before start()")
        return self._outbox

    @property
    def is_open(self) -> bool:
        """Whether there is an outbox yet."""
        return self._outbox is not None

    @property
    def depth(self) -> int:
        """Messages that the cloud does not have."""
        return self.outbox.depth + len(self._waiting)

    @property
    def size_bytes(self) -> int:
        """What these take."""
        return self.outbox.size_bytes + sum(entry.size for entry in self._waiting)

    @property
    def dropped(self) -> dict[str, int]:
        """Given up by the outbox since the start, by kind."""
        if self._outbox is None:
            return {}
        before = self._dropped_before
        gone = {kind: count - before.get(kind, 0) for kind, count in self._outbox.drops.items()}
        return {kind: count for kind, count in gone.items() if count}

    def open(self, outbox: Outbox) -> None:
        """Put messages there from now on."""
        self._outbox = outbox
        self._dropped_before = dict(outbox.drops)

    def send(
        self, event_time: datetime, body: ScoreSummary | Alarm | DeviceStatus | UpdateReport, version: str
    ) -> None:
        """Number and encode a message; it leaves with the others of its window.

        Args:
            event_time: The device's clock.
            body: What it says.
            version: Of the model in charge.
        """
        self._sequence += 1
        message = Message(self._device_id, self.boot_id, self._sequence, event_time, body, version)
        self._waiting.append(OutboxEntry(self.boot_id, self._sequence, message.kind, encode(message)))
        self.counts[str(message.kind)] += 1

    def store(self) -> None:
        """Into the outbox, where messages stay until the cloud has them."""
        if self._waiting:
            self.outbox.add(*self._waiting)
            self._waiting.clear()
