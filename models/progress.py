"""Says on stderr how far a long step is and how long it will still take.

Rule: stdout carries results only. On a terminal one line is rewritten; elsewhere a line appears every few
seconds.
"""

from __future__ import annotations

import math
import sys
import time
from typing import TextIO

QUIET_S = 5.0
"""Time between two lines where the output is no terminal, in s."""


class Progress:
    """Progress of one step with a known number of parts.

    Args:
        label: What is being done.
        total: Number of parts; at least 1.
        stream: Where to say it; None: stderr.
    """

    def __init__(self, label: str, total: int, stream: TextIO | None = None) -> None:
        self._label = label
        self._total = total
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._started_s = time.monotonic()
        self._said_s = self._started_s
        self._first_s = math.nan
        self._first_done = 0

    def advance(self, done: int, note: str = "") -> None:
        """Say that `done` of the parts are finished."""
        now_s = time.monotonic()
        is_last = done >= self._total
        if math.isnan(self._first_s):  # the first part may hold one-off work: it is no measure for the rest
            self._first_s, self._first_done = now_s, done
        if not (self._is_terminal or is_last or now_s - self._said_s >= QUIET_S):
            return
        self._said_s = now_s
        parts = [f"{self._label} {done}/{self._total}", note, self._remaining(done, now_s)]
        self._write("  ".join(part for part in parts if part), is_last)

    def _remaining(self, done: int, now_s: float) -> str:
        measured = done - self._first_done
        if measured <= 0 or done >= self._total:
            return ""
        return f"{_duration((now_s - self._first_s) / measured * (self._total - done))} left"

    def finish(self, note: str) -> None:
        """Say that the step is over, however many parts were done."""
        self._write(f"{self._label}: {note}, {_duration(time.monotonic() - self._started_s)}", is_last=True)

    def _write(self, line: str, is_last: bool) -> None:
        if self._is_terminal:
            self._stream.write(f"\r\x1b[2K{line}" + ("\n" if is_last else ""))
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()


def _duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> _duration(7.4), _duration(125.0)
    ('7 s', '2 min 5 s')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
