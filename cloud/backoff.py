"""How long to wait before trying again.

Rule: full jitter: a wait is drawn evenly between 0 and a bound that doubles up to a cap, so that many clients
of one broken server do not come back together (Brooker, "Exponential Backoff And Jitter", AWS Architecture
Blog, 2015).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from contract.errors import IndustrialGuardError

_MAX_DOUBLINGS = 30
_T = TypeVar("_T")


class Backoff:
    """The waits of one thing that is being retried.

    Args:
        base_s: Bound of the first wait, in s.
        cap_s: Largest bound, in s.
    """

    def __init__(self, base_s: float, cap_s: float) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self.attempts = 0
        """Failures in a row."""

    def next_wait_s(self) -> float:
        """The wait after one more failure, in s."""
        bound_s = min(self._cap_s, self._base_s * 2.0 ** min(self.attempts, _MAX_DOUBLINGS))
        self.attempts += 1
        return random.uniform(0.0, bound_s)

    def reset(self) -> None:
        """Note a success."""
        self.attempts = 0


async def retry(
    attempt: Callable[[], Awaitable[_T]],
    on_failure: Callable[[IndustrialGuardError, float], None],
    backoff: Backoff,
) -> _T:
    """Try until it works, for as long as its errors say that they may pass.

    Args:
        attempt: What to do.
        on_failure: Told the error and the wait, in s, before each new attempt.
        backoff: How long to wait.

    Raises:
        IndustrialGuardError: one that is not retriable.
    """
    while True:
        try:
            return await attempt()
        except IndustrialGuardError as error:
            if not error.retriable:
                raise
            wait_s = backoff.next_wait_s()
            on_failure(error, wait_s)
        await asyncio.sleep(wait_s)
