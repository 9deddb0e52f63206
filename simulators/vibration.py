"""What an accelerometer on the bearing housing feels: one burst of a rotating machine's vibration.

Rule: a burst is shaft harmonics + coloured noise + impulses through the housing's modes, in m/s², for all
axes at once; what wear adds depends on the failure mode alone. The random stream of the healthy part is drawn
whether or not something wears, so that a machine is the same up to its onset with and without a failure mode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from contract.profiles import BearingGeometry
from simulators.degradation import FailureMode

Real = npt.NDArray[np.float32]
Complex = npt.NDArray[np.complex64]

HARMONICS = (1.0, 2.0, 3.0)
SLIP = 0.012
"""Random slip of the rolling elements: relative standard deviation of one impulse interval, 1-2 % (Randall &
Antoni, MSSP 25 (2011), section 2)."""
LINE_HZ = 50.0
IMPULSE_SCATTER = 0.12
"""Relative standard deviation of the impulses' strengths."""
HIGH_BAND = 0.45
"""Where the high-frequency band begins, as a fraction of half the sample rate."""


@dataclass(frozen=True, slots=True)
class ModeSpec:
    """One structural mode between bearing and accelerometer."""

    frequency_hz: float
    damping: float
    """Fraction of critical damping."""
    gain: float
    """Share in the transfer path, dimensionless."""


@dataclass(frozen=True, slots=True)
class VibrationSpec:
    """A kind of rotating machine, before machine-to-machine variation."""

    nominal_hz: float
    """Shaft speed at full load."""
    noise_ms2: float
    """RMS of the broadband noise at full load, per axis."""
    shaft_velocity_mms: tuple[float, float, float]
    """RMS velocities of 1x, 2x and 3x at full speed (ISO 20816-3 zone A is below about 2 mm/s in all)."""
    vane_count: float
    """Vanes of an impeller or teeth of a wheel; 0: none."""
    vane_ms2: float
    """RMS of the vane-passing line at full load."""
    modes: tuple[tuple[ModeSpec, ...], ...]
    """Modes of each axis; a machine with more axes than these goes round again."""
    floor: float = 0.25
    """White part of the noise spectrum, relative to the modes' peaks (amplitude)."""
    impulse_growth: float = 20.0
    """Peak of one defect impulse's ring at wear 1, in multiples of `noise_ms2`."""
    bearing: BearingGeometry | None = None


class VibrationState(NamedTuple):
    """What a burst depends on, beside chance."""

    speed: float
    """Fraction of the nominal speed."""
    load: float
    """Fraction of the nominal load."""
    mode: FailureMode | None
    wear: float
    """0..1."""


@dataclass(frozen=True, slots=True)
class AxisPlacement:
    """How an accelerometer is sampled."""

    rate_hz: float
    samples: int


@dataclass(slots=True)
class _Axis:
    """What was drawn once for this machine and this axis."""

    path: Complex
    """Transfer path from an impulse at the bearing, complex (samples // 2 + 1,); an impulse of 1 rings with
    peak 1."""
    colour: Real
    """Amplitude spectrum of the noise, scaled to RMS 1."""
    high: Real
    """The same for the noise above `HIGH_BAND`."""
    lines: Real
    """Peak amplitudes in m/s² of the shaft harmonics, the vane line and the electrical line, float32 (5,)."""
    phases: Real
    impulse_gain: float


