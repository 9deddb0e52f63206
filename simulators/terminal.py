"""What a person sees in the terminal while the demo runs.

Rule: one live line on a terminal, one plain line every few seconds elsewhere; never more than the eye can
follow.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

PLAIN_PERIOD_S = 5.0
LEAST_WALL_S = 2.0
"""Before that, a pace says nothing."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The figures of one moment."""

    wall_s: float
    machine_s: float
    machine_total_s: float | None
    """None: the demo runs until it is stopped."""
    machines: int
    offline: int
    messages_stored: int
    messages_per_s: float
    windows: int
    open_alerts: int
    memory_bytes: int

    @property
    def eta_s(self) -> float | None:
        """Wall seconds left at the pace so far; None when unknown."""
        if self.machine_total_s is None or self.machine_s <= 0 or self.wall_s < LEAST_WALL_S:
            return None
        return max(0.0, self.wall_s * (self.machine_total_s / self.machine_s - 1))


def format_progress(progress: Progress) -> str:
    """The progress as one line."""
    parts = [
        f"{format_duration(progress.machine_s)} of machine time",
        f"{progress.machines} machine{'' if progress.machines == 1 else 's'}"
        + (f" ({progress.offline} offline)" if progress.offline else ""),
        f"{progress.messages_per_s:5.0f} messages/s",
        f"{progress.messages_stored} stored",
        f"{progress.windows} windows scored",
        f"{progress.open_alerts} open alert{'' if progress.open_alerts == 1 else 's'}",
        f"{progress.memory_bytes / 1e6:.0f} MB",
    ]
    if progress.eta_s is not None:
        parts.append(f"{format_duration(progress.eta_s)} left")
    return " · ".join(parts)


def format_duration(seconds: float) -> str:
    """Seconds for people.

    >>> format_duration(7384)
    '2 h 03 min'
    >>> format_duration(75)
    '1 min 15 s'
    """
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole} s"


class Terminal:
    """Prints what happens and keeps the progress line; use as a context manager."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)
        self._last_plain = 0.0

    def __enter__(self) -> Terminal:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, line: str, style: str = "") -> None:
        """Print one line that stays."""
        self._console.print(Text(line, style=style))

    def show(self, progress: Progress) -> None:
        """Refresh the progress."""
        line = format_progress(progress)
        if self._console.is_terminal:
            self._live.update(Text(line, style="dim"))
        elif time.monotonic() - self._last_plain >= PLAIN_PERIOD_S:
            self._last_plain = time.monotonic()
            self._console.print(line)
