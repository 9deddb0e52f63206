"""Slow drift: how far a machine has moved from its baseline for good.

Rule: slow means slow. Each feature's deviation is averaged over many times what the baseline was learned
from, so that a warm start, a shift or a hot afternoon, which come and go, are no drift. Constant memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from contract.errors import StateError
from contract.features import feature_specs
from contract.profiles import MachineProfile
from contract.scoring import Z_CLIP, Mask, Values

Floats = npt.NDArray[np.float64]

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
        self._memory = float(MEMORY_BASELINES * profile.warmup.baseline_windows)
        self._one: Floats = np.ones(count)
        self._means: Floats = np.zeros(count)
        self._seen: Floats = np.zeros(count)

    def add(self, standardised: Values, valid: Mask) -> None:
        """Take one window's deviations.

        Args:
            standardised: float32 (F,), in spreads of a healthy machine over its baseline's life.
            valid: bool (F,), which of them count.
        """
        self._seen += valid
        np.minimum(self._seen, self._memory, out=self._seen)
        away = valid * (standardised - self._means)
        away /= np.maximum(self._seen, self._one)
        self._means += away

    @property
    def deviations(self) -> Floats:
        """Mean deviation of each feature; 0 where its memory is not full yet. float64 (F,)."""
        means: Floats = np.where(self._seen >= self._memory, self._means, 0.0)
        return means

    @property
    def level(self) -> float:
        """The largest of them, as a share of `Z_CLIP`: 0..1."""
        farthest: float = max(np.abs(self.deviations).tolist())
        return min(farthest / Z_CLIP, 1.0)

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
            means, seen = (np.array(state[name], np.float64) for name in ("means", "seen"))
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"drift: the stored state is damaged ({error!r}); delete it") from error
        has_shape = means.shape == seen.shape == drift._means.shape
        if not (has_shape and np.isfinite(means).all() and ((seen >= 0) & (seen <= drift._memory)).all()):
            raise StateError("drift: the stored state is damaged or another machine's; delete it")
        drift._means, drift._seen = means, seen
        return drift
