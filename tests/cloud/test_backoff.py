"""Waiting between attempts."""

from __future__ import annotations

import asyncio

import pytest

from cloud.backoff import Backoff, retry
from cloud.errors import StoreError, StoreUnavailableError
from contract.errors import IndustrialGuardError


def test_waits_are_drawn_below_a_bound_that_doubles_up_to_the_cap() -> None:
    for attempt in range(60):
        waits = []
        for _ in range(20):
            backoff = Backoff(0.5, 8.0)
            backoff.attempts = attempt
            waits.append(backoff.next_wait_s())
        bound = min(8.0, 0.5 * 2**attempt)
        assert all(0 <= w <= bound for w in waits)
        assert max(waits) > bound / 2  # full jitter reaches up: one chance in a million to fail
        assert len(set(waits)) > 1


def test_a_success_starts_over() -> None:
    backoff = Backoff(0.5, 8.0)
    for _ in range(10):
        backoff.next_wait_s()
    backoff.reset()
    assert backoff.next_wait_s() <= 0.5


def test_retry_goes_on_while_the_error_may_pass() -> None:
    failures: list[IndustrialGuardError] = []
    outcomes: list[Exception | int] = [StoreUnavailableError("locked"), StoreUnavailableError("locked"), 7]

    async def attempt() -> int:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert asyncio.run(retry(attempt, lambda error, _: failures.append(error), Backoff(0.001, 0.002))) == 7
    assert len(failures) == 2


def test_retry_ends_at_an_error_that_will_not_pass() -> None:
    async def attempt() -> int:
        raise StoreError("damaged")

    with pytest.raises(StoreError, match="damaged"):
        asyncio.run(retry(attempt, lambda *_: pytest.fail("not retriable"), Backoff(0.001, 0.002)))
