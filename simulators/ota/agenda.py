"""Virtual time: what is to be done, and when.

Rule: time passes from one event to the next and at no other moment; what is due at the same moment is done in
the order in which it was asked for.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class Agenda:
    """A queue of events.

    >>> agenda, done = Agenda(), []
    >>> agenda.at(5.0, lambda: done.append(agenda.now_s))
    >>> agenda.every(2.0, lambda: done.append(agenda.now_s))
    >>> agenda.run(6.0)
    >>> done, agenda.now_s
    ([2.0, 4.0, 5.0, 6.0], 6.0)
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, time_s: float, work: Callable[[], None]) -> None:
        """Have something done then, or now where that is over."""
        heapq.heappush(self._queue, (max(time_s, self.now_s), next(self._numbers), work))

    def every(self, period_s: float, work: Callable[[], None]) -> None:
        """Have something done again and again."""

        def do() -> None:
            work()
            self.at(self.now_s + period_s, do)

        self.at(self.now_s + period_s, do)

    def run(self, until_s: float) -> None:
        """Let time pass."""
        while self._queue and self._queue[0][0] <= until_s:
            self.now_s, _, work = heapq.heappop(self._queue)
            work()
        self.now_s = until_s
