"""The samples of one sensor that an open window may still need.

Rule: a border between windows gives each sample to exactly one side, whatever rounding did to its time. What
no window needs any more is forgotten.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from contract.profiles import MachineProfile
from contract.quality import CheckedReading
from contract.signals import Quality, QualityFlag, Samples, SensorKind, SensorSpec

_Number = TypeVar("_Number", bound=np.generic)
Counts = tuple[int, int, int]
"""Samples that are good, uncertain and bad."""

_SAME_TIME = 0.01
"""A sample closer than this share of a period to a border counts as on it."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One sensor's part of a window."""

    values: Samples
    offsets_s: npt.NDArray[np.float64] | None
    counts: Counts
    flags: QualityFlag
    newest_s: float


_NO_SAMPLES: Samples = np.empty(0, np.float32)
_NO_OFFSETS: npt.NDArray[np.float64] = np.empty(0, np.float64)


class Track(Protocol):
    """What `Windower` needs of the samples of one sensor."""

    period_s: float
    """Between two samples, or two bursts."""
    next_s: float
    """When the next sample (or burst) is expected."""

    @property
    def first_s(self) -> float:
        """Time of the oldest sample (or burst) that no closed window has passed; inf when there is none."""

    def append(self, checked: CheckedReading, border_s: float) -> None:
        """Take a reading, unless all of it lies before the border."""

    def cut(self, start_s: float, end_s: float) -> Cut:
        """What falls between two borders."""

    def forget(self, border_s: float) -> None:
        """Let go of what lies before a border."""


def make_track(spec: SensorSpec, profile: MachineProfile) -> Track:
    """The track that fits a sensor."""
    if spec.kind is SensorKind.WAVEFORM:
        return BurstTrack(spec, profile.window.hop_s)
    return ScalarTrack(spec, profile.window.length_s)


class ScalarTrack:
    """Samples of a slow sensor, kept as the readings they came in."""

    def __init__(self, spec: SensorSpec, length_s: float) -> None:
        self.period_s = 1.0 / spec.rate_hz
        self.next_s = -math.inf
        self._expected = max(1.0, length_s * spec.rate_hz)
        self._readings: deque[CheckedReading] = deque()
        self._border_s = -math.inf
        self._missing = Cut(_NO_SAMPLES, _NO_OFFSETS, (0, 0, 0), QualityFlag.MISSING, -math.inf)

    @property
    def first_s(self) -> float:
        """See `Track`."""
        if not self._readings:
            return math.inf
        oldest = self._readings[0]
        return oldest.event_time_s + self._index(oldest, self._border_s) * self.period_s

    def append(self, checked: CheckedReading, border_s: float) -> None:
        """See `Track`."""
        self.next_s = max(self.next_s, checked.event_time_s + checked.values.size * self.period_s)
        self._border_s = border_s
        if self._index(checked, border_s) < checked.values.size:
            self._readings.append(checked)

    def cut(self, start_s: float, end_s: float) -> Cut:
        """See `Track`."""
        pieces = []
        for checked in self._readings:
            first, last = self._index(checked, start_s), self._index(checked, end_s)
            if last > first:
                pieces.append((checked, first, last))
            elif not last:
                break
        if not pieces:
            return self._missing
        return self._join(pieces, start_s)

    def forget(self, border_s: float) -> None:
        """See `Track`."""
        self._border_s = border_s
        while self._readings and self._index(self._readings[0], border_s) >= self._readings[0].values.size:
            self._readings.popleft()

    def _index(self, checked: CheckedReading, time_s: float) -> int:
        """Index of the first sample at or after a time, at most the number of samples."""
        lag_s = time_s - checked.event_time_s
        if lag_s <= 0:
            return 0
        return min(math.ceil(lag_s / self.period_s - _SAME_TIME), checked.values.size)

    def _join(self, pieces: list[tuple[CheckedReading, int, int]], start_s: float) -> Cut:
        """Leave bad samples out, and tell when too few came."""
        values = _joined([c.values[i:j] for c, i, j in pieces])
        begins_s = [c.event_time_s - start_s + i * self.period_s for c, i, _ in pieces]
        if values.size == len(pieces):
            offsets_s = np.array(begins_s)
        else:
            runs = zip(begins_s, pieces, strict=True)
            offsets_s = _joined([begin_s + np.arange(j - i) * self.period_s for begin_s, (_, i, j) in runs])
        newest_s = start_s + offsets_s[-1].item()
        counts, flags = (values.size, 0, 0), QualityFlag.NONE
        if any(c.flags for c, _, _ in pieces):
            quality = _joined([c.quality[i:j] for c, i, j in pieces])
            counts, flags = _count(quality), _union([c.sample_flags[i:j] for c, i, j in pieces])
            usable = quality != Quality.BAD
            values, offsets_s = values[usable], offsets_s[usable]
        if 2 * sum(counts) < self._expected:
            flags |= QualityFlag.MISSING
        return Cut(values, offsets_s, counts, flags, newest_s)


