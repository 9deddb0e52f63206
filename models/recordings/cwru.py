"""Case Western Reserve bearing rig: one .npz per state of the bearing, drive-end accelerometer in [g].

Rule: everything leaves at 12 kHz. `Normal_*` was recorded at 48 kHz and is filtered and decimated by four;
left as it is, the sample rate would tell the states apart. A burst is the first 2048 of every 2400 samples
(0.2 s).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from contract.errors import DataError
from contract.signals import Reading, Samples
from models.recordings.arrays import ArrayStream, load_array
from models.recordings.folders import find_files
from models.recordings.recording import ProfileChoice, Recording, profile_name
from models.recordings.rows import safe_id

PROFILE = "cwru-bearing"
SENSOR = "vib"
RATE_HZ = 12_000
PERIOD_S = 0.2
BURST_SAMPLES = 2048
NORMAL_DECIMATION = 4
FILTER_TAPS = 257
"""Odd, so that the filter's delay is a whole number of samples; stop band below -80 dB from 1.1 x the new
Nyquist frequency.
"""


def open_cwru(place: Path, profile: ProfileChoice) -> list[Recording]:
    """One recording per .npz, each a bearing in one state.

    Raises:
        DataError: no such files, or one has no drive-end channel.
    """
    return [_open(path, profile_name(profile, PROFILE)) for path in find_files(place, ("*.npz",), "cwru:DIR")]


def decimate(signal: Samples, factor: int) -> Samples:
    """Low-pass at the new Nyquist frequency (windowed sinc, Blackman), then keep every `factor`-th sample.

    The cut-off lies at 0.9 of the new Nyquist frequency; the ends, where the filter lacks samples, are left
    out.
    """
    centre = np.arange(FILTER_TAPS) - FILTER_TAPS // 2
    taps = np.sinc(centre * 0.9 / factor) * np.blackman(FILTER_TAPS)
    filtered = np.convolve(signal.astype(np.float64), taps / taps.sum(), mode="valid")
    return filtered[::factor].astype(np.float32)


def _open(path: Path, profile: str) -> Recording:
    with ArrayStream(path, "DE", kinds="f") as channel:
        if len(channel.shape) != 1 or channel.shape[0] < NORMAL_DECIMATION * BURST_SAMPLES:
            raise DataError(f"{path}: DE must be one long channel of samples, not of shape {channel.shape}")
    return Recording(
        machine_id=f"cwru-{safe_id(path.stem)}",
        profile=profile,
        description=f"Case Western Reserve bearing, drive end, {path.stem}",
        readings=partial(_read, path),
    )


def _read(path: Path) -> Iterator[Reading]:
    signal: Samples = load_array(path, "DE", kinds="f").astype(np.float32)
    if path.stem.lower().startswith("normal"):
        signal = decimate(signal, NORMAL_DECIMATION)
    step = round(PERIOD_S * RATE_HZ)
    for number, first in enumerate(range(0, len(signal) - BURST_SAMPLES + 1, step)):
        stamp = number * PERIOD_S
        yield Reading(SENSOR, stamp, stamp, signal[first : first + BURST_SAMPLES])
