"""The windows that a model sees at once.

Rule: a context is contiguous. A gap, a standstill, a transition or a regime that is still warming up empties
it; a window that cannot be believed is a row of masked cells, so that time goes on; it is judged as soon as
half of its cells are known. Device and training both go through this class.

A transition empties it because each regime has levels of its own: a temperature that goes on smoothly would
seem to jump. Regimes that follow one another without a transition (`regime.steady_within`) share a context.
"""

from __future__ import annotations

from enum import Enum, auto

import numpy as np

from contract.features import FeatureVector, feature_specs
from contract.profiles import TRANSITION_REGIME, UNKNOWN_REGIME, MachineProfile
from contract.scoring import MIN_CONFIDENCE, Baseline, Mask, Values

_ROOM = 8
"""Contexts that are stored one after the other before the newest moves back to the front."""


class Step(Enum):
    """What a window did to the context."""

    STANDSTILL = auto()
    """The machine is off; nothing is learned or judged."""
    TRANSITION = auto()
    """The machine is between two operating points; nothing is learned or judged."""
    BLIND = auto()
    """Too little of this window, or of the context, can be believed."""
    LEARNING = auto()
    """The regime's baseline is not ready; the window taught it, if it was allowed to."""
    FILLING = auto()
    """The context does not hold enough windows yet."""
    READY = auto()
    """`standardised` and `valid` may be judged."""


class Context:
    """A sliding context over one machine's feature vectors; constant memory.

    Args:
        profile: The machine's.
        baseline: What its features are compared with; learns from the windows that come by.
    """

    def __init__(self, profile: MachineProfile, baseline: Baseline) -> None:
        self._length = profile.window.context
        shape = (_ROOM * self._length, len(feature_specs(profile)))
        self._profile = profile
        self._baseline = baseline
        self._values: Values = np.zeros(shape, np.float32)
        self._counts: Mask = np.zeros(shape, np.bool_)
        self._end = 0
        self._seen = 0
        self.clear()

    def add(self, vector: FeatureVector, may_learn: bool = True) -> Step:
        """Take the next window.

        Args:
            vector: Its features; vectors come in time order.
            may_learn: Whether the baseline may learn from it.
        """
        if vector.gap_before:
            self.clear()
        if stands_still(vector, self._profile):
            self.clear()
            return Step.STANDSTILL
        if vector.regime == TRANSITION_REGIME:
            self.clear()
            return Step.TRANSITION
        if not is_usable(vector, self._profile):
            self._push(0.0, False)
            return Step.BLIND
        if not self._baseline.is_ready(vector.regime):
            self.clear()
            if may_learn:
                self._baseline.observe(vector)
            return Step.LEARNING
        self._push(self._baseline.standardise(vector), self._baseline.mask(vector))
        if np.count_nonzero(self.valid) >= MIN_CONFIDENCE * self.valid.size:
            return Step.READY
        return Step.FILLING if self._seen < self._length else Step.BLIND

    def clear(self) -> None:
        """Forget every window."""
        self._values[: self._length] = 0.0
        self._counts[: self._length] = False
        self._seen = 0
        self._show(self._length)

    def _push(self, standardised: Values | float, valid: Mask | bool) -> None:
        """Append a window; moving the others up for each would cost more than all else here."""
        if self._end == len(self._values):
            self._values[: self._length] = self.standardised
            self._counts[: self._length] = self.valid
            self._end = self._length
        self._values[self._end] = standardised
        self._counts[self._end] = valid
        self._seen += 1
        self._show(self._end + 1)

    def _show(self, end: int) -> None:
        """Let the context be the windows up to this row."""
        self._end = end
        self.standardised: Values = self._values[end - self._length : end]
        """float32 (T, F), newest last; 0 where not valid; overwritten by later windows."""
        self.valid: Mask = self._counts[end - self._length : end]
        """bool (T, F)."""


def is_usable(vector: FeatureVector, profile: MachineProfile) -> bool:
    """Whether a window could be learned from or judged: enough is known of it, the machine runs steadily."""
    if vector.confidence < MIN_CONFIDENCE or vector.regime in (UNKNOWN_REGIME, TRANSITION_REGIME):
        return False
    return not stands_still(vector, profile)


def stands_still(vector: FeatureVector, profile: MachineProfile) -> bool:
    """Whether the window's regime is one in which the machine is off."""
    return profile.regime is not None and vector.regime in profile.regime.off
