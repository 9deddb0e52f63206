"""Where a machine's process has crept: what is slow is followed wherever it goes, what jumps is not.

Rule: a pressure that creeps away is drift (`edge_agent.drift`), the weather's or the plant's or its sensor's,
and no reason to stop a machine at night. So each feature's level is followed, but never faster than
`CREEP_RATE`: a fault that comes within minutes leaves it behind. Where a slow change is the machine's wear
(`SensorSpec.shows_wear`), as in vibration, nothing is followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from contract.errors import StateError
from contract.features import showing_wear
from contract.profiles import MachineProfile
from contract.scoring import Z_CLIP, Mask, Values

CREEP_RATE = 0.5
"""Spreads in the time of one baseline: what moves faster is not slow."""


class Creep:
    """The level that a machine has slowly moved to, from its newest windows; constant memory.

    It takes one small step towards each window, so that it is a running median and a spike moves it no more
    than any other window.

    Args:
        profile: The machine's.
    """

    def __init__(self, profile: MachineProfile) -> None:
        follows = ~showing_wear(profile)
        self._follows_any = bool(follows.any())
        self._step = (CREEP_RATE / profile.warmup.baseline_windows * follows).astype(np.float32)
        self._zeros = np.zeros(len(self._step), np.float32)
        self._levels = self._zeros.copy()

    def add(self, standardised: Values, valid: Mask) -> None:
        """Take one window's deviations, float32 and bool (F,); what is not valid moves nothing."""
        if not self._follows_any:
            return
        away = (standardised - self._levels) * valid
        self._levels += np.minimum(np.maximum(away, -self._step), self._step)

    def forgive(self, standardised: Values, reconstructed: Values) -> Values:
        """What to expect of a context.

        A machine that has crept may be off what the network expects by as much, in that direction, but not
        beyond where it has crept: then a fault on top of it would be forgiven, too. One that has not crept
        must do what the network expects.

        Args:
            standardised: float32 (T, F), what went in.
            reconstructed: float32 (T, F), what came out.

        Returns:
            float32 (T, F), to be compared with what went in.
        """
        if not self._follows_any:
            return reconstructed
        level = self._levels
        farthest = np.maximum(level - reconstructed, np.minimum(level, self._zeros))
        farthest = np.minimum(farthest, np.maximum(level, self._zeros), out=farthest)
        farthest += reconstructed
        lowest, highest = np.minimum(reconstructed, farthest), np.maximum(reconstructed, farthest)
        forgiven: Values = np.minimum(np.maximum(standardised, lowest, out=lowest), highest, out=lowest)
        return forgiven

    def to_state(self) -> dict[str, Any]:
        """JSON-safe state, to survive a restart."""
        return {"levels": self._levels.tolist()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], profile: MachineProfile) -> Self:
        """Go on where `to_state` stopped.

        Raises:
            StateError: the state is damaged or belongs to other features.
        """
        creep = cls(profile)
        try:
            levels = np.array(state["levels"], np.float32)
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"creep: the stored state is damaged ({error!r}); delete it") from error
        if levels.shape != creep._levels.shape or not (np.abs(levels) <= Z_CLIP).all():
            raise StateError("creep: the stored state is damaged or another machine's; delete it")
        creep._levels = levels
        return creep
