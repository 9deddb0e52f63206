"""From features to a score that means the same on every machine.

Rule: a machine is compared with itself. `Baseline` learns the level and spread of each feature from the first
windows of each regime and is then frozen; `ErrorCalibration` does the same for the model's error, pooled over
regimes because standardised errors are comparable. Short warm-ups are steadied by what the fleet shows: both
variances are averages of the machine's own and the fleet's, weighted by the number of windows and by
`prior_windows`; a feature that is noisier on this machine than in its fleet keeps its own spread.

Score. With u the machine's standardised log error, p is the upper tail of a logistic distribution of the same
variance: p = 1 / (1 + exp(pi u / sqrt(3))). Its tail is exponential, heavier than the normal one, as it must
be: contexts overlap, so a warm-up holds fewer independent errors than it counts and a normal tail would
promise probabilities nobody has seen. The score is -log10(p) / 8, clipped to 0..1: 0.04 at the median, 0.5 at
one window in ten thousand (u = 5.1), 1 from u = 10.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from contract.errors import ConfigError, StateError
from contract.features import FeatureVector, feature_specs, to_model_space
from contract.profiles import MachineProfile

Floats = npt.NDArray[np.float64]
Values = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

Z_CLIP = 8.0
"""Standardised features are clipped to this many standard deviations."""
MIN_CONFIDENCE = 0.5
"""A vector with a smaller share of valid features teaches a baseline nothing."""
SPREAD_FLOOR = 0.25
"""No machine is believed to be steadier than this share of the fleet's spread."""
SCORE_DECADES = 8.0
"""Powers of ten of p that the score spans."""
HEALTHY_ERROR = 1.0
"""No machine's healthy error is believed to lie below this. The fleet's spreads are those of healthy machines
over their lives, so a healthy deviation has a mean square of about 1; the minutes of a warm-up show less,
because slow wander has not set in yet."""
ERROR_FLOOR = 1e-9
"""Errors below this are the same error: no logarithm of 0."""

_STATE_VERSION = 1
_MAD_TO_SIGMA = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
_MIN_SEEN = 3
"""Fewest valid values for a feature to get a level of its own."""
_LOGISTIC_SCALE = math.pi / math.sqrt(3.0)


@dataclass(frozen=True, slots=True)
class _Norm:
    """The frozen baseline of one regime, in model space."""

    level: Floats
    spread: Floats
    known: Mask


