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
_SPARE_SAMPLES = 256
"""Room for samples to come in new arrays; what is open fits in once more, so that few are moved twice."""


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

    def append(self, checked: CheckedReading) -> None:
        """Take a reading, unless all of it lies before the border last given to `forget`."""

    def cut(self, end_s: float) -> Cut:
        """What falls between the border last given to `forget` and another one."""

    def forget(self, border_s: float) -> None:
        """Let go of what lies before a border."""


def make_track(spec: SensorSpec, profile: MachineProfile) -> Track:
    """The track that fits a sensor."""
    if spec.kind is SensorKind.WAVEFORM:
        return BurstTrack(spec, profile.window.hop_s)
    return ScalarTrack(spec, profile.window.length_s)


class ScalarTrack:
    """Samples of a slow sensor, one beside the other in arrays that are as long as what is open asks for."""

    def __init__(self, spec: SensorSpec, length_s: float) -> None:
        self.period_s = 1.0 / spec.rate_hz
        self.next_s = -math.inf
        self._expected = max(1.0, length_s * spec.rate_hz)
        self._slack_s = _SAME_TIME * self.period_s
        self._border_s = -math.inf
        self._doubted_s = -math.inf
        """Time of the newest sample that came in a reading with a flag."""
        self._first = self._end = 0
        """What is open lies between these two."""
        # Times in two parts: of a stamp since 1970, few digits are left for a difference.
        self._begins_s = np.zeros(_SPARE_SAMPLES)
        """When the reading of each sample began."""
        self._lags_s = np.zeros(_SPARE_SAMPLES)
        """How long after that it was taken."""
        self._times_s = np.zeros(_SPARE_SAMPLES)
        """Their sum, to be looked for."""
        self._values = np.zeros(_SPARE_SAMPLES, np.float32)
        self._quality = np.zeros(_SPARE_SAMPLES, np.uint8)
        self._flags = np.zeros(_SPARE_SAMPLES, np.uint16)
        self._missing = Cut(_NO_SAMPLES, _NO_OFFSETS, (0, 0, 0), QualityFlag.MISSING, -math.inf)

    @property
    def first_s(self) -> float:
        """See `Track`."""
        return self._times_s[self._first].item() if self._first < self._end else math.inf

    def append(self, checked: CheckedReading) -> None:
        """See `Track`."""
        size, begin_s = checked.values.size, checked.event_time_s
        last_s = begin_s + (size - 1) * self.period_s
        self.next_s = max(self.next_s, last_s + self.period_s)
        if last_s < self._border_s - self._slack_s:
            return
        if self._end + size > self._values.size:
            self._make_room(size)
        new = slice(self._end, self._end + size)
        self._begins_s[new] = self._times_s[new] = begin_s
        self._values[new] = checked.values
        if size > 1:
            lags_s = self._lags_s[new] = np.arange(size) * self.period_s
            self._times_s[new] += lags_s
        if checked.flags:
            self._doubted_s = last_s
            self._quality[new], self._flags[new] = checked.quality, checked.sample_flags
        self._end += size
        if begin_s < self._border_s:
            self.forget(self._border_s)

    def cut(self, end_s: float) -> Cut:
        """See `Track`."""
        start_s, size = self._border_s, self._count_before(end_s)
        if size == 0:
            return self._missing
        own = slice(self._first, self._first + size)
        values = self._values[own].copy()
        offsets_s = self._begins_s[own] - start_s
        offsets_s += self._lags_s[own]
        newest_s = start_s + offsets_s[-1].item()
        counts, flags = (size, 0, 0), QualityFlag.NONE
        if self._doubted_s >= start_s - self._slack_s:
            quality = self._quality[own]
            counts, flags = _count(quality), _union([self._flags[own]])
            usable = quality != Quality.BAD
            values, offsets_s = values[usable], offsets_s[usable]
        if 2 * size < self._expected:
            flags |= QualityFlag.MISSING
        return Cut(values, offsets_s, counts, flags, newest_s)

    def forget(self, border_s: float) -> None:
        """See `Track`."""
        self._first += self._count_before(border_s)
        self._border_s = border_s

    def _count_before(self, time_s: float) -> int:
        """How many open samples were taken before a time."""
        open_s = self._times_s[self._first : self._end]
        return int(open_s.searchsorted(time_s - self._slack_s))

    def _make_room(self, size: int) -> None:
        """Move what is open to the beginning of new arrays that hold `size` more, and some to come."""
        waiting = slice(self._first, self._end)
        capacity = 2 * (self._end - self._first) + size + _SPARE_SAMPLES

        def moved(old: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
            new = np.zeros(capacity, old.dtype)
            new[: self._end - self._first] = old[waiting]
            return new

        self._begins_s, self._lags_s = moved(self._begins_s), moved(self._lags_s)
        self._times_s, self._values = moved(self._times_s), moved(self._values)
        self._quality, self._flags = moved(self._quality), moved(self._flags)
        self._first, self._end = 0, self._end - self._first


class BurstTrack:
    """Bursts of a fast waveform; a window owns the bursts that start in it and uses the newest."""

    def __init__(self, spec: SensorSpec, hop_s: float) -> None:
        self.period_s = hop_s
        self.next_s = -math.inf
        self._spec = spec
        self._bursts: deque[CheckedReading] = deque()
        self._border_s = -math.inf
        self._missing = Cut(_NO_SAMPLES, None, (0, 0, 0), QualityFlag.MISSING, -math.inf)

    @property
    def first_s(self) -> float:
        """See `Track`."""
        return self._bursts[0].event_time_s if self._bursts else math.inf

    def append(self, checked: CheckedReading) -> None:
        """See `Track`."""
        size = self._spec.burst_samples
        for first in range(0, checked.values.size, size):
            burst = _slice(checked, first, first + size, self._spec.burst_s * (first // size))
            self.next_s = max(self.next_s, burst.event_time_s + self.period_s)
            if self._is_before(self._border_s, burst):
                self._bursts.append(burst)

    def cut(self, end_s: float) -> Cut:
        """See `Track`."""
        own = [burst for burst in self._bursts if not self._is_before(end_s, burst)]
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
        self._border_s = border_s
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
