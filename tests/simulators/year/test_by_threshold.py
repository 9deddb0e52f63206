"""Limits send somebody where they are exceeded for long enough, and rest after a visit in vain."""

from __future__ import annotations

from simulators.year.by_calendar import RunToFailure
from simulators.year.by_threshold import REST_DAYS, ThresholdBased
from simulators.year.course import Course
from tests.simulators.year.small_plant import small_plant


def test_a_limit_that_nothing_reaches_sends_nobody() -> None:
    plant = small_plant(machines=1, days=20)
    ledger = Course(plant, RunToFailure()).run(ThresholdBased(plant, 1e6, 1e6))
    assert ledger.orders == 0


def test_a_limit_that_everything_exceeds_sends_somebody_again_and_again_but_not_at_once() -> None:
    plant = small_plant(machines=1, days=60, haste=1.0)
    ledger = Course(plant, RunToFailure()).run(ThresholdBased(plant, 0.01, 0.01))
    assert 1 < ledger.orders <= 60 / REST_DAYS + 1
