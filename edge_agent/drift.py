"""Slow drift: how far a machine has moved from its baseline for good.

Rule: slow means slow. Each feature's deviation is averaged over many times what the baseline was learned
from, so that a warm start, a shift or a hot afternoon, which come and go, are no drift. Constant memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from contract.errors import StateError
from contract.features import feature_specs
from contract.profiles import MachineProfile
from contract.scoring import Z_CLIP, Mask, Values

MEMORY_BASELINES = 16
"""Windows that are remembered, in baselines: a mean over so many is steadier than the level it is held
against, and a duty cycle that a baseline of minutes cannot show is over several times."""


class SlowDrift:
    """A machine's mean deviation in its recent past.

    The mean of all windows while there are few of them, an exponentially weighted one from then on.

    Args:
        profile: The machine's.
    """

    def __init__(self, profile: MachineProfile) -> None:
        count = len(feature_specs(profile))
        self._memory: Values = np.full(count, MEMORY_BASELINES * profile.warmup.baseline_windows, np.float32)
        self._one: Values = np.ones(count, np.float32)
        self._means: Values = np.zeros(count, np.float32)
        self._seen: Values = np.zeros(count, np.float32)
        self._weights: Values = self._one
        """Of the next window, one over the windows seen."""
        self._is_full = False

    def add(self, standardised: Values, valid: Mask) -> None:
        """Take one window's deviations.

        Args:
            standardised: float32 (F,), in spreads of a healthy machine over its baseline's life.
            valid: bool (F,), which of them count.
        """
        if not self._is_full:
            self._count(np.minimum(self._seen + valid, self._memory))
        away = standardised - self._means
        away *= valid
        away *= self._weights
        self._means += away

    @property
    def deviations(self) -> Values:
        """Mean deviation of each feature; 0 where its memory is not full yet. float32 (F,)."""
        return self._means if self._is_full else self._means * (self._seen >= self._memory)

    @property
    def level(self) -> float:
        """The largest of them, as a share of `Z_CLIP`: 0..1."""
        farthest: float = max(np.abs(self.deviations).tolist())
        return min(farthest / Z_CLIP, 1.0)

    def _count(self, seen: Values) -> None:
        """Take how many windows of each feature the means rest on; nothing changes that once all are full."""
        self._seen = seen
        self._weights = self._one / np.maximum(seen, self._one)
        self._is_full = np.count_nonzero(seen < self._memory) == 0

    def to_state(self) -> dict[str, Any]:
        """JSON-safe state, to survive a restart."""
        return {"means": self._means.tolist(), "seen": self._seen.tolist()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], profile: MachineProfile) -> Self:
        """Go on where `to_state` stopped.

        Raises:
            StateError: the state is damaged or belongs to other features.
        """
        drift = cls(profile)
        try:
            means, seen = (np.array(state[name], np.float32) for name in ("means", "seen"))
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"drift: the stored state is damaged ({error!r}); delete it") from error
        has_shape = means.shape == seen.shape == drift._means.shape
        if not (has_shape and np.isfinite(means).all() and ((seen >= 0) & (seen <= drift._memory)).all()):
            raise StateError("drift: the stored state is damaged or another machine's; delete it")
        drift._means = means
        drift._count(seen)
        return drift
