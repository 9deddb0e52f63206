"""Features, version 1: the numbers computed from one window, in one place for device, cloud and training.

Rule: this is the only implementation. Golden files (`tests/golden/features/v1`) pin its results; whoever must
change one raises `contract.profiles.FEATURE_VERSION`. A feature whose samples cannot be believed is NaN and
not valid, never guessed.

The order is the profile's order of sensors. Vibration features come from `contract.vibration`. A scalar
yields what its profile asks for: `level` (mean), `slope` (least squares, unit per minute, from 3 samples) and
`spread` (standard deviation, from 2); all need at least half of the samples that the window should hold.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from contract.messages import Spectrum
from contract.profiles import TRANSITION_REGIME, UNKNOWN_REGIME, MachineProfile, RegimeSpec
from contract.signals import (
    TO_METRE_PER_SECOND_SQUARED,
    QualityFlag,
    Samples,
    ScalarFeature,
    SensorKind,
    SensorSpec,
)
from contract.tracks import Counts
from contract.vibration import VibrationPlan, vibration_features, vibration_plan
from contract.windows import Window

Values = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_SLOPE_SAMPLES = 3
_SPREAD_SAMPLES = 2
_PER_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """What one feature is."""

    name: str
    """`<sensor>_<feature>`, for example `vib_h_rms`."""
    sensor: str
    unit: str
    """UCUM code; `1` for a ratio."""
    scale: Literal["log", "linear"]
    """How the model sees it: as log10 or as it is."""
    floor: float = 0.0
    """Smallest value that the logarithm is taken of, in `unit`."""


@dataclass(frozen=True, slots=True)
class FeatureVector:
    """The features of one window."""

    event_time_s: float
    """End of the window, s since the Unix epoch."""
    values: Values = field(repr=False)
    """float32 (n_features,), physical units; NaN where not valid."""
    valid: Mask = field(repr=False)
    """bool (n_features,)."""
    regime: str
    """Operating regime; empty when the profile has none, `unknown` when its sensor cannot be believed,
    `transition` while that moves."""
    gap_before: bool
    counts: Mapping[str, Counts]
    flags: Mapping[str, QualityFlag]
    confidence: float
    """Share of the features that are valid, 0..1."""


@dataclass(frozen=True, slots=True)
class _Waveform:
    """Where a waveform's features go, and how it is analysed."""

    spec: SensorSpec
    columns: slice
    plan: VibrationPlan


@dataclass(frozen=True, slots=True)
class _Scalar:
    """Where a scalar's features go."""

    spec: SensorSpec
    first: int
    least: float
    """Fewest samples for a level: half of those expected."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Everything about a profile that is the same for each window."""

    specs: tuple[FeatureSpec, ...]
    waveforms: tuple[_Waveform, ...]
    scalars: tuple[_Scalar, ...]


def feature_specs(profile: MachineProfile) -> tuple[FeatureSpec, ...]:
    """The features of a profile, in the order of every vector."""
    return _layout(profile).specs


def showing_wear(profile: MachineProfile) -> Mask:
    """Which features slowly move away when the machine wears: bool (n_features,)."""
    shown = {spec.name: spec.shows_wear for spec in profile.sensors}
    found: Mask = np.array([shown[spec.sensor] for spec in feature_specs(profile)])
    return found


@dataclass(frozen=True, slots=True)
class ModelSpace:
    """How a model sees features: log10, not below a floor, where a spec says so."""

    is_log: Mask = field(repr=False)
    """bool (n_features,)."""
    floors: Values = field(repr=False)
    """float32 (n_features,), in the specs' units; -inf where no logarithm is taken."""

    def apply(self, values: Values) -> Values:
        """Physical units to model space: float32 (…, n_features), newly allocated; NaN stays NaN."""
        out: Values = np.maximum(values, self.floors, dtype=np.float32)
        return np.log10(out, out=out, where=self.is_log)


def model_space(specs: tuple[FeatureSpec, ...]) -> ModelSpace:
    """Plan `to_model_space` once for many vectors."""
    is_log = np.array([spec.scale == "log" for spec in specs], np.bool_)
    floors = np.array([spec.floor for spec in specs], np.float32)
    return ModelSpace(is_log, np.where(is_log, floors, np.float32(-np.inf)))


def to_model_space(values: Values, specs: tuple[FeatureSpec, ...]) -> Values:
    """Physical units to what a model sees: log10 (not below the floor) where the spec says so.

    Args:
        values: float32 (…, n_features), in the specs' units; NaN stays NaN.
        specs: of length n_features.
    """
    return model_space(specs).apply(values)


def compute_features(window: Window, profile: MachineProfile) -> FeatureVector:
    """All features of one window; NaN and not valid where the samples do not allow one."""
    layout = _layout(profile)
    values = np.full(len(layout.specs), np.nan)
    levels = {}
    for scalar in layout.scalars:
        name = scalar.spec.name
        level = levels[name] = _level(window.values[name], scalar)
        found = _scalar_features(window.values[name], window.offsets_s[name], scalar, level)
        values[scalar.first : scalar.first + len(found)] = found
    shaft_hz = _shaft_hz(profile, levels)
    for group in _equal_bursts(layout.waveforms, window.values):
        rows = vibration_features([window.values[w.spec.name] for w in group], group[0].plan, shaft_hz)
        for waveform, row in zip(group, rows, strict=True):
            values[waveform.columns] = row
    valid = np.isfinite(values)
    return FeatureVector(
        event_time_s=window.end_s,
        values=values.astype(np.float32),
        valid=valid,
        regime=_regime(profile.regime, levels, window.values),
        gap_before=window.gap_before,
        counts=window.counts,
        flags=window.flags,
        confidence=float(np.count_nonzero(valid)) / valid.size,
    )


