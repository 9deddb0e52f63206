"""Entries for the tests of the outbox."""

from __future__ import annotations

from collections.abc import Collection

from contract.messages import Kind
from edge_agent.outbox import ROW_OVERHEAD_BYTES, Key, Outbox, OutboxEntry, OutboxLimits
from edge_agent.schedule import Lane

ROOMY = OutboxLimits(max_bytes=1_000_000, max_age_s=1e9)
SUMMARY, STATUS, ALARM = Kind.SUMMARY, Kind.STATUS, Kind.ALARM


def entry(sequence: int, kind: Kind = SUMMARY, boot: int = 1, size: int = 4) -> OutboxEntry:
    return OutboxEntry(boot, sequence, kind, bytes([sequence % 251]) * size)


def keys(entries: list[OutboxEntry]) -> list[tuple[Kind, int]]:
    return [(e.kind, e.sequence) for e in entries]


def room_for(count: int, size: int = 4) -> OutboxLimits:
    return OutboxLimits(max_bytes=count * (size + ROW_OVERHEAD_BYTES), max_age_s=1e9)


def waiting(outbox: Outbox, limit: int = 1_000_000, exclude: Collection[Key] = ()) -> list[OutboxEntry]:
    """What is pending, at most so many of each lane: live alarms, the other live ones, the backlog."""
    return [e for lane in outbox.pending(dict.fromkeys(Lane, limit), exclude).values() for e in lane]
