"""A machine's recording as windows: what the pipeline of edge models keeps, splits and learns from.

Rule: one row is one machine, with the device's own features of every window, and beside them what its
channels really delivered, because features are computed from believed samples alone. Times are whole
microseconds: the numbers of examples are float32, which would be wrong by minutes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.errors import DataError
from contract.features import FeatureVector, feature_specs
from contract.profiles import MachineProfile, format_profile
from contract.signals import Reading
from models.dataset import MachineVectors, healthy_count, iterate_vectors
from models.errors import TooLittleDataError
from models.recordings import Recording

MACHINE, PROFILE, END, TIME, GAP, REGIME = (
    "machine",
    "profile",
    "end_us",
    "time_us",
    "gap_before",
    "regime",
)
LOW, HIGH, FEATURE = "low_", "high_", "feature_"
"""Prefixes: of a sensor's lowest and highest sample in a window, in its unit, and of a feature."""
MICROSECONDS = 1_000_000
_SHORT_HASH = 12

Extremes = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """One machine's windows."""

    vectors: MachineVectors
    channels: Mapping[str, Extremes] = field(repr=False)
    """Sensor to float32 (n_windows, 2): lowest and highest sample, whatever was believed of it; NaN: none."""
    end_s: float | None = None
    """Stamp at which the machine failed or was stopped as worn out, in s; None: none known."""

    @property
    def machine(self) -> str:
        """The machine's id."""
        return self.vectors.machine_id

    @property
    def times_s(self) -> npt.NDArray[np.float64]:
        """float64 (n_windows,), ends of the windows, s since the Unix epoch."""
        return np.array([vector.event_time_s for vector in self.vectors.vectors], np.float64)


def record(recording: Recording, profile: MachineProfile, healthy_fraction: float = 1.0) -> Recorded:
    """Run the device's feature code over a recording and keep its healthy part.

    Args:
        recording: Of a machine of this profile.
        profile: Must be the recording's own.
        healthy_fraction: Share of the windows, from the start, that is believed healthy; in (0, 1].

    Raises:
        TooLittleDataError: it holds no window.
        DataError: the recording is damaged or has sensors that the profile has not.
    """
    ear = _Ear(profile)
    vectors, heard = [], []
    for vector in iterate_vectors(ear.listen(recording.readings()), profile):
        vectors.append(vector)
        heard.append(ear.take())
    if not vectors:
        raise TooLittleDataError(
            f"machine {recording.machine_id}: was recorded too short for one window; exclude it"
        )
    kept = healthy_count(len(vectors), healthy_fraction)
    extremes = np.array(heard[:kept], np.float32)
    return Recorded(
        MachineVectors(recording.machine_id, tuple(vectors[:kept])),
        {spec.name: extremes[:, number] for number, spec in enumerate(profile.sensors)},
        recording.end_of_life_s,
    )


class _Ear:
    """What each sensor delivered since the window before."""

    def __init__(self, profile: MachineProfile) -> None:
        self._place = {spec.name: number for number, spec in enumerate(profile.sensors)}
        self._forget()

    def listen(self, readings: Iterable[Reading]) -> Iterator[Reading]:
        """Pass readings on, and remember their extremes."""
        for reading in readings:
            known = reading.values[np.isfinite(reading.values)]
            place = self._place.get(reading.sensor)
            if place is not None and known.size:
                low, high = self._extremes[place]
                self._extremes[place] = np.fmin(low, known.min()), np.fmax(high, known.max())
            yield reading

    def take(self) -> Extremes:
        """float32 (n_sensors, 2) since it was last called; NaN where there was no number."""
        taken = self._extremes
        self._forget()
        return taken

    def _forget(self) -> None:
        self._extremes: Extremes = np.full((len(self._place), 2), np.nan, np.float32)


