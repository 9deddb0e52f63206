"""How often something may be tried.

Rule: pure but for what it remembers, which is bounded: who was not seen for long is forgotten, and when too
many are known the oldest are. Each process counts for itself.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

MOST_KNOWN = 10_000


@dataclass(slots=True)
class _Bucket:
    left: float
    seen_s: float


@dataclass(slots=True)
class Throttle:
    """A bucket of tries for each name; it fills up again with time.

    >>> throttle = Throttle(burst=2, per_s=0.1)
    >>> [throttle.take("ana", now_s) for now_s in (0, 0, 0, 10)]
    [True, True, False, True]
    """

    burst: float
    """Tries at once."""
    per_s: float
    """Tries that come back each second."""
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, name: str, now_s: float) -> bool:
        """Whether there was a try left; it is gone now.

        Args:
            name: Who tries.
            now_s: By a clock that only goes on.
        """
        with self._lock:
            bucket = self._buckets.pop(name, None) or _Bucket(self.burst, now_s)
            bucket.left = min(self.burst, bucket.left + (now_s - bucket.seen_s) * self.per_s)
            bucket.seen_s = now_s
            is_left = bucket.left >= 1
            bucket.left -= is_left
            self._buckets[name] = bucket  # the last to be forgotten
            if len(self._buckets) > MOST_KNOWN:
                del self._buckets[next(iter(self._buckets))]
            return is_left

    def forget(self, name: str) -> None:
        """It has done what it tried."""
        with self._lock:
            self._buckets.pop(name, None)
