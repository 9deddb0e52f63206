"""A publication as the broker handed it over, before anybody has believed a byte of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Delivery:
    """One MQTT publication that waits to be acknowledged."""

    topic: str
    payload: bytes = field(repr=False)
    is_retained: bool = False
    """The broker gave it from memory when we subscribed; it may be old."""
    receipt: tuple[int, int] = (0, 0)
    """Connection and packet by which the link acknowledges it."""
    cut_from: int = 0
    """Bytes it had before all but its beginning was let go; 0: it is whole."""
    traceparent: str = field(default="", repr=False)
    """Its trace (W3C Trace Context), by the MQTT 5 user property of this name; empty: none."""
    received_s: float = field(default_factory=time.monotonic, repr=False, compare=False)
    """When it was handed over, by the monotonic clock, in s."""

    @property
    def size_bytes(self) -> int:
        """Of the payload as it was sent."""
        return self.cut_from or len(self.payload)
