"""Renews the device's certificate while the agent runs.

Rule: in a thread of its own, because the desk may be slow and nothing may wait for it. A renewed identity is
used at the next connection; the one that is open keeps its own, which holds still.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from contract.errors import IndustrialGuardError
from contract.identity import IdentityFolder
from edge_agent.credentials import Holding
from edge_agent.enrolment import read_identity, renew
from edge_agent.schedule import full_jitter

_LOG = logging.getLogger(__name__)
EARLIEST, LATEST = 0.5, 2 / 3
"""Shares of a certificate's life between which it is renewed."""
LOOK_S = 600.0
"""Between two looks at the clock, which may jump, in s."""
FIRST_RETRY_S, LAST_RETRY_S = 60.0, 6 * 3600.0


def renewal_time(held: Holding, draw: float) -> datetime:
    """When to renew: a fleet that was enrolled in one morning does not come back in one.

    Args:
        held: The certificate.
        draw: Random, 0..1.
    """
    share = EARLIEST + draw * (LATEST - EARLIEST)
    return held.not_before + share * (held.not_after - held.not_before)


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


class Renewer:
    """Looks, and renews when it is time.

    Args:
        folder: Of the identity.
        now: This machine's clock.
        draw: Random numbers, 0..1.
    """

    def __init__(
        self,
        folder: IdentityFolder,
        now: Callable[[], datetime] = utc_now,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._folder, self._now, self._draw = folder, now, draw
        self._failures = 0
        self._share = draw()

    def run(self, stop: threading.Event) -> None:
        """Look until told to stop."""
        wait_s = self.look()
        while not stop.wait(wait_s):
            wait_s = self.look()

    def look(self) -> float:
        """Renew if it is time; returns how long to wait until the next look, in s."""
        try:
            held = read_identity(self._folder)
            if self._now() < renewal_time(held, self._share):
                return LOOK_S
            renew(self._folder)
        except IndustrialGuardError as error:
            self._failures += 1
            wait_s = LOOK_S + full_jitter(self._failures, FIRST_RETRY_S, LAST_RETRY_S, self._draw)
            _LOG.warning("certificate not renewed", extra={"reason": str(error), "retry_in_s": round(wait_s)})
            return wait_s
        self._failures, self._share = 0, self._draw()
        return LOOK_S
