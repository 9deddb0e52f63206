"""Which message is sent next: the policy of the uplink.

Rule: pure. What happens now never waits for what happened then, nor the other way round: each lane has slots
of its own for what is sent and not yet acknowledged, and only the backlog has a rate. Within a lane messages
go in the order in which they were added, but for old alarms, which go before everything else that is old.
A message is sent again, at waits that double up to a cap, until the cloud has acknowledged it; a new
connection or a sign of life from the cloud shortens the waits, but never below what acknowledgements take by
now: a cloud that falls behind is not told everything twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.outbox import Key, OutboxEntry

LIVE_S = 60.0
"""Age up to which a message is about now, in s: an outage this short needs no rate."""


class Lane(StrEnum):
    """What a message is, as the uplink sees it; what lies in one lane never waits for another's."""

    ALARM = "alarm"
    """An alarm about now."""
    LIVE = "live"
    """Everything else about now."""
    BACKLOG = "backlog"
    """What waited longer than `LIVE_S`, or was there before the agent started."""


@dataclass(frozen=True, slots=True)
class SendLimits:
    """How much may be on its way, and how fast the backlog follows."""

    inflight: int
    """Messages sent and not acknowledged, at least 4: a quarter alarms, a quarter backlog, half the rest."""
    timeout_s: float
    """First wait for an acknowledgement, while they come sooner."""
    max_timeout_s: float
    replay_per_s: float
    """Messages of the backlog in a second, repetitions included."""

    def slots(self, lane: Lane) -> int:
        """How many of a lane may be on their way.

        >>> [SendLimits(10, 5.0, 60.0, 2.0).slots(lane) for lane in Lane]
        [2, 6, 2]
        """
        quarter = self.inflight // 4
        return self.inflight - 2 * quarter if lane is Lane.LIVE else quarter


class TokenBucket:
    """Permits at an even rate; unused ones keep for a second, or until there is one.

    >>> bucket = TokenBucket(2.0)
    >>> [bucket.count(s) for s in (0.0, 0.5, 100.0)]
    [0, 1, 2]
    """

    def __init__(self, rate_per_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._level = 0.0
        self._filled_s: float | None = None

    def count(self, now_s: float) -> int:
        """Permits that are there."""
        if self._filled_s is not None:
            grown = self._level + (now_s - self._filled_s) * self._rate_per_s
            self._level = min(grown, max(1.0, self._rate_per_s))
        self._filled_s = now_s
        return int(self._level)

    def take(self) -> None:
        """Use one."""
        self._level -= 1.0


class Patience:
    """How long to wait for an acknowledgement, by how long they took (after RFC 6298, 2.2 to 2.4).

    What comes evenly late is waited for half as long again.

    Args:
        least_s: However soon they come.
        most_s: However late.

    >>> patience = Patience(5.0, 60.0)
    >>> patience.note(0.1), patience.wait_s
    (None, 5.0)
    >>> for _ in range(50):
    ...     patience.note(8.0)
    >>> round(patience.wait_s)
    12
    """

    def __init__(self, least_s: float, most_s: float) -> None:
        self._least_s, self._most_s = least_s, most_s
        self._mean_s: float | None = None
        self._spread_s = 0.0

    @property
    def wait_s(self) -> float:
        """The first wait for a message that is sent now."""
        if self._mean_s is None:
            return self._least_s
        slack_s = max(4 * self._spread_s, self._mean_s / 2)
        return min(max(self._least_s, self._mean_s + slack_s), self._most_s)

    def note(self, took_s: float) -> None:
        """Take into account how long one took."""
        took_s = min(took_s, self._most_s)
        if self._mean_s is None:
            self._mean_s, self._spread_s = took_s, took_s / 2
        else:
            self._spread_s += (abs(took_s - self._mean_s) - self._spread_s) / 4
            self._mean_s += (took_s - self._mean_s) / 8


@dataclass(slots=True)
class _Sent:
    entry: OutboxEntry
    lane: Lane
    due_s: float
    wait_s: float
    first_s: float | None
    """When it was first sent over this connection; None: over an earlier one, which tells nothing."""


class Schedule:
    """What is on its way, and what may follow."""

    def __init__(self, limits: SendLimits) -> None:
        self._limits = limits
        self._permits = TokenBucket(limits.replay_per_s)
        self._patience = Patience(limits.timeout_s, limits.max_timeout_s)
        self._sent: dict[Key, _Sent] = {}

    def __len__(self) -> int:
        return len(self._sent)

    @property
    def keys(self) -> Collection[Key]:
        """Keys of what is on its way."""
        return self._sent.keys()

    def room(self, now_s: float) -> dict[Lane, int]:
        """How many messages of each lane may be sent for the first time."""
        free = {lane: self._limits.slots(lane) for lane in Lane}
        for sent in self._sent.values():
            free[sent.lane] -= 1
        free[Lane.BACKLOG] = min(free[Lane.BACKLOG], self._permits.count(now_s))
        return free

    def due(self, now_s: float) -> list[OutboxEntry]:
        """What has waited long enough to be sent again, oldest first; of the backlog, as its rate allows."""
        permits = self._permits.count(now_s)
        due = []
        for sent in self._sent.values():
            if sent.due_s > now_s:
                continue
            if sent.lane is Lane.BACKLOG:
                permits -= 1
                if permits < 0:
                    continue
            due.append(sent.entry)
        return due

    def note_sent(self, entry: OutboxEntry, lane: Lane, now_s: float) -> None:
        """Remember that a message was sent for the first time."""
        wait_s = self._patience.wait_s
        self._note(_Sent(entry, lane, now_s + wait_s, wait_s, now_s))

    def note_again(self, entry: OutboxEntry, now_s: float) -> None:
        """Remember that a message was sent again."""
        before = self._sent[entry.key]
        wait_s = min(2 * before.wait_s, self._limits.max_timeout_s)
        self._note(_Sent(entry, before.lane, now_s + wait_s, wait_s, before.first_s))

    def settle(self, boot_id: int, sequences: Collection[int], now_s: float) -> None:
        """Forget what the cloud acknowledged; it is alive, so wait for the rest no longer than at first."""
        for sequence in sequences:
            settled = self._sent.pop((boot_id, sequence), None)
            if settled is not None and settled.first_s is not None:
                # From its first sending, though it may be another that arrived: rather too patient than not.
                self._patience.note(now_s - settled.first_s)
        wait_s = self._patience.wait_s
        for sent in self._sent.values():
            sent.due_s = min(sent.due_s, now_s + wait_s)
            sent.wait_s = min(sent.wait_s, wait_s)

    def expedite(self) -> None:
        """A new connection: everything on its way is due at once."""
        for sent in self._sent.values():
            sent.due_s = float("-inf")
            sent.wait_s = self._patience.wait_s / 2  # `note_again` doubles it back
            sent.first_s = None

    def _note(self, sent: _Sent) -> None:
        self._sent[sent.entry.key] = sent
        if sent.lane is Lane.BACKLOG:
            self._permits.take()


def full_jitter(attempt: int, base_s: float, cap_s: float, random: Callable[[], float]) -> float:
    """Back-off before attempt number `attempt` (0 is the first retry), in s.

    Exponential with full jitter (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015), so
    that a fleet that lost its broker in one moment does not come back in one moment.

    >>> full_jitter(3, 1.0, 60.0, lambda: 0.5)
    4.0
    """
    return random() * min(cap_s, base_s * 2.0 ** min(attempt, 64))
