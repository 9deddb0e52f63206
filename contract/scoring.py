"""From features to deviations, and from a reconstruction to one error.

Rule: a machine is compared with itself. `Baseline` learns the level and spread of each feature from the
first windows of each regime and is then frozen. Short warm-ups are steadied by what the fleet shows: the
variance is an average of the machine's own and the fleet's, weighted by the number of windows and by
`prior_windows`; a feature that is noisier on this machine than in its fleet keeps its own spread.

What is judged are the newest windows of a context; the older ones are there to be understood from. A fault
that one sensor feels must not drown in twenty that feel nothing, so the error is that of the sensor which is
farthest off, each in units of what is rare of it. What becomes of it is `contract.calibration`'s question.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from contract.errors import ConfigError, StateError
from contract.features import FeatureSpec, FeatureVector, feature_specs, model_space
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
JUDGED_WINDOWS = 8
"""Newest windows of a context that are judged: one alone is too noisy, and a long context remembers a fault
for minutes after it is over."""

_STATE_VERSION = 1
_MAD_TO_SIGMA = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
_MIN_SEEN = 3
"""Fewest valid values for a feature to get a level of its own."""


@dataclass(frozen=True, slots=True)
class _Norm:
    """The frozen baseline of one regime, in model space."""

    level: Floats
    spread: Floats
    known: Mask
    level32: Values = field(init=False)
    sharpness32: Values = field(init=False)
    """float32 (n_features,), one over the spread; these two are what each window needs."""
    most: Values = field(init=False)
    least: Values = field(init=False)
    """float32 (n_features,), ±Z_CLIP: NumPy takes operands of the full shape sooner than single numbers."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "level32", self.level.astype(np.float32))
        object.__setattr__(self, "sharpness32", (1.0 / self.spread).astype(np.float32))
        object.__setattr__(self, "most", np.full_like(self.level32, Z_CLIP))
        object.__setattr__(self, "least", -self.most)


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
        self._space = model_space(self._specs)
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
        deviation = self._space.apply(vector.values)
        deviation -= norm.level32
        deviation *= norm.sharpness32
        np.minimum(deviation, norm.most, out=deviation)
        np.maximum(deviation, norm.least, out=deviation)
        counts = vector.valid & norm.known
        if not _is_all(counts):
            deviation[~counts] = 0.0
        return deviation

    def mask(self, vector: FeatureVector) -> Mask:
        """Which features count: valid now and known from this regime's warm-up. bool (n_features,)."""
        norm = self._norms.get(vector.regime)
        if norm is None:
            return np.zeros(len(self._specs), np.bool_)
        counts: Mask = vector.valid & norm.known
        return counts

    def levels(self, regime: str) -> Floats:
        """What is normal in a regime, float64 (n_features,) in the features' units; NaN where not known."""
        norm = self._norms.get(regime)
        if norm is None:
            return np.full(len(self._specs), np.nan)
        is_log = np.array([spec.scale == "log" for spec in self._specs])
        physical = np.where(is_log, 10.0 ** np.where(is_log, norm.level, 0.0), norm.level)
        return np.where(norm.known, physical, np.nan)

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
        values = self._space.apply(vector.values)
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
            spread[column] = max(blend_spread(own, fleet, self._prior), blend_spread(own, 0.0, 0))
        return _Norm(level, spread, known)


@dataclass(frozen=True, slots=True, eq=False)
class Yardstick:
    """What a reconstruction's error is measured with."""

    residual: Values = field(repr=False)
    """float32 (n_features,), squared residual that counts as 1, in squared spreads: what is usual of the
    feature on healthy machines, times what is rare of its sensor (`models.calibrate`)."""
    sensors: npt.NDArray[np.intp] = field(repr=False)
    """(n_features,), number of the sensor that each feature is of."""
    weights: Floats = field(init=False, repr=False)
    """float64 (n_features,), one over the residual."""
    most: Floats = field(init=False, repr=False)
    """float64 (n_features,), the largest error that a feature can have."""
    averages: Floats = field(init=False, repr=False)
    """float64 (n_sensors, n_features): errors of features, all of which count, to means of sensors."""

    def __post_init__(self) -> None:
        weights = 1.0 / self.residual.astype(np.float64)
        belongs = np.arange(self.sensors.max() + 1)[:, np.newaxis] == self.sensors
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "most", Z_CLIP**2 * weights)
        object.__setattr__(self, "averages", belongs / belongs.sum(axis=1, keepdims=True))

    @classmethod
    def of(cls, residual: Values, specs: Sequence[FeatureSpec]) -> Self:
        """For features of these specs."""
        names = list(dict.fromkeys(spec.sensor for spec in specs))
        return cls(residual, np.array([names.index(spec.sensor) for spec in specs], np.intp))


