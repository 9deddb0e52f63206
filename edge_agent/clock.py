"""Whether this device's clock can be held against what others have signed.

Rule: a clock is believed while the kernel says that something keeps it right, and never before a time at
which this code was already written. In doubt it is not: then nothing is refused for its date.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from datetime import UTC, datetime

WRITTEN = datetime(2026, 11, 1, tzinfo=UTC)
"""No device with this code lives before it."""
_NOT_SYNCHRONISED = 0x0040
"""STA_UNSYNC (adjtimex(2))."""


class BelievedClock:
    """The wall clock, where it is right.

    Args:
        is_kept: Whether something keeps it right.
        wall_s: Seconds since the Unix epoch.
    """

    def __init__(
        self, is_kept: Callable[[], bool] | None = None, wall_s: Callable[[], float] = time.time
    ) -> None:
        self._is_kept = is_kept or is_synchronised
        self._wall_s = wall_s

    def now(self) -> datetime | None:
        """Aware UTC; None: it is not believed."""
        now_s = self._wall_s()
        if now_s < WRITTEN.timestamp() or not self._is_kept():
            return None
        return datetime.fromtimestamp(now_s, UTC)


class _Timex(ctypes.Structure):
    """`struct timex` as far as its status; the kernel writes the rest, too."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    ]


def is_synchronised() -> bool:
    """Whether the kernel says that something keeps the wall clock right; only Linux tells."""
    try:
        ask = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return False
    timex = _Timex()  # modes 0: asks, and changes nothing
    return ask(ctypes.byref(timex)) >= 0 and not timex.status & _NOT_SYNCHRONISED