def vibration_spectrum(values: Samples, spec: SensorSpec, bands: int = 64) -> Spectrum:
    """A burst's amplitude spectrum, small enough to send: each band holds its largest line, in m/s2 (peak).

    Args:
        values: (n,) in the sensor's unit, n >= 64.
        spec: the sensor.
        bands: 1 to 64; fewer are used when the burst has fewer lines.
    """
    accel = np.asarray(values, np.float64) * TO_METRE_PER_SECOND_SQUARED[spec.unit]
    hann = np.hanning(accel.size + 1)[:-1]
    lines = np.abs(np.fft.rfft((accel - accel.mean()) * hann)) * 2.0 / hann.sum()
    bands = min(bands, lines.size - 1)
    borders = np.arange(bands) * (lines.size - 1) // bands
    amplitude = np.maximum.reduceat(lines, borders)
    step_hz = spec.rate_hz / 2 / bands
    return Spectrum(spec.name, 0.0, step_hz, "m/s2", tuple(amplitude.astype(np.float32).tolist()))


@lru_cache(maxsize=64)
def _layout(profile: MachineProfile) -> _Layout:
    specs: list[FeatureSpec] = []
    waveforms, scalars = [], []
    for spec in profile.sensors:
        first = len(specs)
        if spec.kind is SensorKind.WAVEFORM:
            plan = vibration_plan(spec.rate_hz, spec.burst_samples, spec.unit, profile)
            specs.extend(
                FeatureSpec(f"{spec.name}_{k.name}", spec.name, k.unit, "log", k.floor) for k in plan.kinds
            )
            waveforms.append(_Waveform(spec, slice(first, len(specs)), plan))
        else:
            specs.extend(_scalar_spec(spec, feature) for feature in spec.features)
            scalars.append(_Scalar(spec, first, max(1.0, profile.window.length_s * spec.rate_hz / 2)))
    return _Layout(tuple(specs), tuple(waveforms), tuple(scalars))


def _scalar_spec(spec: SensorSpec, feature: ScalarFeature) -> FeatureSpec:
    unit = f"{spec.unit}/min" if feature is ScalarFeature.SLOPE else spec.unit
    return FeatureSpec(f"{spec.name}_{feature}", spec.name, unit, "linear")


def _level(values: Samples, scalar: _Scalar) -> float:
    """Mean of the samples; NaN where there are too few."""
    if values.size < scalar.least:
        return math.nan
    total: float = np.add.reduce(values, dtype=np.float64).item()
    return total / values.size


def _scalar_features(
    values: Samples, offsets_s: npt.NDArray[np.float64], scalar: _Scalar, level: float
) -> list[float]:
    """What the profile asks of this scalar, NaN where there are too few samples."""
    wanted = scalar.spec.features
    if wanted == (ScalarFeature.LEVEL,):
        return [level]
    if math.isnan(level):
        return [math.nan] * len(wanted)
    centred = values.astype(np.float64) - level
    found = {ScalarFeature.LEVEL: level, ScalarFeature.SLOPE: math.nan, ScalarFeature.SPREAD: math.nan}
    if values.size >= _SPREAD_SAMPLES:
        found[ScalarFeature.SPREAD] = math.sqrt(float(centred @ centred) / (values.size - 1))
    if values.size >= _SLOPE_SAMPLES and ScalarFeature.SLOPE in wanted:
        lag_s = offsets_s - offsets_s.mean()
        found[ScalarFeature.SLOPE] = float(lag_s @ centred) / float(lag_s @ lag_s) * _PER_MINUTE
    return [found[feature] for feature in wanted]


def _shaft_hz(profile: MachineProfile, levels: Mapping[str, float]) -> float:
    """Shaft frequency in this window; NaN when the sensor that should tell cannot be believed."""
    bearing = profile.bearing
    if bearing is None:
        return math.nan
    if not bearing.speed_sensor:
        return bearing.nominal_speed_rpm / 60.0
    unit = profile.sensor(bearing.speed_sensor).unit
    return levels[bearing.speed_sensor] / (60.0 if unit == "/min" else 1.0)


def _regime(spec: RegimeSpec | None, levels: Mapping[str, float], values: Mapping[str, Samples]) -> str:
    if spec is None:
        return ""
    level = levels[spec.sensor]
    if math.isnan(level):
        return UNKNOWN_REGIME
    if spec.steady_within < math.inf:
        samples = values[spec.sensor].tolist()
        if max(samples) - min(samples) > spec.steady_within:
            return TRANSITION_REGIME
    return spec.names[bisect_right(spec.edges, level)]


def _equal_bursts(waveforms: tuple[_Waveform, ...], values: Mapping[str, Samples]) -> list[list[_Waveform]]:
    """Waveforms that can be transformed together: the same plan and the same number of samples."""
    groups: dict[tuple[int, int], list[_Waveform]] = {}
    for waveform in waveforms:
        size = values[waveform.spec.name].size
        if size:
            groups.setdefault((id(waveform.plan), size), []).append(waveform)
    return list(groups.values())
