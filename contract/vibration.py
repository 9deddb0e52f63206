"""Vibration features of one burst, version 1 (see `contract.features`).

Rule: everything that does not depend on the samples is planned once per kind of burst; bursts of the same
kind are transformed together, in float64, in SI units.

Sources: velocity RMS 10-1000 Hz is the severity of ISO 20816-1, integrated in the frequency domain; the power
of a Hann-windowed transform is corrected by 8/3 (Harris, Proc. IEEE 66 (1978), table I); the squared-envelope
spectrum and its defect frequencies follow Randall & Antoni, Mech. Syst. Signal Process. 25 (2011), sections 3
and 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from contract.profiles import MachineProfile
from contract.signals import TO_METRE_PER_SECOND_SQUARED, Samples

Floats = npt.NDArray[np.float64]
Lines = npt.NDArray[np.complex128]

BANDS = 8
BAND_SPAN = 512
"""The bands reach from rate / 512 (or the second line, if higher) to rate / 2, equally wide in octaves."""
VELOCITY_BAND_HZ = (10.0, 1000.0)
MM_PER_M = 1000.0
DEFECTS = ("bpfo", "bpfi", "bsf")
"""The cage frequency is left out: a short burst holds too few of its turns."""
HARMONICS = 3
HALF_WIDTH_LINES = 1.5
HALF_WIDTH_SHARE = 0.02
"""A harmonic is looked for within 1.5 lines or 2 % of its frequency, for slip and speed error."""
FIRST_LINE = 3
"""Envelope lines below this one hold the Hann window's leak of the mean, not the bearing."""
SPECTRUM_REACH = 1.1
"""The mean of the envelope spectrum is taken up to this multiple of the highest harmonic."""


@dataclass(frozen=True, slots=True)
class FeatureKind:
    """One vibration feature: name after the sensor's, UCUM unit, smallest value a logarithm is taken of."""

    name: str
    unit: str
    floor: float


@dataclass(frozen=True, slots=True)
class VibrationPlan:
    """How bursts of one kind are analysed."""

    rate_hz: float
    burst_samples: int
    to_si: float
    """m/s2 in one of the sensor's units."""
    band_edges_hz: tuple[float, ...]
    velocity: bool
    """Whether a burst is long enough to resolve the velocity band."""
    envelope_band_hz: tuple[float, float]
    defect_orders: tuple[float, ...]
    """Multiples of the shaft frequency, in the order of `DEFECTS`; empty without bearing geometry."""
    kinds: tuple[FeatureKind, ...]


@dataclass(frozen=True, slots=True)
class _Transform:
    """Arrays for bursts of one length."""

    power: Floats = field(repr=False)
    """(n_lines,): from `_windowed_power` to mean square of the signal."""
    to_velocity: Floats = field(repr=False)
    """(n_lines,): from mean square acceleration to (mm/s)², 0 outside the velocity band."""
    band_starts: npt.NDArray[np.intp]
    band_sizes: npt.NDArray[np.intp]
    """Lines in each band."""
    envelope_lines: tuple[int, int]
    envelope_size: int
    """Length of the envelope: half as long again as the band has lines, so that squaring does not alias into
    the lower half of its own lines; none above is looked at."""
    envelope_hann: Floats = field(repr=False)


def vibration_plan(rate_hz: float, burst_samples: int, unit: str, profile: MachineProfile) -> VibrationPlan:
    """Plan the analysis of one kind of burst; equal arguments give the very same object."""
    orders = profile.bearing.defect_orders() if profile.bearing else {}
    band = profile.envelope_band_hz if profile.envelope_band_hz[1] else (rate_hz / 4, rate_hz / 2)
    return _plan(rate_hz, burst_samples, unit, band, tuple(orders[d] for d in DEFECTS if d in orders))


