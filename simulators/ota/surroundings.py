"""What a device finds around it, and its own clock, which may be wrong.

Rule: whoever believes a clock here is told the truth by it; the others are told what their clock says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from contract.checks import EARLIEST
from simulators.ota.cast import Clock, Part
from simulators.ota.ledger import Ledger
from simulators.ota.link import Server, Watch
from simulators.ota.models import Behaviour


class Surroundings(Protocol):
    """What a device finds around it."""

    ledger: Ledger
    root: bytes
    """That it was shipped with."""
    profile: str
    """Of its machine, as it tells in its Birth."""
    start: datetime
    """Of virtual time."""

    @property
    def now_s(self) -> float:
        """Virtual."""
        ...

    @property
    def behaviours(self) -> Mapping[str, Behaviour]:
        """Of bundles, by digest."""
        ...

    @property
    def server(self) -> Server:
        """Of updates and assignments."""
        ...

    def at(self, time_s: float, work: Callable[[], None]) -> None:
        """Have something done then."""
        ...

    def take_in(self, data: bytes) -> None:
        """A message reaches the cloud."""
        ...

    def may_be_news(self, device: str) -> tuple[int, int]:
        """Another value when a look may find something that it did not before."""
        ...


class OwnClock:
    """One device's.

    Args:
        part: Its fate.
        world: Around it.
        watch: How far the device is in a piece of its work.
    """

    def __init__(self, part: Part, world: Surroundings, watch: Watch) -> None:
        self._part = part
        self._world = world
        self._watch = watch
        self.started_s = 0.0
        """When the device was switched on, virtual."""

    def now(self) -> datetime | None:
        """Aware UTC; None: it is not believed."""
        return self._true_time() if self._part.clock is Clock.BELIEVED else None

    def epoch_s(self) -> float:
        """What it says, s since the Unix epoch; one that nobody has set begins anew with each start."""
        if self._part.clock is Clock.NONE:
            return EARLIEST.timestamp() + self._world.now_s + self._watch.passed_s - self.started_s
        return self._true_time().timestamp() + self._part.clock_error_s

    def _true_time(self) -> datetime:
        return self._world.start + timedelta(seconds=self._world.now_s + self._watch.passed_s)
