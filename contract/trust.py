"""How far each sensor may be believed in one window.

Rule: pure. What is doubted is left out, not repaired: a doubted sensor's features do not count, so that a
broken cable is never taken for a broken machine.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from contract.features import FeatureVector, feature_specs
from contract.profiles import MachineProfile
from contract.signals import QualityFlag, SensorKind

FAULT_FLAGS = (
    QualityFlag.NOT_A_NUMBER
    | QualityFlag.OUT_OF_RANGE
    | QualityFlag.STUCK
    | QualityFlag.CLIPPED
    | QualityFlag.MISSING
)
"""Faults of a sensor. A duplicate or a clock jump is the driver's or the device's and leaves values true; a
gap shows as MISSING where it costs half of a window."""
_FAULT_BITS = int(FAULT_FLAGS)
DOUBTED_SHARE = 0.05
"""Share of a window's samples that were not believed, from which all of that sensor's window is doubted: a
waveform with one sample in twenty clipped has harmonics that no machine made, and of a slow sensor that is a
single sample."""


def believed(vector: FeatureVector, profile: MachineProfile, faulty: Collection[str] = ()) -> FeatureVector:
    """The window without the sensors that cannot be believed in it, nor those known to be faulty."""
    shares = doubted_shares(vector)
    doubted = {sensor for sensor, share in shares.items() if share >= DOUBTED_SHARE}
    return without_sensors(vector, {*doubted, *faulty, *held_sensors(vector, profile)}, profile)


def doubted_shares(vector: FeatureVector) -> dict[str, float]:
    """Share of each sensor's samples in a window that cannot be believed, 0..1; only those above 0.

    1 where fewer than half of those expected came.
    """
    shares = {}
    for sensor, flags in vector.flags.items():
        if not int(flags) & _FAULT_BITS:  # the common case, without the slower arithmetic of flags
            continue
        good, uncertain, bad = vector.counts[sensor]
        doubted = bad + (uncertain if QualityFlag.CLIPPED in flags else 0)
        is_missing = QualityFlag.MISSING in flags
        shares[sensor] = 1.0 if is_missing else doubted / max(good + uncertain + bad, 1)
    return shares


def held_sensors(vector: FeatureVector, profile: MachineProfile) -> list[str]:
    """Slow sensors that gave one number all window long, though a profile says that they cannot rest.

    It says so by `stuck_after_s`. They may yet prove stuck, and a spread of zero is no machine's.
    """
    return [sensor for sensor, column in _spread_columns(profile) if vector.values.item(column) == 0.0]


def without_sensors(
    vector: FeatureVector, sensors: Collection[str], profile: MachineProfile
) -> FeatureVector:
    """The same window with those sensors' features not valid."""
    if not sensors:
        return vector
    columns = _columns(profile)
    valid = vector.valid.copy()
    for sensor in sensors:
        valid[columns[sensor]] = False
    values = np.where(valid, vector.values, np.float32(np.nan))
    confidence = float(np.count_nonzero(valid)) / valid.size
    return replace(vector, values=values, valid=valid, confidence=confidence)


@lru_cache(maxsize=64)
def _columns(profile: MachineProfile) -> Mapping[str, npt.NDArray[np.intp]]:
    sensors = [spec.sensor for spec in feature_specs(profile)]
    return {name: np.flatnonzero([s == name for s in sensors]) for name in dict.fromkeys(sensors)}


@lru_cache(maxsize=64)
def _spread_columns(profile: MachineProfile) -> tuple[tuple[str, int], ...]:
    """Slow sensors that cannot rest, and where their spread stands."""
    names = [spec.name for spec in feature_specs(profile)]
    restless = [
        s.name for s in profile.sensors if s.kind is SensorKind.SCALAR and s.stuck_after_s < float("inf")
    ]
    return tuple((s, names.index(f"{s}_spread")) for s in restless if f"{s}_spread" in names)
