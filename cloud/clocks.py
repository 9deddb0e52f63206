"""When something was, where a device's clock cannot be right.

Rule: pure, standard library only. A device's own time orders what it says. Only where it cannot be true does
the time at which the cloud heard of it take its place, so that a clock that was ten years off for an hour
neither rules a machine's state for ten years nor hides its alarms.

>>> from datetime import UTC
>>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
>>> believe(noon - timedelta(days=7), heard=noon, newest=noon) == noon - timedelta(days=7)
True
>>> believe(noon + timedelta(days=3650), heard=noon, newest=None) == noon
True
"""

from __future__ import annotations

from datetime import datetime, timedelta

MAX_AHEAD = timedelta(days=1)
"""Of the cloud's clock: wrong time zones and fast clocks are within it."""
MAX_BEHIND = timedelta(days=365)
"""Of what the machine has said before: no outbox is that old, and recordings may be, as long as all are."""


def believe(event_time: datetime, heard: datetime, newest: datetime | None) -> datetime:
    """The time that a message is taken to be about.

    Args:
        event_time: By the device's clock.
        heard: When the cloud heard of it, by its own.
        newest: Newest time that was believed of this machine; None: nothing yet.
    """
    is_ahead = event_time - heard > MAX_AHEAD
    is_behind = newest is not None and newest - event_time > MAX_BEHIND
    return heard if is_ahead or is_behind else event_time
