"""How the device itself is doing, and telling systemd so.

Rule: the watchdog is fed from the scoring loop alone. When the loop stalls, nothing else keeps the process
looking alive and systemd restarts it.
"""

from __future__ import annotations

import logging
import os
import resource
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_LOG = logging.getLogger(__name__)
SEND_TIMEOUT_S = 0.2
"""Longest wait for a busy systemd; then the line is given up, and the loop goes on."""
_STATM = Path("/proc/self/statm")


class ServiceNotifier:
    """Speaks sd_notify(3) over `NOTIFY_SOCKET`; without one, every call does nothing.

    Args:
        address: Path of systemd's datagram socket, `@name` for an abstract one; empty: none.
        watchdog_s: The unit's `WatchdogSec`; pings go out at most every third of it. 0: no watchdog.
        clock: Monotonic seconds.
    """

    def __init__(
        self, address: str = "", watchdog_s: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._period_s = watchdog_s / 3
        self._clock = clock
        self._last_ping_s = float("-inf")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if address else None
        if self._socket is not None:
            self._socket.settimeout(SEND_TIMEOUT_S)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ServiceNotifier:
        """Read `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` as systemd sets them."""
        period_us = environment.get("WATCHDOG_USEC", "0")
        is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog_s = int(period_us) / 1e6 if period_us.isdigit() and is_ours else 0.0
        return cls(environment.get("NOTIFY_SOCKET", ""), watchdog_s)

    def ready(self) -> None:
        """Startup is done."""
        self._send("READY=1")

    def ping(self) -> None:
        """The scoring loop has come round once more."""
        if self._period_s <= 0 or self._clock() - self._last_ping_s < self._period_s:
            return
        self._last_ping_s = self._clock()
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Shutdown has begun."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, line: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(line.encode(), self._address)
        except OSError as error:  # a deaf service supervisor must not stop the machine's watch
            _LOG.warning("systemd cannot be notified", extra={"line": line, "error_text": str(error)})


def read_rss_bytes() -> int:
    """Resident memory of this process in bytes; its peak where /proc is missing."""
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux KiB