def fingerprint(profile: MachineProfile) -> str:
    """Names a profile by its content: windows that another one cut are no use."""
    digest = hashlib.sha256(format_profile(profile).encode()).hexdigest()
    return f"{profile.name} {profile.version} {digest[:_SHORT_HASH]}"


def feature_columns(profile: MachineProfile) -> list[str]:
    """Columns of the features, in the order of every vector."""
    return [f"{FEATURE}{spec.name}" for spec in feature_specs(profile)]


def channel_columns(profile: MachineProfile) -> list[str]:
    """Columns of the sensors' extremes."""
    return [f"{prefix}{spec.name}" for spec in profile.sensors for prefix in (LOW, HIGH)]


def to_row(recorded: Recorded, profile: MachineProfile) -> dict[str, Any]:
    """A machine as a row of a file: column name to text, whole numbers, texts or numbers."""
    vectors = recorded.vectors.vectors
    values = np.array([vector.values for vector in vectors], np.float32)
    sides = {LOW: 0, HIGH: 1}
    channels = {
        f"{prefix}{sensor}": extremes[:, side].tolist()
        for sensor, extremes in recorded.channels.items()
        for prefix, side in sides.items()
    }
    return {
        MACHINE: recorded.machine,
        PROFILE: fingerprint(profile),
        END: [] if recorded.end_s is None else [_to_us(recorded.end_s)],
        TIME: [_to_us(vector.event_time_s) for vector in vectors],
        GAP: [int(vector.gap_before) for vector in vectors],
        REGIME: [vector.regime for vector in vectors],
        **channels,
        **{name: values[:, number].tolist() for number, name in enumerate(feature_columns(profile))},
    }


def from_row(row: Mapping[str, Sequence[Any]], profile: MachineProfile) -> Recorded:
    """A machine from a row whose columns are all lists.

    Raises:
        DataError: a column is missing or of another length, windows of another profile or out of order; names
            column and machine.
    """
    machine = str(next(iter(row[MACHINE]), "")) if MACHINE in row else ""
    if not machine:
        raise DataError(f"column {MACHINE} is missing, or holds no name")
    _require_columns(row, profile, machine)
    values = np.stack([np.asarray(row[name], np.float32) for name in feature_columns(profile)], axis=1)
    channels = {
        spec.name: np.stack([np.asarray(row[f"{p}{spec.name}"], np.float32) for p in (LOW, HIGH)], axis=1)
        for spec in profile.sensors
    }
    valid = np.isfinite(values)
    vectors = [
        FeatureVector(time / MICROSECONDS, numbers, known, regime, bool(gap), {}, {}, float(known.mean()))
        for time, numbers, known, regime, gap in zip(
            row[TIME], values, valid, row[REGIME], row[GAP], strict=True
        )
    ]
    end_s = row[END][0] / MICROSECONDS if row.get(END) else None
    return Recorded(MachineVectors(machine, tuple(vectors)), channels, end_s)


def _require_columns(row: Mapping[str, Sequence[Any]], profile: MachineProfile, machine: str) -> None:
    mine, held = fingerprint(profile), next(iter(row.get(PROFILE, ())), "unknown")
    if held != mine:
        raise DataError(
            f"machine {machine}: its windows were cut by profile {held}, and the schema is of {mine}; "
            "write the span anew"
        )
    count = len(row.get(TIME, ()))
    if not count:
        raise DataError(f"machine {machine}: holds no windows")
    for column in (GAP, REGIME, *channel_columns(profile), *feature_columns(profile)):
        if len(row.get(column, ())) != count:
            found = len(row.get(column, ()))
            raise DataError(f"column {column}: machine {machine} has {found} values for {count} windows")
    if any(later <= earlier for earlier, later in zip(row[TIME], row[TIME][1:], strict=False)):
        raise DataError(f"column {TIME}: the windows of machine {machine} are not in order of time")


def _to_us(stamp_s: float) -> int:
    return round(stamp_s * MICROSECONDS)
