"""From a model's error to a score that means the same on every machine.

Rule: a machine's healthy error is learned from its first scored windows and from nothing that looks
anomalous; neither its location nor its spread nor its tail is ever believed to be better than the fleet's.

Score. p is the probability that a window of this machine, healthy, shows such an error, and the score is
-log10(p) / 8, clipped to 0..1: 0.04 at the median, 0.5 at one window in ten thousand. With u the standardised
log error, p is the upper tail of a logistic distribution up to `contract.tail.TAIL_FROM`, and from there on
what extreme-value theory says of the peaks that this machine has shown since, within what a fleet may show.

Because p counts windows, and an alarm takes a known number of them, an expected number of false alarms a day
is a threshold on the score (`contract.profiles.MachineProfile.alarm_rule`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from contract.errors import ConfigError, StateError
from contract.profiles import SCORE_DECADES, MachineProfile
from contract.scoring import JUDGED_WINDOWS, blend_spread
from contract.tail import TAIL_FROM, Tail

ERROR_FLOOR = 1e-9
"""Errors below this are the same error: no logarithm of 0."""

MOST_RESTLESS = 1.5
"""No machine is believed to stray more than this many times as far as its fleet, whatever it has shown: one
that was restless from the start may be one that was damaged from the start."""

_STATE_VERSION = 2
_LOGISTIC_SCALE = math.pi / math.sqrt(3.0)
_TAIL_AT = math.log(1.0 / TAIL_FROM - 1.0) / _LOGISTIC_SCALE
"""Standardised log error at which the tail begins: 2.1."""


class ErrorCalibration:
    """What error the model makes on this machine while it is healthy, and what score a new error earns."""

    def __init__(self, profile: MachineProfile, location: float, spread: float, prior_windows: int) -> None:
        """Start empty.

        Args:
            profile: says how many windows to learn from, and how long a context is.
            location: the fleet's median ln(error).
            spread: the fleet's standard deviation of ln(error) within one healthy machine; positive.
            prior_windows: how many windows of its own weigh as much as the fleet's spread; 0 or more.

        Raises:
            ConfigError: a spread that is not positive, a location that is not finite, or a negative prior.
        """
        if not (0 < spread < math.inf and math.isfinite(location) and prior_windows >= 0):
            raise ConfigError(
                "calibration: needs a finite fleet_error_location, a positive fleet_error_spread and "
                "prior_windows >= 0"
            )
        self._needed = profile.warmup.calibration_windows
        self._fleet_location, self._fleet_spread, self._prior = location, spread, prior_windows
        self._learning: list[float] = []
        self._location = math.nan
        self._spread = math.nan
        # Both tails are exponential in standardised log error; theirs is the logistic distribution's.
        self._tail = Tail(1.0 / _LOGISTIC_SCALE, profile.window.context)

    def observe(self, error: float) -> None:
        """Learn from the model's error (>= 0) on a window that does not look anomalous.

        The first ones fix location and spread; those after them teach the tail.
        """
        if self.is_ready():
            self._tail.observe(self._standardise(error) - _TAIL_AT)
            return
        self._learning.append(_log_error(error))
        if len(self._learning) >= self._needed:
            # Below the fleet's own location there is nothing to tell apart: as healthy as can be.
            own = np.maximum(np.array(self._learning), self._fleet_location)
            self._location = float(np.median(own))
            # Neighbouring contexts share windows: a warm-up shows less of a machine's spread than there is,
            # and what it shows counts as one context in `JUDGED_WINDOWS`.
            self._spread = max(
                blend_spread(own, self._fleet_spread, JUDGED_WINDOWS * self._prior), self._fleet_spread
            )
            self._learning = []

    def is_ready(self) -> bool:
        """Whether `score` may be asked."""
        return not math.isnan(self._location)

    def progress(self) -> int:
        """Windows learned from, up to `warmup.calibration_windows`."""
        return self._needed if self.is_ready() else len(self._learning)

    def worsening(self, errors: Sequence[float]) -> float:
        """How far errors lie above this machine's healthy ones, in ln(error); less than a spread is 0.

        Args:
            errors: Of recent windows.
        """
        if not (errors and self.is_ready()):
            return 0.0
        above = float(np.median([_log_error(error) for error in errors])) - self._location
        return above if above > self._spread else 0.0

    def allow_for(self, worsening: float) -> None:
        """Take it that the machine was so much healthier, in ln(error), than when this was learned.

        What another model has seen grow worse is not forgiven because a new one was learned meanwhile.
        """
        self._location = max(self._location - worsening, self._fleet_location)

    def score(self, error: float) -> float:
        """The score of a model error, 0..1, rising with the error.

        Raises:
            StateError: not ready.
        """
        if not self.is_ready():
            raise StateError("calibration: a score was asked before the warm-up was over")
        u = self._standardise(error)
        if u >= _TAIL_AT:
            minus_log_p = self._tail.minus_log_p(u - _TAIL_AT)
        else:
            # The body is stretched so that it meets the tail, which may be likelier than the fleet's.
            minus_log_p = _minus_log_logistic(u) * math.log(self._tail.rate) / math.log(TAIL_FROM)
        at_most = _minus_log_logistic(u * self._spread / (MOST_RESTLESS * self._fleet_spread))
        return min(max(minus_log_p, at_most) / (math.log(10.0) * SCORE_DECADES), 1.0)

    def to_state(self) -> dict[str, Any]:
        """Everything learned, safe for JSON."""
        ready = {"location": self._location, "spread": self._spread} if self.is_ready() else None
        return {
            "version": _STATE_VERSION,
            "learning": list(self._learning),
            "ready": ready,
            "tail": self._tail.to_state(),
        }

    @classmethod
    def from_state(
        cls,
        state: Mapping[str, Any],
        profile: MachineProfile,
        location: float,
        spread: float,
        prior_windows: int,
    ) -> Self:
        """Go on where `to_state` stopped.

        Raises:
            ConfigError: as the constructor.
            StateError: the state is damaged.
        """
        calibration = cls(profile, location, spread, prior_windows)
        try:
            calibration._restore(state)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise StateError(
                f"calibration: the stored state is damaged ({error!r}); delete it to learn anew"
            ) from error
        return calibration

    def _restore(self, state: Mapping[str, Any]) -> None:
        if state["version"] != _STATE_VERSION:
            raise StateError("calibration: the stored state is of another version; delete it to learn anew")
        learning = [float(value) for value in state["learning"]]
        if len(learning) >= self._needed or not all(map(math.isfinite, learning)):
            raise ValueError("errors must be finite and fewer than the warm-up has")
        self._learning = learning
        self._tail.restore(state["tail"])
        if state["ready"] is not None:
            location, spread = float(state["ready"]["location"]), float(state["ready"]["spread"])
            if not (math.isfinite(location) and 0 < spread < math.inf):
                raise ValueError("location must be finite and spread positive")
            self._location, self._spread = location, spread

    def _standardise(self, error: float) -> float:
        return (_log_error(error) - self._location) / self._spread


def _minus_log_logistic(u: float) -> float:
    """-ln(1 / (1 + exp(pi u / sqrt(3)))), written so that no exponential overflows."""
    exponent = _LOGISTIC_SCALE * u
    return max(exponent, 0.0) + math.log1p(math.exp(-abs(exponent)))


def _log_error(error: float) -> float:
    return math.log(max(error, ERROR_FLOOR))