def model_error(standardised: Values, reconstructed: Values, valid: Mask, yardstick: Yardstick) -> float:
    """How badly a model reconstructs the newest windows of a context.

    The largest of `sensor_errors`: a spiky feature of a sensor has one voice among its own, and a sensor that
    is far off is not made up for by others that are not.

    Args:
        standardised: float32 (T, F), what went in.
        reconstructed: float32 (T, F), what came out.
        valid: bool (T, F), which cells count.
        yardstick: Of the fleet.

    Returns:
        Rarely above 1 on a healthy machine, never negative; 0 when no cell counts.
    """
    errors = feature_errors(standardised, reconstructed, valid, yardstick)
    worst: float = max(sensor_errors(errors, valid, yardstick).tolist())
    return worst


def sensor_errors(errors: Floats, valid: Mask, yardstick: Yardstick) -> Floats:
    """Mean error of each sensor's features; 0 where none counts. float64 (n_sensors,).

    Args:
        errors: From `feature_errors`.
        valid: bool (T, F), which cells count.
        yardstick: Of the fleet.
    """
    judged = valid[-JUDGED_WINDOWS:]
    if _is_all(judged):
        averages: Floats = yardstick.averages @ errors
        return averages
    means: Floats = np.bincount(yardstick.sensors, errors) / _counts(judged, yardstick)
    return means


def error_shares(errors: Floats, valid: Mask, yardstick: Yardstick) -> Floats:
    """Part of each feature in the errors of all sensors, for people; they add up to 1 or are all 0.

    A sensor's features share its mean: sixteen numbers of one sensor say no more than one of another.
    Arguments as `sensor_errors`. float64 (F,).
    """
    parts: Floats = errors / _counts(valid[-JUDGED_WINDOWS:], yardstick)[yardstick.sensors]
    return parts / (float(parts.sum()) or 1.0)


def feature_errors(standardised: Values, reconstructed: Values, valid: Mask, yardstick: Yardstick) -> Floats:
    """Each feature's mean squared residual over the judged windows, as a multiple of what is usual.

    Returns:
        float64 (F,), at most Z_CLIP² / residual; 0 where no cell counts.
    """
    errors = squared_residuals(standardised, reconstructed, valid)
    errors *= yardstick.weights
    return np.minimum(errors, yardstick.most, out=errors)


def squared_residuals(standardised: Values, reconstructed: Values, valid: Mask) -> Floats:
    """Mean squared residual of each feature over the judged windows; 0 where none counts. float64 (F,)."""
    newest = slice(-JUDGED_WINDOWS, None)
    squares, judged = _squares(standardised[newest], reconstructed[newest]), valid[newest]
    if _is_all(judged):
        averages: Floats = _weights(len(judged)) @ squares
        return averages
    return _masked_means(squares, judged, axis=0)


def window_errors(standardised: Values, reconstructed: Values, valid: Mask) -> Floats:
    """Mean squared residual of each window, in squared spreads; 0 where no cell counts. float64 (T,)."""
    return _masked_means(_squares(standardised, reconstructed), valid, axis=1)


def _squares(standardised: Values, reconstructed: Values) -> Floats:
    residual: Floats = np.subtract(standardised, reconstructed, dtype=np.float64)
    residual *= residual
    return residual


def _masked_means(squares: Floats, valid: Mask, axis: int) -> Floats:
    means: Floats = (squares * valid).sum(axis=axis) / np.maximum(valid.sum(axis=axis), 1)
    return means


@cache
def _weights(count: int) -> Floats:
    """Weights of an average of so many; shared, so read-only."""
    weights = np.full(count, 1.0 / count)
    weights.flags.writeable = False
    return weights


def _counts(judged: Mask, yardstick: Yardstick) -> Floats:
    """Features of each sensor that count in the judged windows; 1 where none does."""
    counts: Floats = np.maximum(np.bincount(yardstick.sensors, judged.any(axis=0)), 1.0)
    return counts


def _is_all(valid: Mask) -> bool:
    """Whether every cell counts: nearly always so, and then there is less to compute."""
    return bool(np.count_nonzero(valid) == valid.size)


def blend_spread(own: Floats, fleet_spread: float, prior_windows: int) -> float:
    """A spread from a machine's own values and the fleet's.

    Its own part is half the variance and half its robust twin: one sees rare excursions, the other is not
    ruled by them.
    """
    robust = _MAD_TO_SIGMA * float(np.median(np.abs(own - np.median(own))))
    own_variance = (robust**2 + float(np.var(own))) / 2
    variance = (own.size * own_variance + prior_windows * fleet_spread**2) / (own.size + prior_windows)
    return max(math.sqrt(variance), SPREAD_FLOOR * fleet_spread)


def _to_list(values: npt.NDArray[Any]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]


def _to_array(values: Any, count: int) -> Floats:
    array = np.array([math.nan if value is None else value for value in values], np.float64)
    if array.shape != (count,) or np.any(np.isinf(array)):
        raise ValueError(f"expected {count} finite numbers")
    return array
