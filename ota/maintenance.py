"""Hours at which a machine may be updated, by the clock on its own wall.

Rule: pure. A window names its time zone; summer time moves it in UTC and not on the wall.

>>> night = MaintenanceWindow("Europe/Berlin", time(22), time(4), days=(4,))
>>> open_until([night], datetime(2026, 7, 4, 1, 30, tzinfo=UTC)).isoformat()
'2026-07-04T02:00:00+00:00'
>>> open_until([night], datetime(2026, 7, 4, 2, tzinfo=UTC)) is None
True
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ota.errors import RolloutError

EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """Some hours of some days of the week.

    Raises:
        RolloutError: no such time zone, or no day at all.
    """

    zone: str
    """IANA name, such as `Europe/Berlin`."""
    start: time
    end: time
    """Not after `start`: on the next day."""
    days: tuple[int, ...] = EVERY_DAY
    """On which it starts; Monday is 0."""

    def __post_init__(self) -> None:
        if self.start.tzinfo or self.end.tzinfo:
            raise RolloutError("a maintenance window's times are those of its zone; write them without one")
        if not self.days or not set(self.days) <= set(EVERY_DAY):
            raise RolloutError("a maintenance window needs days from 0 (Monday) to 6 (Sunday)")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise RolloutError(f"no time zone {self.zone[:60]!r}; write one such as Europe/Berlin") from error


def open_until(windows: Iterable[MaintenanceWindow], now: datetime) -> datetime | None:
    """When the last of the windows that are open now closes.

    Args:
        windows: Any of them will do; none at all: always.
        now: Aware UTC.

    Returns:
        None: all are closed.
    """
    windows = list(windows)
    if not windows:
        return FOREVER
    ends = [end for window in windows if (end := _end_of(window, now)) is not None]
    return max(ends, default=None)


def _end_of(window: MaintenanceWindow, now: datetime) -> datetime | None:
    zone = ZoneInfo(window.zone)
    today = now.astimezone(zone).date()
    for day in (today, today - timedelta(days=1)):
        last = day + timedelta(days=1) if window.end <= window.start else day
        begin = datetime.combine(day, window.start, zone).astimezone(UTC)
        end = datetime.combine(last, window.end, zone).astimezone(UTC)
        if day.weekday() in window.days and begin <= now < end:
            return end
    return None