@lru_cache(maxsize=64)
def _plan(
    rate_hz: float, burst_samples: int, unit: str, band: tuple[float, float], orders: tuple[float, ...]
) -> VibrationPlan:
    lowest_hz = max(rate_hz / BAND_SPAN, 2 * rate_hz / burst_samples)
    edges = np.geomspace(lowest_hz, rate_hz / 2, BANDS + 1)
    # A line more than this and the whole velocity band fits between two lines.
    velocity = rate_hz / burst_samples <= VELOCITY_BAND_HZ[1] / 4
    kinds = [FeatureKind("rms", "m/s2", 1e-4)]
    if velocity:
        kinds.append(FeatureKind("velocity_rms", "mm/s", 1e-4))
    kinds += [
        FeatureKind("peak", "m/s2", 1e-4),
        FeatureKind("crest", "1", 0.1),
        FeatureKind("kurtosis", "1", 0.1),
    ]
    kinds += [FeatureKind(f"band{i}", "m/s2", 1e-5) for i in range(1, BANDS + 1)]
    kinds += [FeatureKind(f"env_{name}", "1", 1e-2) for name in DEFECTS[: len(orders)]]
    return VibrationPlan(
        rate_hz=rate_hz,
        burst_samples=burst_samples,
        to_si=TO_METRE_PER_SECOND_SQUARED[unit],
        band_edges_hz=tuple(edges.tolist()),
        velocity=velocity,
        envelope_band_hz=band,
        defect_orders=orders,
        kinds=tuple(kinds),
    )


def vibration_features(bursts: list[Samples], plan: VibrationPlan, shaft_hz: float) -> Floats:
    """The features of bursts of one plan and one length.

    Args:
        bursts: m of (n,), in the sensors' unit.
        plan: of all of them.
        shaft_hz: turns of the shaft per second; NaN when unknown.

    Returns:
        float64 (m, n_kinds) in the kinds' units; NaN where the burst is too short or the shaft too slow.
    """
    transform = _transform(plan, bursts[0].size)
    accel = np.array(bursts, np.float64)  # (m, n)
    accel *= plan.to_si
    accel -= np.add.reduce(accel, axis=1, keepdims=True) / accel.shape[1]
    lines = np.fft.rfft(accel)  # (m, n_lines)
    power = _windowed_power(lines, accel.shape[1])
    power *= transform.power
    rms, *shape = _shape_features(accel)
    columns = [rms, np.sqrt(power @ transform.to_velocity), *shape] if plan.velocity else [rms, *shape]
    parts = [np.array(columns).T, _band_features(power, transform)]
    if plan.defect_orders:
        shaft_lines = shaft_hz * accel.shape[1] / plan.rate_hz
        parts.append(_envelope_features(lines, plan, transform, shaft_lines))
    return np.concatenate(parts, axis=1)


def _windowed_power(lines: Lines, size: int) -> Floats:
    """16 times the squared magnitude of the spectrum that the same bursts have under a periodic Hann window.

    The window is 1/2 - exp(jw)/4 - exp(-jw)/4: in frequency, a line's half less a quarter of each neighbour
    (Harris, section IV), and so one transform serves both spectra. Beyond the ends of a real signal's
    spectrum its lines come back, conjugated.

    Args:
        lines: complex128 (m, size // 2 + 1), of a rectangular window.
        size: Samples of a burst.
    """
    flat = lines.view(np.float64)  # real and imaginary parts in turn: a neighbour is two numbers away
    windowed = flat + flat
    windowed[:, 2:] -= flat[:, :-2]
    windowed[:, :-2] -= flat[:, 2:]
    spectrum = windowed.view(np.complex128)
    spectrum[:, 0] -= lines[:, 1].conj()
    spectrum[:, -1] -= lines[:, -2 if size % 2 == 0 else -1].conj()
    return _squared_magnitude(spectrum)


def _squared_magnitude(lines: Lines) -> Floats:
    squared: Floats = np.square(lines.real)
    squared += np.square(lines.imag)
    return squared