class BurstTrack:
    """Bursts of a fast waveform; a window owns the bursts that start in it and uses the newest."""

    def __init__(self, spec: SensorSpec, hop_s: float) -> None:
        self.period_s = hop_s
        self.next_s = -math.inf
        self._spec = spec
        self._bursts: deque[CheckedReading] = deque()
        self._missing = Cut(_NO_SAMPLES, None, (0, 0, 0), QualityFlag.MISSING, -math.inf)

    @property
    def first_s(self) -> float:
        """See `Track`."""
        return self._bursts[0].event_time_s if self._bursts else math.inf

    def append(self, checked: CheckedReading, border_s: float) -> None:
        """See `Track`."""
        size = self._spec.burst_samples
        for first in range(0, checked.values.size, size):
            burst = _slice(checked, first, first + size, self._spec.burst_s * (first // size))
            self.next_s = max(self.next_s, burst.event_time_s + self.period_s)
            if self._is_before(border_s, burst):
                self._bursts.append(burst)

    def cut(self, start_s: float, end_s: float) -> Cut:
        """See `Track`."""
        own = [b for b in self._bursts if self._is_before(start_s, b) and not self._is_before(end_s, b)]
        if not own:
            return self._missing
        newest = own[-1]
        values = newest.values
        counts, flags = (sum(b.values.size for b in own), 0, 0), QualityFlag.NONE
        if any(b.flags for b in own):
            counts = _count(np.concatenate([b.quality for b in own]))
            flags = _union([b.sample_flags for b in own])
            values = _longest_usable(newest)
        if 2 * newest.values.size < self._spec.burst_samples:
            flags |= QualityFlag.MISSING
        if 2 * values.size < self._spec.burst_samples:
            values = _NO_SAMPLES
        return Cut(values, None, counts, flags, newest.event_time_s)

    def forget(self, border_s: float) -> None:
        """See `Track`."""
        while self._bursts and not self._is_before(border_s, self._bursts[0]):
            self._bursts.popleft()

    def _is_before(self, border_s: float, burst: CheckedReading) -> bool:
        """Whether a border lies at or before a burst's start."""
        return border_s <= burst.event_time_s + _SAME_TIME * self.period_s


def _slice(checked: CheckedReading, first: int, last: int, later_s: float) -> CheckedReading:
    if first == 0 and last >= checked.values.size:
        return checked
    flags = checked.sample_flags[first:last]
    return CheckedReading(
        checked.sensor,
        checked.event_time_s + later_s,
        checked.values[first:last],
        checked.quality[first:last],
        flags,
        _union([flags]),
    )


def _joined(parts: list[npt.NDArray[_Number]]) -> npt.NDArray[_Number]:
    """Arrays end to end; a single one as it is."""
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _count(quality: npt.NDArray[np.uint8]) -> Counts:
    good, uncertain, bad = np.bincount(quality, minlength=3).tolist()
    return good, uncertain, bad


def _union(flags: list[npt.NDArray[np.uint16]]) -> QualityFlag:
    return QualityFlag(int(np.bitwise_or.reduce([np.bitwise_or.reduce(f) for f in flags])))


def _longest_usable(burst: CheckedReading) -> Samples:
    """The longest run without a bad sample: cutting one out would tear the waveform's time axis."""
    bad = np.flatnonzero(burst.quality == Quality.BAD)
    if not bad.size:
        return burst.values
    borders = np.concatenate([[-1], bad, [burst.values.size]])
    longest = int(np.argmax(np.diff(borders)))
    return burst.values[borders[longest] + 1 : borders[longest + 1]]
