"""Which times of devices are believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cloud.clocks import MAX_AHEAD, MAX_BEHIND, believe

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_ten_years_ahead_or_back_is_when_the_cloud_heard_of_it() -> None:
    decade = timedelta(days=3652)
    assert believe(NOON + decade, NOON, None) == NOON
    assert believe(NOON - decade, NOON, newest=NOON) == NOON


def test_backlogs_time_zones_and_old_recordings_are_believed() -> None:
    assert believe(NOON - timedelta(days=30), NOON, newest=NOON) == NOON - timedelta(days=30)
    assert believe(NOON + timedelta(hours=14), NOON, newest=NOON) == NOON + timedelta(hours=14)
    recorded = datetime(2004, 2, 12, tzinfo=UTC)
    assert believe(recorded, NOON, newest=None) == recorded
    assert believe(recorded, NOON, newest=recorded) == recorded


@given(st.integers(-(10**10), 10**10), st.integers(0, 10**9))
def test_what_is_believed_is_never_far_ahead_of_the_cloud_nor_far_behind_the_machine(
    offset_s: int, newest_s: int
) -> None:
    newest = NOON - timedelta(seconds=newest_s)
    believed = believe(NOON + timedelta(seconds=offset_s), NOON, newest)
    assert believed <= NOON + MAX_AHEAD
    assert believed >= newest - MAX_BEHIND