class Baseline:
    """A machine's own level and spread of each feature, per regime."""

    def __init__(self, profile: MachineProfile, fleet_spread: Values, prior_windows: int) -> None:
        """Start empty.

        Args:
            profile: says which features there are and how many windows to learn from.
            fleet_spread: float32 (n_features,), spread within one healthy machine, in model space; positive.
            prior_windows: how many windows of its own weigh as much as the fleet's spread; 0 or more.

        Raises:
            ConfigError: a spread of wrong shape, not positive or not finite, or a negative prior.
        """
        self._specs = feature_specs(profile)
        self._needed = profile.warmup.baseline_windows
        self._fleet_spread = np.asarray(fleet_spread, np.float64)
        self._prior = prior_windows
        is_usable = self._fleet_spread.shape == (len(self._specs),) and prior_windows >= 0
        if not (is_usable and bool(np.all(np.isfinite(self._fleet_spread) & (self._fleet_spread > 0)))):
            raise ConfigError(
                f"baseline: needs {len(self._specs)} positive fleet spreads and prior_windows >= 0"
            )
        self._learning: dict[str, list[Values]] = {}
        self._norms: dict[str, _Norm] = {}

    def observe(self, vector: FeatureVector) -> None:
        """Learn from a vector of a regime that is not ready yet; vectors of low confidence are left out."""
        if vector.regime in self._norms or vector.confidence < MIN_CONFIDENCE:
            return
        seen = self._learning.setdefault(vector.regime, [])
        seen.append(self._model_space(vector))
        if len(seen) >= self._needed:
            self._norms[vector.regime] = self._freeze(np.array(seen, np.float64))
            del self._learning[vector.regime]

    def is_ready(self, regime: str) -> bool:
        """Whether this regime's baseline is frozen."""
        return regime in self._norms

    def progress(self, regime: str) -> int:
        """Windows that this regime has learned from, up to `warmup.baseline_windows`."""
        return self._needed if regime in self._norms else len(self._learning.get(regime, ()))

    def standardise(self, vector: FeatureVector) -> Values:
        """Deviations from the regime's level in its spreads.

        Returns:
            float32 (n_features,), clipped to ±Z_CLIP; 0 where `mask` is False.
        """
        norm = self._norms.get(vector.regime)
        if norm is None:
            return np.zeros(len(self._specs), np.float32)
        deviation = (self._model_space(vector) - norm.level) / norm.spread
        deviation[~(vector.valid & norm.known)] = 0.0
        return np.clip(deviation, -Z_CLIP, Z_CLIP).astype(np.float32)

    def mask(self, vector: FeatureVector) -> Mask:
        """Which features count: valid now and known from this regime's warm-up. bool (n_features,)."""
        norm = self._norms.get(vector.regime)
        if norm is None:
            return np.zeros(len(self._specs), np.bool_)
        counts: Mask = vector.valid & norm.known
        return counts

    def to_state(self) -> dict[str, Any]:
        """Everything learned, safe for JSON."""
        return {
            "version": _STATE_VERSION,
            "features": [spec.name for spec in self._specs],
            "learning": {r: [_to_list(v) for v in seen] for r, seen in self._learning.items()},
            "ready": {
                r: {"level": _to_list(n.level), "spread": _to_list(n.spread), "known": n.known.tolist()}
                for r, n in self._norms.items()
            },
        }

    @classmethod
    def from_state(
        cls, state: Mapping[str, Any], profile: MachineProfile, fleet_spread: Values, prior_windows: int
    ) -> Self:
        """Go on where `to_state` stopped.

        Raises:
            ConfigError: as the constructor.
            StateError: the state is damaged or belongs to other features.
        """
        baseline = cls(profile, fleet_spread, prior_windows)
        try:
            baseline._restore(state)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise StateError(
                f"baseline: the stored state is damaged ({error!r}); delete it to learn anew"
            ) from error
        return baseline

    def _restore(self, state: Mapping[str, Any]) -> None:
        if state["version"] != _STATE_VERSION or state["features"] != [spec.name for spec in self._specs]:
            raise StateError("baseline: the stored state belongs to another model; delete it to learn anew")
        count = len(self._specs)
        for regime, seen in state["learning"].items():
            vectors = [_to_array(v, count).astype(np.float32) for v in seen]
            if len(vectors) >= self._needed:
                raise ValueError("more windows than the warm-up has")
            self._learning[str(regime)] = vectors
        for regime, norm in state["ready"].items():
            spread, level = _to_array(norm["spread"], count), _to_array(norm["level"], count)
            known = np.array(norm["known"])
            if known.dtype != np.bool_ or known.shape != (count,):
                raise ValueError("known must be a list of true and false")
            if not (np.all(np.isfinite(level)) and np.all(np.isfinite(spread) & (spread > 0))):
                raise ValueError("levels must be finite and spreads positive")
            self._norms[str(regime)] = _Norm(level, spread, known)

    def _model_space(self, vector: FeatureVector) -> Values:
        values = to_model_space(vector.values, self._specs)
        values[~vector.valid] = np.nan
        return values

    def _freeze(self, seen: Floats) -> _Norm:
        """Level and spread of each column of (n_windows, n_features), NaN where not valid."""
        count = seen.shape[1]
        level, spread = np.zeros(count), self._fleet_spread.copy()
        known = np.isfinite(seen).sum(axis=0) >= _MIN_SEEN
        for column in np.flatnonzero(known):
            own = seen[np.isfinite(seen[:, column]), column]
            level[column] = np.median(own)
            fleet = float(self._fleet_spread[column])
            # A machine noisier than its fleet is taken as it is; a quieter one is not taken at its word.
            spread[column] = max(_blend(own, fleet, self._prior), _blend(own, 0.0, 0))
        return _Norm(level, spread, known)


