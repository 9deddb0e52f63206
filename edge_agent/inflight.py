"""What was sent and not yet acknowledged by the cloud, and when to send it again.

Rule: pure. Waits double with every try up to a cap; a new connection or a sign of life from the cloud
shortens them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from edge_agent.outbox import Key, OutboxEntry


@dataclass(slots=True)
class _Sent:
    entry: OutboxEntry
    due_s: float
    wait_s: float


class Inflight:
    """At most `limit` messages on their way."""

    def __init__(self, limit: int, timeout_s: float, max_timeout_s: float) -> None:
        self._limit = limit
        self._timeout_s = timeout_s
        self._max_timeout_s = max_timeout_s
        self._sent: dict[Key, _Sent] = {}

    def __len__(self) -> int:
        return len(self._sent)

    @property
    def free(self) -> int:
        """How many more may be sent."""
        return self._limit - len(self._sent)

    @property
    def keys(self) -> Collection[Key]:
        """Keys of what is on its way."""
        return self._sent.keys()

    def note_sent(self, entry: OutboxEntry, now_s: float) -> None:
        """Remember that a message was sent, for the first time or again."""
        before = self._sent.get(entry.key)
        wait_s = self._timeout_s if before is None else min(2 * before.wait_s, self._max_timeout_s)
        self._sent[entry.key] = _Sent(entry, now_s + wait_s, wait_s)

    def due(self, now_s: float) -> list[OutboxEntry]:
        """What has waited long enough to be sent again, oldest first."""
        return [sent.entry for sent in self._sent.values() if sent.due_s <= now_s]

    def settle(self, boot_id: int, sequences: Collection[int], now_s: float) -> None:
        """Forget what the cloud acknowledged; it is alive, so wait for the rest no longer than at first."""
        for sequence in sequences:
            self._sent.pop((boot_id, sequence), None)
        for sent in self._sent.values():
            sent.due_s = min(sent.due_s, now_s + self._timeout_s)
            sent.wait_s = min(sent.wait_s, self._timeout_s)

    def expedite(self) -> None:
        """A new connection: everything on its way is due at once."""
        for sent in self._sent.values():
            sent.due_s = float("-inf")
            sent.wait_s = self._timeout_s / 2  # `note_sent` doubles it back


def full_jitter(attempt: int, base_s: float, cap_s: float, random: Callable[[], float]) -> float:
    """Back-off before attempt number `attempt` (0 is the first retry), in s.

    Exponential with full jitter (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015), so
    that a fleet that lost its broker in one moment does not come back in one moment.

    >>> full_jitter(3, 1.0, 60.0, lambda: 0.5)
    4.0
    """
    return random() * min(cap_s, base_s * 2.0 ** min(attempt, 64))
