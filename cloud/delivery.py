"""A publication as the broker handed it over, before anybody has believed a byte of it."""

from __future__ import annotations

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

    @property
    def size_bytes(self) -> int:
        """Of the payload as it was sent."""
        return self.cut_from or len(self.payload)