class ErrorCalibration:
    """What error the model makes on this machine while it is healthy, and what score a new error earns."""

    def __init__(self, profile: MachineProfile, fleet_error_spread: float, prior_windows: int) -> None:
        """Start empty.

        Args:
            profile: says how many windows to learn from.
            fleet_error_spread: standard deviation of ln(error) within one healthy machine; positive.
            prior_windows: how many windows of its own weigh as much as the fleet's spread; 0 or more.

        Raises:
            ConfigError: a spread that is not positive, or a negative prior.
        """
        if not (0 < fleet_error_spread < math.inf and prior_windows >= 0):
            raise ConfigError("calibration: needs a positive fleet_error_spread and prior_windows >= 0")
        self._needed = profile.warmup.calibration_windows
        self._fleet_spread = fleet_error_spread
        self._prior = prior_windows
        self._learning: list[float] = []
        self._location = math.nan
        self._spread = math.nan

    def observe(self, error: float) -> None:
        """Learn from one model error (>= 0) until ready; then nothing changes any more."""
        if self.is_ready():
            return
        self._learning.append(_log_error(error))
        if len(self._learning) >= self._needed:
            own = np.array(self._learning)
            self._location = max(float(np.median(own)), math.log(HEALTHY_ERROR))
            self._spread = _blend(own, self._fleet_spread, self._prior)
            self._learning = []

    def is_ready(self) -> bool:
        """Whether `score` may be asked."""
        return not math.isnan(self._location)

    def progress(self) -> int:
        """Windows learned from, up to `warmup.calibration_windows`."""
        return self._needed if self.is_ready() else len(self._learning)

    def score(self, error: float) -> float:
        """The score of a model error, 0..1, rising with the error.

        Raises:
            StateError: not ready.
        """
        if not self.is_ready():
            raise StateError("calibration: a score was asked before the warm-up was over")
        exponent = _LOGISTIC_SCALE * (_log_error(error) - self._location) / self._spread
        # -ln p = ln(1 + exp(x)), written so that no exponential overflows.
        minus_log_p = max(exponent, 0.0) + math.log1p(math.exp(-abs(exponent)))
        return min(minus_log_p / (math.log(10.0) * SCORE_DECADES), 1.0)

    def to_state(self) -> dict[str, Any]:
        """Everything learned, safe for JSON."""
        ready = {"location": self._location, "spread": self._spread} if self.is_ready() else None
        return {"version": _STATE_VERSION, "learning": list(self._learning), "ready": ready}

    @classmethod
    def from_state(
        cls, state: Mapping[str, Any], profile: MachineProfile, fleet_error_spread: float, prior_windows: int
    ) -> Self:
        """Go on where `to_state` stopped.

        Raises:
            ConfigError: as the constructor.
            StateError: the state is damaged.
        """
        calibration = cls(profile, fleet_error_spread, prior_windows)
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
        if state["ready"] is not None:
            location, spread = float(state["ready"]["location"]), float(state["ready"]["spread"])
            if not (math.isfinite(location) and 0 < spread < math.inf):
                raise ValueError("location must be finite and spread positive")
            self._location, self._spread = location, spread


def model_error(standardised: Values, reconstructed: Values, valid: Mask) -> float:
    """How badly a model reconstructs a context: the mean of `feature_errors` over the features that count.

    Their cap keeps one absurd feature from hiding what the others say.

    Args:
        standardised: float32 (T, F), what went in.
        reconstructed: float32 (T, F), what came out.
        valid: bool (T, F), which cells count.

    Returns:
        0..Z_CLIP²; 0 when no cell counts.
    """
    errors = feature_errors(standardised, reconstructed, valid)
    counts = valid.any(axis=0)
    return float(errors[counts].mean(dtype=np.float64)) if counts.any() else 0.0


def feature_errors(standardised: Values, reconstructed: Values, valid: Mask) -> Values:
    """Mean squared residual of each feature, at most Z_CLIP²; 0 where no cell counts. float32 (F,)."""
    return _masked_means(standardised, reconstructed, valid, axis=0)


def window_errors(standardised: Values, reconstructed: Values, valid: Mask) -> Values:
    """Mean squared residual of each window, at most Z_CLIP²; 0 where no cell counts. float32 (T,)."""
    return _masked_means(standardised, reconstructed, valid, axis=1)


def _masked_means(standardised: Values, reconstructed: Values, valid: Mask, axis: int) -> Values:
    residual = np.where(valid, np.subtract(standardised, reconstructed, dtype=np.float64), 0.0)
    counts = np.maximum(valid.sum(axis=axis), 1)
    errors: Values = np.minimum((residual**2).sum(axis=axis) / counts, Z_CLIP**2).astype(np.float32)
    return errors


def _blend(own: Floats, fleet_spread: float, prior_windows: int) -> float:
    """A spread from a machine's own values and the fleet's.

    Its own part is half the variance and half its robust twin: one sees rare excursions, the other is not
    ruled by them.
    """
    robust = _MAD_TO_SIGMA * float(np.median(np.abs(own - np.median(own))))
    own_variance = (robust**2 + float(np.var(own))) / 2
    variance = (own.size * own_variance + prior_windows * fleet_spread**2) / (own.size + prior_windows)
    return max(math.sqrt(variance), SPREAD_FLOOR * fleet_spread)


def _log_error(error: float) -> float:
    return math.log(max(error, ERROR_FLOOR))


def _to_list(values: npt.NDArray[Any]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]


def _to_array(values: Any, count: int) -> Floats:
    array = np.array([math.nan if value is None else value for value in values], np.float64)
    if array.shape != (count,) or np.any(np.isinf(array)):
        raise ValueError(f"expected {count} finite numbers")
    return array
