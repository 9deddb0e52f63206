"""A device of the load fleet: its sequence, its outbox, and what it does with an acknowledgement.

Rule: the device's own protocol: it sends again by the very rules of `edge_agent.schedule`, and only the
cloud's acknowledgement empties its outbox. The outbox is in memory and bounded; when it is full the oldest
summary is given up and counted. No input or output here.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from contract.messages import Ack, BootAck, Kind
from contract.topics import AckTopic, UpTopic
from edge_agent.outbox import OutboxEntry
from edge_agent.schedule import LIVE_S, Lane, Schedule, SendLimits
from simulators.load.counters import LoadCounters
from simulators.load.script import Script
from simulators.load.summaries import Head

OVERDUE_S = 1.0


@dataclass(frozen=True, slots=True)
class DeviceLimits:
    """What a device keeps, and how long it waits."""

    outbox: int = 1000
    """Messages that wait, at most."""
    inflight: int = 64
    """Messages sent and not acknowledged, at most; the agent's own."""
    ack_timeout_s: float = 5.0
    """Wait before sending again; doubles; the agent's own."""
    max_ack_timeout_s: float = 60.0
    replay_per_s: float = 2.0
    """Messages of the backlog in a second; the agent's own."""
    late_s: float = 30.0
    """A message is late when it is acknowledged later than this after it was due."""


class LoadDevice:
    """One device.

    Args:
        head: Who it is, in this boot.
        number: Which one of the fleet.
        limits: What it keeps.
        counters: Shared with the other devices of the process.
    """

    def __init__(self, head: Head, number: int, limits: DeviceLimits, counters: LoadCounters) -> None:
        self.head = head
        self.number = number
        self.ack_topic = str(AckTopic(head.device_id))
        self._topics = {kind: str(UpTopic(head.device_id, kind)).encode() for kind in Kind}
        self._limits = limits
        self._counters = counters
        self._schedule = Schedule(
            SendLimits(limits.inflight, limits.ack_timeout_s, limits.max_ack_timeout_s, limits.replay_per_s)
        )
        self._outbox: deque[OutboxEntry] = deque()
        self._due_s: dict[int, float] = {}
        self._sequence = 0
        self._time_us = 0
        self.newest_s = -math.inf
        """When the newest message that the cloud has acknowledged was due, by the monotonic clock."""

    def topic(self, kind: Kind) -> bytes:
        """Where its messages of a kind go."""
        return self._topics[kind]

    @property
    def waiting(self) -> int:
        """Messages that the cloud has not acknowledged."""
        return len(self._due_s)

    def is_free(self, now_s: float) -> bool:
        """Whether something more may be on its way."""
        return self._schedule.room(now_s)[Lane.LIVE] > 0

    def offer(self, script: Script, time_us: int, due_s: float, now_s: float) -> None:
        """Put its next message into the outbox.

        Args:
            script: Writes it.
            time_us: Its event time; moved on by 1 µs where the one before has it.
            due_s: When the schedule asked for it, by the monotonic clock.
            now_s: The same clock, now.
        """
        self._sequence += 1
        self._time_us = max(time_us, self._time_us + 1)
        counters = self._counters
        counters.offered += 1
        counters.overdue += now_s - due_s > OVERDUE_S
        kind, payload = script.write(self.head, self.number, self._sequence, self._time_us)
        if len(self._outbox) >= self._limits.outbox:
            self._give_up()
        self._outbox.append(OutboxEntry(self.head.boot_id, self._sequence, kind, payload))
        self._due_s[self._sequence] = due_s
        counters.kinds[kind] += 1

    def take(self, now_s: float) -> list[OutboxEntry]:
        """What is to be sent now: again, then for the first time."""
        again = self._schedule.due(now_s)
        for entry in again:
            self._schedule.note_again(entry, now_s)
        fresh = self._take_fresh(now_s) if self._outbox else []
        self._counters.resent += len(again)
        self._counters.sent += len(again) + len(fresh)
        return again + fresh

    def expedite(self) -> None:
        """A new connection: whatever was on its way is sent at once."""
        self._schedule.expedite()

    def settle(self, ack: Ack, now_s: float) -> None:
        """Take the cloud's acknowledgement."""
        for boot in ack.boots:
            if boot.boot_id == self.head.boot_id:
                self._settle(boot, now_s)

    def count_old(self, now_s: float) -> None:
        """At the end: what was never acknowledged and is too old counts as late."""
        self._counters.waiting += len(self._due_s)
        self._counters.late += sum(now_s - due_s > self._limits.late_s for due_s in self._due_s.values())

    def _take_fresh(self, now_s: float) -> list[OutboxEntry]:
        """What may be sent for the first time, lane by lane."""
        room, taken, kept = self._schedule.room(now_s), list[OutboxEntry](), list[OutboxEntry]()
        while self._outbox and any(room.values()):
            entry = self._outbox.popleft()
            lane = self._lane(entry, now_s)
            if room[lane]:
                room[lane] -= 1
                self._schedule.note_sent(entry, lane, now_s)
                taken.append(entry)
            else:
                kept.append(entry)
        self._outbox.extendleft(reversed(kept))
        return taken

    def _lane(self, entry: OutboxEntry, now_s: float) -> Lane:
        if now_s - self._due_s[entry.sequence] > LIVE_S:
            return Lane.BACKLOG
        return Lane.ALARM if entry.kind is Kind.ALARM else Lane.LIVE

    def _settle(self, boot: BootAck, now_s: float) -> None:
        self._schedule.settle(boot.boot_id, boot.stored | boot.rejected, now_s)
        counters = self._counters
        for sequence in boot.stored | boot.rejected:
            due_s = self._due_s.pop(sequence, None)
            if due_s is None:
                continue
            self.newest_s = max(self.newest_s, due_s)
            counters.ages.add(now_s - due_s)
            counters.late += now_s - due_s > self._limits.late_s
            if sequence in boot.stored:
                counters.acknowledged += 1
            else:
                counters.rejected += 1

    def _give_up(self) -> None:
        """The oldest summary; alarms and statuses only where there is nothing else."""
        place = next((n for n, entry in enumerate(self._outbox) if entry.kind is Kind.SUMMARY), 0)
        entry = self._outbox[place]
        del self._outbox[place]
        del self._due_s[entry.sequence]
        self._counters.dropped += 1
        self._counters.kinds[entry.kind] -= 1