def _shape_features(accel: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """RMS, peak, crest factor and kurtosis (3 for Gaussian noise), (m,) each."""
    squared = accel * accel
    mean_square = np.add.reduce(squared, axis=1) / accel.shape[1]
    peak = np.sqrt(np.maximum.reduce(squared, axis=1))
    fourth = np.einsum("ij,ij->i", squared, squared) / accel.shape[1]
    alive = np.where(mean_square > 0, mean_square, np.nan)
    return np.sqrt(mean_square), peak, peak / np.sqrt(alive), fourth / alive**2


def _band_features(power: Floats, transform: _Transform) -> Floats:
    """RMS in each band; NaN for a band without a line."""
    energies = np.add.reduceat(power, transform.band_starts, axis=1)
    return np.where(transform.band_sizes > 0, np.sqrt(energies), np.nan)


def _envelope_features(
    lines: Lines, plan: VibrationPlan, transform: _Transform, shaft_lines: float
) -> Floats:
    """Energy at a defect's harmonics over that of as many mean envelope lines: about 1 without a defect.

    Args:
        lines: complex128 (m, n_lines), of a rectangular window.
        plan: of the bursts.
        transform: of their length.
        shaft_lines: shaft frequency in lines; NaN when unknown.
    """
    out = np.full((lines.shape[0], len(plan.defect_orders)), np.nan)
    defects = [order * shaft_lines for order in plan.defect_orders]
    first, last = transform.envelope_lines
    if math.isnan(shaft_lines):
        return out
    reach = min((last - first) // 2, math.ceil(SPECTRUM_REACH * HARMONICS * max(defects)))
    resolved = [i for i, d in enumerate(defects) if FIRST_LINE <= d < reach - HALF_WIDTH_LINES]
    if not resolved:
        return out
    # The band's lines alone, shifted to zero: their inverse is the analytic signal, as coarse as it may be.
    analytic = np.fft.ifft(lines[:, first:last], transform.envelope_size, axis=1)
    envelope = _squared_magnitude(analytic)
    envelope *= transform.envelope_hann
    energies = _squared_magnitude(np.fft.rfft(envelope)[:, :reach])
    mean = energies[:, FIRST_LINE:].sum(axis=1) / (reach - FIRST_LINE)
    weights = np.zeros((len(resolved), reach))
    for row, number in enumerate(resolved):
        for harmonic in _harmonic_lines(defects[number], reach):
            weights[row, harmonic] += 1.0
    expected = mean[:, None] * weights.sum(axis=1)
    out[:, resolved] = energies @ weights.T / np.where(expected > 0, expected, np.nan)
    return out


def _harmonic_lines(defect: float, reach: int) -> list[slice]:
    """The lines of a defect's harmonics, each frequency in lines; empty where one lies out of reach."""
    ranges = []
    for harmonic in range(1, HARMONICS + 1):
        centre = defect * harmonic
        half_width = max(HALF_WIDTH_LINES, HALF_WIDTH_SHARE * centre)
        start = min(max(math.ceil(centre - half_width), FIRST_LINE), reach)
        stop = min(max(math.floor(centre + half_width) + 1, FIRST_LINE), reach)
        ranges.append(slice(start, stop))
    return ranges


@lru_cache(maxsize=64)
def _transform(plan: VibrationPlan, size: int) -> _Transform:
    hann = np.hanning(size + 1)[:-1]  # periodic
    lines_hz = np.arange(size // 2 + 1) * (plan.rate_hz / size)
    power = np.full(lines_hz.size, 2.0 / (16.0 * size * float(hann @ hann)))
    power[0] /= 2
    if size % 2 == 0:
        power[-1] /= 2
    low_hz, high_hz = VELOCITY_BAND_HZ
    in_band = (lines_hz >= low_hz * (1 - 1e-9)) & (lines_hz <= high_hz * (1 + 1e-9))
    to_velocity = np.zeros(lines_hz.size)
    to_velocity[in_band] = (MM_PER_M / (2 * math.pi * lines_hz[in_band])) ** 2
    starts = np.searchsorted(lines_hz * (1 + 1e-9), plan.band_edges_hz[:-1])
    starts = np.minimum(starts, lines_hz.size - 1)
    low, high = np.searchsorted(lines_hz * (1 + 1e-9), plan.envelope_band_hz)
    envelope_size = _fast_size(3 * max(int(high - low), 1) // 2 + 2)
    return _Transform(
        power=power,
        to_velocity=to_velocity,
        band_starts=starts,
        band_sizes=np.diff(np.append(starts, lines_hz.size)),
        envelope_lines=(int(low), int(high)),
        envelope_size=envelope_size,
        envelope_hann=np.hanning(envelope_size + 1)[:-1],
    )


def _fast_size(least: int) -> int:
    """The next size of the form 2^a or 3 * 2^a: quick to transform."""
    power = 1 << (least - 1).bit_length()
    return power * 3 // 4 if power * 3 // 4 >= least else power
