"""Small machines and streams of readings for the tests of the road from reading to score."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.profiles import BearingGeometry, MachineProfile, RegimeSpec, WarmupSpec, WindowSpec
from contract.quality import CheckedReading, QualityCheck
from contract.signals import Quantity, Reading, Samples, ScalarFeature, SensorKind, SensorSpec
from contract.windows import Window, Windower

START_S = 1_700_000_000.0
BEARING = BearingGeometry(9, 7.94, 38.5, nominal_speed_rpm=1800.0)


def scalar(
    name: str = "level",
    rate_hz: float = 1.0,
    features: tuple[ScalarFeature, ...] = (ScalarFeature.LEVEL, ScalarFeature.SLOPE, ScalarFeature.SPREAD),
    stuck_after_s: float = math.inf,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> SensorSpec:
    return SensorSpec(
        name,
        Quantity.TEMPERATURE,
        "Cel",
        rate_hz,
        range_min=limits[0],
        range_max=limits[1],
        stuck_after_s=stuck_after_s,
        features=features,
    )


def waveform(
    name: str = "vib", rate_hz: float = 12_800.0, samples: int = 2048, unit: str = "m/s2", limit: float = 1e6
) -> SensorSpec:
    return SensorSpec(
        name,
        Quantity.ACCELERATION,
        unit,
        rate_hz,
        SensorKind.WAVEFORM,
        range_min=-limit,
        range_max=limit,
        burst_samples=samples,
    )


def speed(name: str = "speed") -> SensorSpec:
    return SensorSpec(name, Quantity.SPEED, "/min", 1.0, features=(ScalarFeature.LEVEL,))


def machine(
    *sensors: SensorSpec,
    length_s: float = 5.0,
    hop_s: float = 5.0,
    bearing: BearingGeometry | None = None,
    regime: RegimeSpec | None = None,
    warmup: WarmupSpec | None = None,
    envelope_band_hz: tuple[float, float] = (0.0, 0.0),
) -> MachineProfile:
    return MachineProfile(
        "test-machine",
        1,
        sensors,
        WindowSpec(length_s, hop_s, 8),
        summary_interval_s=hop_s * 4,
        bearing=bearing,
        regime=regime,
        warmup=warmup or WarmupSpec(8, 8),
        envelope_band_hz=envelope_band_hz,
    )


def reading(
    sensor: str,
    at_s: float,
    values: Sequence[float] | npt.NDArray[Any] | float,
    monotonic_s: float | None = None,
) -> Reading:
    """A reading at a time since `START_S`; the monotonic clock agrees unless told otherwise."""
    row = np.atleast_1d(np.asarray(values, np.float32))
    return Reading(sensor, START_S + at_s, 100.0 + (at_s if monotonic_s is None else monotonic_s), row)


def checked(
    sensor: str, at_s: float, values: Sequence[float] | npt.NDArray[Any], flags: Sequence[int] | None = None
) -> CheckedReading:
    """A checked reading with given flags, as `QualityCheck` makes it."""
    from contract.quality import BAD_FLAGS
    from contract.signals import Quality, QualityFlag

    row = np.asarray(values, np.float32)
    marks = np.asarray([0] * row.size if flags is None else flags, np.uint16)
    quality = np.where(marks & int(BAD_FLAGS), Quality.BAD, np.where(marks, Quality.UNCERTAIN, Quality.GOOD))
    union = QualityFlag(int(np.bitwise_or.reduce(marks))) if row.size else QualityFlag.NONE
    return CheckedReading(sensor, START_S + at_s, row, quality.astype(np.uint8), marks, union)


def cut(values: Samples, pieces: Sequence[int]) -> list[tuple[int, Samples]]:
    """Cut a row into pieces of the given sizes, round and round; with the index of each first sample."""
    out = []
    first = turn = 0
    while first < values.size:
        size = max(1, pieces[turn % len(pieces)])
        out.append((first, values[first : first + size]))
        first, turn = first + size, turn + 1
    return out


def stream(spec: SensorSpec, values: Samples, pieces: Sequence[int], start_s: float = 0.0) -> list[Reading]:
    """The readings of one scalar."""
    return [reading(spec.name, start_s + i / spec.rate_hz, row) for i, row in cut(values, pieces)]


def in_order(*streams: Iterable[Reading]) -> list[Reading]:
    """Readings of several sensors in the order of their first samples."""
    return sorted((r for s in streams for r in s), key=lambda r: r.monotonic_s)


def windows_of(profile: MachineProfile, readings: Iterable[Reading]) -> list[Window]:
    """What quality checks and windows make of readings."""
    quality, windower = QualityCheck(profile), Windower(profile)
    kept = (quality.check(r) for r in readings)
    return [window for c in kept if c is not None for window in windower.add(c)]


def burst_window(
    profile: MachineProfile,
    values: dict[str, Samples],
    offsets_s: dict[str, npt.NDArray[np.float64]] | None = None,
) -> Window:
    """A window with the given samples and nothing against them."""
    from contract.signals import QualityFlag

    spec = profile.window
    rows = {s.name: np.asarray(values.get(s.name, ()), np.float32) for s in profile.sensors}
    times = {
        s.name: np.arange(rows[s.name].size) / s.rate_hz
        for s in profile.sensors
        if s.kind is SensorKind.SCALAR
    }
    return Window(
        START_S,
        START_S + spec.length_s,
        rows,
        {**times, **(offsets_s or {})},
        {name: (row.size, 0, 0) for name, row in rows.items()},
        dict.fromkeys(rows, QualityFlag.NONE),
    )