class VibrationModel:
    """Synthesises bursts.

    Args:
        spec: The kind of machine.
        place: How the accelerometers are sampled.
        axes: How many there are.
        seed: Draws this machine's own resonances, levels and phases, and every burst.
        variation: Scales the differences between machines of a kind; 0: all alike.
    """

    def __init__(
        self,
        spec: VibrationSpec,
        place: AxisPlacement,
        axes: int,
        seed: tuple[int, ...],
        variation: float = 1.0,
    ) -> None:
        self._spec = spec
        self._place = place
        own = np.random.default_rng(np.random.SeedSequence([*seed, 0x41B5]))
        self._noise_ms2 = spec.noise_ms2 * math.exp(0.2 * variation * own.standard_normal())
        drawn = [_draw_axis(spec, place, index, own, variation) for index in range(axes)]
        self._paths = np.stack([axis.path * np.float32(axis.impulse_gain) for axis in drawn])
        self._phases = np.stack([axis.phases for axis in drawn])
        self._lines = np.stack([axis.lines for axis in drawn])
        self._colours = np.stack([axis.colour for axis in drawn])
        self._highs = np.stack([axis.high for axis in drawn])
        self._rng = np.random.default_rng(np.random.SeedSequence([*seed, 0xB0457]))
        self._impulse_rng = np.random.default_rng(np.random.SeedSequence([*seed, 0x1A9]))
        self._time_s = (np.arange(self._place.samples) / self._place.rate_hz).astype(np.float32)
        self._orders = spec.bearing.defect_orders() if spec.bearing is not None else {}

    def burst(self, state: VibrationState) -> Real:
        """One burst of every axis: float32 (n_axes, n_samples), in m/s²."""
        shape = (self._lines.shape[0], self._place.samples // 2 + 1, 2)
        gaussian = self._rng.standard_normal(shape, dtype=np.float32)
        level = float(self._rng.normal(1.0, 0.03))
        theta = float(self._rng.uniform(0, 2 * math.pi))
        spectrum: Complex = gaussian.view(np.complex64)[..., 0]
        spectrum *= self._noise_amplitude(state, level)
        impulses = self._impulses(state)
        if impulses is not None:
            train = np.fft.rfft(impulses).astype(np.complex64)
            spectrum += train * self._paths
        burst: Real = np.fft.irfft(spectrum, self._place.samples, axis=1).astype(np.float32)
        burst += self._tones(state, theta)
        return burst

    def _noise_amplitude(self, state: VibrationState, level: float) -> Real:
        """Amplitude spectrum of the noise for each axis; flow and friction noise grow with speed and load."""
        flow = 0.04 + 0.96 * state.speed**1.5 * (0.7 + 0.3 * state.load)
        base = self._noise_ms2 * level * flow
        extra = noise_gain(state.mode, state.wear)
        amplitude = self._colours * np.float32(base * extra.broad)
        if extra.high:
            amplitude += self._highs * np.float32(base * extra.high)
        return amplitude

    def _tones(self, state: VibrationState, theta: float) -> Real:
        """Shaft harmonics, vane passing and twice the line frequency: float32 (n_axes, n_samples)."""
        shaft_hz = state.speed * self._spec.nominal_hz
        omega = np.float32(2 * math.pi) * self._time_s
        orders = np.array([*HARMONICS, self._spec.vane_count], dtype=np.float32)
        angles = np.outer(orders, omega * np.float32(shaft_hz) + np.float32(theta))
        angles = np.vstack((angles, omega * np.float32(2 * LINE_HZ)))
        weights = self._lines * tone_gain(state)
        tones: Real = (weights * np.cos(self._phases)) @ np.sin(angles)
        tones += (weights * np.sin(self._phases)) @ np.cos(angles)
        return tones

    def _impulses(self, state: VibrationState) -> Real | None:
        """The impulse train, float32 (n_samples,), in m/s² at the peak of the ring; None: no impulses."""
        shaft_hz = state.speed * self._spec.nominal_hz
        if state.mode is None or state.wear <= 0 or shaft_hz < 0.5:
            return None
        amplitude = (
            self._noise_ms2 * self._spec.impulse_growth * state.wear * state.speed * (0.6 + 0.4 * state.load)
        )
        times, strengths = self._strikes(state.mode, state.wear, shaft_hz)
        if times.size == 0:
            return None
        train = np.zeros(self._place.samples, dtype=np.float32)
        places = np.minimum((times * self._place.rate_hz).astype(np.int64), self._place.samples - 1)
        scatter = 1.0 + IMPULSE_SCATTER * self._impulse_rng.standard_normal(times.size)
        signs = (
            self._impulse_rng.choice((-1.0, 1.0), times.size) if state.mode is FailureMode.CAVITATION else 1.0
        )
        np.add.at(train, places, (amplitude * strengths * scatter * signs).astype(np.float32))
        return train

    def _strikes(self, mode: FailureMode, wear: float, shaft_hz: float) -> tuple[Real, Real]:
        """Times in s and relative strengths of the impulses within one burst."""
        length_s = self._place.samples / self._place.rate_hz
        rng = self._impulse_rng
        start, load_zone = float(rng.uniform(0, 1)), float(rng.uniform(0, 2 * math.pi))
        if mode is FailureMode.BEARING_OUTER:
            times = self._pass_times(self._orders.get("bpfo", 0.0) * shaft_hz, start, length_s)
            return times, np.ones_like(times)
        if mode is FailureMode.BEARING_INNER:
            times = self._pass_times(self._orders.get("bpfi", 0.0) * shaft_hz, start, length_s)
            return times, stribeck_load(2 * np.pi * shaft_hz * times + load_zone)
        if mode is FailureMode.BEARING_BALL:
            times = self._pass_times(2 * self._orders.get("bsf", 0.0) * shaft_hz, start, length_s)
            alternate = np.where(np.arange(times.size) % 2 == 0, 1.0, 0.6).astype(np.float32)
            cage = 2 * np.pi * self._orders.get("ftf", 0.0) * shaft_hz * times + load_zone
            return times, alternate * stribeck_load(cage)
        rate_hz = RANDOM_STRIKES_HZ.get(mode, 0.0) * wear
        times = np.sort(rng.uniform(0, length_s, rng.poisson(rate_hz * length_s))).astype(np.float32)
        strengths = RANDOM_STRIKE_STRENGTH * rng.exponential(1.0, times.size)
        return times, strengths.astype(np.float32)

    def _pass_times(self, pass_hz: float, start: float, length_s: float) -> Real:
        """When elements pass the defect: McFadden & Smith (J. Sound Vib. 96 (1984)) with random slip."""
        if pass_hz <= 0:
            return np.zeros(0, dtype=np.float32)
        count = int(length_s * pass_hz * 1.2) + 3
        intervals = 1.0 + SLIP * self._impulse_rng.standard_normal(count)
        times = (start - 1.0 + np.cumsum(intervals)) / pass_hz
        inside: Real = times[(times >= 0) & (times < length_s)].astype(np.float32)
        return inside


RANDOM_STRIKES_HZ: dict[FailureMode, float] = {FailureMode.CAVITATION: 400.0, FailureMode.LUBRICATION: 60.0}
"""Bubble collapses, or contacts of asperities through the film, per second at wear 1."""
RANDOM_STRIKE_STRENGTH = 0.15


class NoiseGain(NamedTuple):
    """Multiples of the healthy noise."""

    broad: float
    high: float


def noise_gain(mode: FailureMode | None, wear: float) -> NoiseGain:
    """What wear does to the noise: `broad` scales the healthy colour, `high` adds above `HIGH_BAND`."""
    if mode is FailureMode.CAVITATION:
        return NoiseGain(1.0 + 1.5 * wear, 3.0 * wear)
    if mode is FailureMode.LUBRICATION:
        return NoiseGain(1.0 + 0.4 * wear, 4.0 * wear)
    if mode in (FailureMode.BEARING_OUTER, FailureMode.BEARING_INNER, FailureMode.BEARING_BALL):
        return NoiseGain(1.0 + 0.8 * wear**2, 0.0)  # the spall's rough edges
    return NoiseGain(1.0, 0.0)


def tone_gain(state: VibrationState) -> Real:
    """Multiples of the tones' full-load amplitudes: 1x, 2x, 3x, vanes, twice line frequency; float32 (5,).

    The force of an unbalance grows with the square of the speed, so does its acceleration on a stiff machine.
    """
    square, wear, mode = state.speed**2, state.wear, state.mode
    running = 1.0 if state.speed > 0.02 else 0.0
    gains = [square, square, square, square * (0.5 + 0.5 * state.load), running * (0.4 + 0.6 * state.load)]
    if mode is FailureMode.IMBALANCE:
        gains[0] *= 1 + 7.0 * wear
    elif mode is FailureMode.MISALIGNMENT:
        gains[0] *= 1 + 1.0 * wear
        gains[1] *= 1 + 12.0 * wear
        gains[2] *= 1 + 5.0 * wear
    elif mode is FailureMode.WINDING:
        gains[4] *= 1 + 8.0 * wear
    elif mode is FailureMode.CAVITATION:
        gains[3] *= 1 + 1.0 * wear
    return np.array(gains, dtype=np.float32)


def stribeck_load(angle: npt.NDArray[np.floating[Any]]) -> Real:
    """Load on an element by its angle from the load's direction (Stribeck, half the ring loaded), 0..1."""
    zone = np.maximum(0.0, np.cos(angle))
    loaded: Real = (zone**1.5).astype(np.float32)
    return loaded


def _draw_axis(
    spec: VibrationSpec, place: AxisPlacement, index: int, own: np.random.Generator, variation: float
) -> _Axis:
    frequencies = np.fft.rfftfreq(place.samples, 1.0 / place.rate_hz)
    modes = spec.modes[index % len(spec.modes)]
    path = np.zeros(frequencies.size, dtype=np.complex128)
    for mode in modes:
        tuned_hz = min(
            mode.frequency_hz * (1 + 0.05 * variation * own.standard_normal()), 0.47 * place.rate_hz
        )
        gain = mode.gain * math.exp(0.15 * variation * own.standard_normal())
        path += gain * _mode_response(frequencies, tuned_hz, mode.damping)
    peak = float(np.max(np.abs(np.fft.irfft(path, place.samples))))
    shape = np.abs(path) / np.max(np.abs(path)) + spec.floor
    shape *= frequencies / (
        frequencies + 60.0
    )  # the accelerometer's charge amplifier passes no constant part
    high = np.where(frequencies >= HIGH_BAND * place.rate_hz / 2, 1.0, 0.0)
    gain = math.exp(0.1 * variation * own.standard_normal())
    return _Axis(
        path=(path / peak).astype(np.complex64),
        colour=_unit_rms(shape, place.samples) * np.float32(gain),
        high=_unit_rms(high, place.samples) * np.float32(gain),
        lines=_draw_lines(spec, own, variation),
        phases=own.uniform(0, 2 * math.pi, len(HARMONICS) + 2).astype(np.float32),
        impulse_gain=gain,
    )


def _mode_response(
    frequencies: npt.NDArray[np.float64], tuned_hz: float, damping: float
) -> npt.NDArray[np.complex128]:
    """A damped oscillator: 1 at its resonance, falling to both sides; it rings as exp(-ζωt)."""
    ratio = frequencies / tuned_hz
    resistance = (1.0 - ratio**2).astype(np.complex128) + 2j * damping * ratio
    response: npt.NDArray[np.complex128] = 2j * damping * ratio / resistance
    return response


def _unit_rms(shape: npt.NDArray[np.float64], samples: int) -> Real:
    """Scale an amplitude spectrum so that unit complex Gaussians through it give noise of RMS 1."""
    # numpy's irfft divides by n; each interior line appears twice, and a complex unit Gaussian has variance
    # 2.
    scale = samples / (2.0 * math.sqrt(float(np.sum(shape[1:-1] ** 2))))
    unit: Real = (shape * scale).astype(np.float32)
    return unit


def _draw_lines(spec: VibrationSpec, own: np.random.Generator, variation: float) -> Real:
    """Peak accelerations of the five tones for one axis of this machine."""
    spread = np.exp(0.25 * variation * own.standard_normal(len(HARMONICS) + 2))
    peaks = [
        math.sqrt(2) * velocity / 1000.0 * 2 * math.pi * order * spec.nominal_hz
        for velocity, order in zip(spec.shaft_velocity_mms, HARMONICS, strict=True)
    ]
    peaks += [math.sqrt(2) * spec.vane_ms2 if spec.vane_count else 0.0, 0.08 * spec.noise_ms2]
    lines: Real = (np.array(peaks) * spread).astype(np.float32)
    return lines
