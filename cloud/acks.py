"""Tells devices what the cloud has taken over.

Rule: one Ack for each device and batch. An Ack that cannot be sent is not an error: the device sends its
message again, the sink recognises it and acknowledges again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Protocol

from cloud.errors import LinkError
from cloud.metrics import AckMetrics, count_of
from contract.codec import MAX_ACK_SEQUENCES, encode_ack
from contract.messages import Ack, BootAck
from contract.topics import AckTopic

_LOG = logging.getLogger(__name__)
Key = tuple[str, int, int]


class Publisher(Protocol):
    """What is needed of a broker to answer devices."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Send once, QoS 1.

        Raises:
            LinkError: not connected, or too much waits already.
        """
        ...


class AckPublisher:
    """Sends acknowledgements through a link, and counts them."""

    def __init__(self, link: Publisher, metrics: AckMetrics | None = None) -> None:
        self._link = link
        self.metrics = metrics or AckMetrics()

    def publish(self, stored: Iterable[Key] = (), rejected: Iterable[Key] = ()) -> None:
        """Acknowledge messages by their keys (device, boot, sequence)."""
        for device_id, ack in build_acks(stored, rejected):
            try:
                self._link.publish(str(AckTopic(device_id)), encode_ack(ack))
            except LinkError as error:
                if count_of(self.metrics.unsent) == 0:
                    _LOG.warning("an ack was not sent; devices will ask again", extra={"reason": str(error)})
                self.metrics.unsent.inc()
            else:
                self.metrics.sent.inc()


def build_acks(stored: Iterable[Key], rejected: Iterable[Key]) -> Iterator[tuple[str, Ack]]:
    """One Ack for each device; more only where one could not hold all sequences.

    A key that was stored is not rejected, even when a broken copy of it came along.

    >>> [(device, ack.boots[0].stored) for device, ack in build_acks([("a", 7, 1), ("a", 7, 2)], [])]
    [('a', frozenset({1, 2}))]
    """
    verdicts = dict.fromkeys(rejected, False) | dict.fromkeys(stored, True)
    devices: dict[str, list[tuple[int, int, bool]]] = {}
    for (device_id, boot_id, sequence), is_stored in sorted(verdicts.items()):
        devices.setdefault(device_id, []).append((boot_id, sequence, is_stored))
    for device_id, verdict in devices.items():
        for start in range(0, len(verdict), MAX_ACK_SEQUENCES):
            yield device_id, _build_ack(verdict[start : start + MAX_ACK_SEQUENCES])


def _build_ack(verdicts: list[tuple[int, int, bool]]) -> Ack:
    boots: dict[int, tuple[set[int], set[int]]] = {}
    for boot_id, sequence, is_stored in verdicts:
        stored, rejected = boots.setdefault(boot_id, (set(), set()))
        (stored if is_stored else rejected).add(sequence)
    return Ack(tuple(BootAck(b, frozenset(s), frozenset(r)) for b, (s, r) in boots.items()))
