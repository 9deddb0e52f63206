"""Maintenance windows are those of the clock on the wall."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, time

import pytest

import ota.evidence
import ota.maintenance
import ota.rollout_plan
from ota.errors import RolloutError
from ota.maintenance import FOREVER, MaintenanceWindow, open_until


@pytest.mark.parametrize(
    "module", [ota.maintenance, ota.evidence, ota.rollout_plan], ids=lambda m: m.__name__
)
def test_the_examples_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_none_at_all_is_always_open() -> None:
    assert open_until([], datetime(2026, 1, 1, tzinfo=UTC)) == FOREVER


def test_summer_time_moves_it_in_utc_only() -> None:
    window = MaintenanceWindow("Europe/Berlin", time(2), time(4))
    winter, summer = datetime(2026, 1, 5, 1, 30, tzinfo=UTC), datetime(2026, 7, 6, 0, 30, tzinfo=UTC)
    assert open_until([window], winter) == datetime(2026, 1, 5, 3, tzinfo=UTC)
    assert open_until([window], summer) == datetime(2026, 7, 6, 2, tzinfo=UTC)
    assert open_until([window], datetime(2026, 7, 6, 2, 30, tzinfo=UTC)) is None


def test_over_midnight_it_belongs_to_the_day_on_which_it_starts() -> None:
    friday = MaintenanceWindow("UTC", time(22), time(6), days=(4,))
    assert open_until([friday], datetime(2026, 3, 7, 5, 59, tzinfo=UTC)) is not None  # Saturday morning
    assert open_until([friday], datetime(2026, 3, 6, 5, 0, tzinfo=UTC)) is None  # Friday morning


def test_of_several_the_last_to_close_counts() -> None:
    windows = [MaintenanceWindow("UTC", time(10), time(11)), MaintenanceWindow("UTC", time(10), time(15))]
    assert open_until(windows, datetime(2026, 3, 7, 10, 30, tzinfo=UTC)) == datetime(
        2026, 3, 7, 15, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("zone", "days", "start"),
    [
        ("Mars/Base", (0,), time(1)),
        ("../etc", (0,), time(1)),
        ("UTC", (), time(1)),
        ("UTC", (7,), time(1)),
        ("UTC", (0,), time(1, tzinfo=UTC)),
    ],
    ids=["zone", "path", "no day", "day 7", "aware"],
)
def test_what_is_no_window_is_refused(zone: str, days: tuple[int, ...], start: time) -> None:
    with pytest.raises(RolloutError):
        MaintenanceWindow(zone, start, time(4), days)
