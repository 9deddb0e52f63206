"""How far each sample may be believed, and at what time it was taken.

Rule: nothing is repaired and nothing is dropped in silence. A sample keeps its value and gets a verdict
(good, uncertain, bad) with its reasons; only a reading that was delivered twice disappears. Memory is
constant: a few numbers per sensor.

Time. All sensors of a device share one clock. Within one boot the time base is the monotonic clock plus the
offset of the first reading, so times rise whatever happens to the wall clock. Drift below a tolerance is
slewed as NTP does (RFC 5905), at most 0.5 % of the time that passes; a jump (the stamp's offset from the
monotonic clock changes by more than the tolerance) is flagged on its first sample and otherwise ignored,
until the agent starts again. A device without a battery clock should therefore start its agent after its
first time synchronisation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from contract.errors import DataError
from contract.profiles import MachineProfile
from contract.signals import Quality, QualityFlag, Reading, Samples, SensorKind, SensorSpec

Flags = npt.NDArray[np.uint16]
Mask = npt.NDArray[np.bool_]

BAD_FLAGS = QualityFlag.NOT_A_NUMBER | QualityFlag.OUT_OF_RANGE | QualityFlag.STUCK
"""Reasons not to use a sample at all; every other reason makes it uncertain."""

GAP_PERIODS = 1.5
"""Sample periods without a sample that make a gap in a scalar."""
GAP_HOPS = 2.5
"""Hops without a burst that make a gap in a waveform: bursts are often scheduled loosely."""
JUMP_TOLERANCE_S = 2.0
JUMP_TOLERANCE_PERIODS = 2.0
SLEW_RATE = 0.005
"""Largest correction of the time base, in s per s."""
CLIP_SAMPLES = 3
"""Samples exactly at a burst's own extreme that look like a saturated amplifier …"""
CLIP_MARGIN = 0.05
"""… when that extreme lies within this share of the range from a limit."""
_SAME_TIME = 0.01
"""Two samples closer than this share of a period are the same sample."""


@dataclass(frozen=True, slots=True)
class CheckedReading:
    """A reading with a verdict on every sample."""

    sensor: str
    event_time_s: float
    """First sample, s since the Unix epoch, corrected for clock jumps; strictly rising per sensor."""
    values: Samples = field(repr=False)
    """float32 (n,), in the sensor's unit, untouched."""
    quality: npt.NDArray[np.uint8] = field(repr=False)
    """(n,) of `Quality`."""
    sample_flags: Flags = field(repr=False)
    """(n,) of `QualityFlag`: why a sample is not good."""
    flags: QualityFlag = QualityFlag.NONE
    """Union over the samples."""


class QualityCheck:
    """Judges the readings of one device, in the order in which its drivers deliver them."""

    def __init__(self, profile: MachineProfile) -> None:
        self._channels = {spec.name: _Channel(spec, profile.window.hop_s) for spec in profile.sensors}
        self._clock = _DeviceClock()

    def check(self, reading: Reading) -> CheckedReading | None:
        """Judge one reading; None when it was delivered before or holds nothing.

        Raises:
            DataError: the profile has no such sensor, or the reading has no time or no single row of samples.
        """
        channel = self._channels.get(reading.sensor)
        if channel is None:
            raise DataError(f"a reading of {reading.sensor!r}: the profile has {', '.join(self._channels)}")
        values = np.asarray(reading.values, np.float32)
        if values.ndim != 1 or not math.isfinite(reading.event_time_s + reading.monotonic_s):
            raise DataError(f"a reading of {reading.sensor} needs finite times and one row of samples")
        if not values.size:
            return None
        placed = channel.place(reading, self._clock)
        if placed is None:
            return None
        start_s, first_flags = placed
        repeated = channel.count_repeated(start_s)
        if repeated >= values.size:
            return None
        if repeated:
            start_s += repeated * channel.step_s
            first_flags |= QualityFlag.DUPLICATE
            values = values[repeated:]
        return channel.judge(values, start_s, first_flags)


class _DeviceClock:
    """The time base that all sensors of a device share."""

    def __init__(self) -> None:
        self._offset_s = math.nan
        self._monotonic_s = -math.inf

    def correct(self, event_time_s: float, monotonic_s: float, tolerance_s: float) -> float:
        """The event time that belongs to a monotonic time, after slewing towards the wall clock's stamp."""
        if math.isnan(self._offset_s):
            self.rebase(event_time_s, monotonic_s)
        error_s = event_time_s - monotonic_s - self._offset_s
        if abs(error_s) <= tolerance_s:
            reach_s = SLEW_RATE * max(0.0, monotonic_s - self._monotonic_s)
            self._offset_s += min(max(error_s, -reach_s), reach_s)
        self._monotonic_s = max(self._monotonic_s, monotonic_s)
        return monotonic_s + self._offset_s

    def rebase(self, event_time_s: float, monotonic_s: float) -> None:
        """Let this monotonic time mean that event time from now on."""
        self._offset_s = event_time_s - monotonic_s
        self._monotonic_s = monotonic_s


class _Channel:
    """What must be remembered of one sensor."""

    def __init__(self, spec: SensorSpec, hop_s: float) -> None:
        is_waveform = spec.kind is SensorKind.WAVEFORM
        self.spec = spec
        self._is_scalar = not is_waveform
        self.step_s = 1.0 / spec.rate_hz
        period_s = hop_s if is_waveform else self.step_s
        self._gap_s = (GAP_HOPS if is_waveform else GAP_PERIODS) * period_s
        self._tolerance_s = max(JUMP_TOLERANCE_S, JUMP_TOLERANCE_PERIODS * period_s)
        # Compared in the samples' own precision: a float32 reading of 50.1 is not above a limit of 50.1.
        self._low, self._high = float(np.float32(spec.range_min)), float(np.float32(spec.range_max))
        self._clip_margin = CLIP_MARGIN * (self._high - self._low)
        self._event_time_s = self._monotonic_s = -math.inf
        self._start_s = self._stamp_offset_s = math.nan
        self._newest_s = -math.inf
        self._held_value = math.nan
        self._held_since_s = math.inf

    def place(self, reading: Reading, clock: _DeviceClock) -> tuple[float, QualityFlag] | None:
        """When the first sample was taken, and what is doubtful about that; None for a second delivery."""
        event_time_s, monotonic_s = reading.event_time_s, reading.monotonic_s
        flags = QualityFlag.NONE
        if monotonic_s > self._monotonic_s:
            start_s = clock.correct(event_time_s, monotonic_s, self._tolerance_s)
            if abs(event_time_s - monotonic_s - self._stamp_offset_s) > self._tolerance_s:
                flags = QualityFlag.CLOCK_JUMP
        elif event_time_s > self._event_time_s:  # the monotonic clock stands still or began anew
            start_s = self._start_s + event_time_s - self._event_time_s
            clock.rebase(start_s, monotonic_s)
            flags = QualityFlag.CLOCK_JUMP
        else:
            return None
        self._event_time_s, self._monotonic_s, self._start_s = event_time_s, monotonic_s, start_s
        self._stamp_offset_s = event_time_s - monotonic_s
        return start_s, flags

    def count_repeated(self, start_s: float) -> int:
        """How many leading samples lie at or before the newest one already judged."""
        ahead = (self._newest_s - start_s) / self.step_s + _SAME_TIME
        return 0 if ahead < 0 else math.floor(ahead) + 1

    def judge(self, values: Samples, start_s: float, first_flags: QualityFlag) -> CheckedReading:
        """Turn new samples into a checked reading and remember what the next one needs."""
        if start_s - self._newest_s > self._gap_s and self._newest_s > -math.inf:
            first_flags |= QualityFlag.GAP
            self._held_since_s = math.inf
        flags = self._value_flags(values, start_s)
        self._newest_s = start_s + (values.size - 1) * self.step_s
        if first_flags:
            flags = np.zeros(values.size, np.uint16) if flags is None else flags
            flags[0] |= int(first_flags)
        if flags is None:
            return CheckedReading(self.spec.name, start_s, values, *_all_good(values.size))
        quality = np.where(
            flags & int(BAD_FLAGS), Quality.BAD, np.where(flags, Quality.UNCERTAIN, Quality.GOOD)
        )
        union = QualityFlag(int(np.bitwise_or.reduce(flags)))
        return CheckedReading(self.spec.name, start_s, values, quality.astype(np.uint8), flags, union)

    def _value_flags(self, values: Samples, start_s: float) -> Flags | None:
        """Flags that the values themselves earn; None when there are none."""
        if self._is_scalar:
            return None if self._is_plain(values, start_s) else self._scalar_flags(values, start_s)
        low, high = np.minimum.reduce(values).item(), np.maximum.reduce(values).item()
        is_inside = self._low <= low and high <= self._high and math.isfinite(low) and math.isfinite(high)
        flags = None if is_inside else self._out_of_range(values)
        if low == high:
            return _add(flags, np.ones(values.size, np.bool_), QualityFlag.STUCK)
        for extreme, limit in ((low, self._low), (high, self._high)):
            flags = _add(flags, self._clipped(values, extreme, limit), QualityFlag.CLIPPED)
        return flags

    def _is_plain(self, values: Samples, start_s: float) -> bool:
        """Whether a scalar's samples lie in its range and none is stuck: nearly always, so asked first.

        Slow signals come few at a time, and so few numbers are compared sooner than handed to NumPy.
        """
        numbers: list[float] = values.tolist()
        # A sum is finite when all of float32 are: neither a NaN nor an infinity escapes it.
        if not (math.isfinite(sum(numbers)) and self._low <= min(numbers) and max(numbers) <= self._high):
            return False
        if self.spec.stuck_after_s == math.inf:
            return True
        held_value, held_since_s = self._held_value, self._held_since_s
        for index, number in enumerate(numbers):
            time_s = start_s + index * self.step_s
            if number != held_value or held_since_s == math.inf:
                held_value, held_since_s = number, time_s
            elif time_s - held_since_s > self.spec.stuck_after_s:
                return False
        self._held_value, self._held_since_s = held_value, held_since_s
        return True

    def _scalar_flags(self, values: Samples, start_s: float) -> Flags | None:
        flags = self._out_of_range(values)
        stuck = self._stuck(values, start_s) if self.spec.stuck_after_s < math.inf else None
        if stuck is not None:
            flags[stuck] |= int(QualityFlag.STUCK)
        return flags if flags.any() else None

    def _out_of_range(self, values: Samples) -> Flags:
        finite = np.isfinite(values)
        outside = finite & ~((self._low <= values) & (values <= self._high))
        flags = np.where(finite, 0, int(QualityFlag.NOT_A_NUMBER)).astype(np.uint16)
        flags[outside] |= int(QualityFlag.OUT_OF_RANGE)
        return flags

    def _clipped(self, values: Samples, extreme: float, limit: float) -> Mask | None:
        """Samples where the amplifier or the converter seems to be at its end."""
        if not abs(extreme - limit) <= self._clip_margin < math.inf:
            return None
        at_extreme: Mask = values == np.float32(extreme)
        return at_extreme if extreme == limit or np.count_nonzero(at_extreme) >= CLIP_SAMPLES else None

    def _stuck(self, values: Samples, start_s: float) -> Mask | None:
        """Samples that repeat a number for longer than the sensor may."""
        changed = np.empty(values.size, np.bool_)
        changed[0] = values[0] != self._held_value or self._held_since_s == math.inf
        np.not_equal(values[1:], values[:-1], out=changed[1:])
        times_s = start_s + np.arange(values.size) * self.step_s
        since_s = np.maximum.accumulate(np.where(changed, times_s, -math.inf))
        since_s[since_s == -math.inf] = self._held_since_s
        self._held_value, self._held_since_s = values[-1].item(), float(since_s[-1])
        stuck: Mask = times_s - since_s > self.spec.stuck_after_s
        return stuck if stuck.any() else None


def _add(flags: Flags | None, where: Mask | None, flag: QualityFlag) -> Flags | None:
    """Set a flag on some samples."""
    if where is None:
        return flags
    flags = np.zeros(where.size, np.uint16) if flags is None else flags
    flags[where] |= int(flag)
    return flags


@lru_cache(maxsize=64)
def _all_good(count: int) -> tuple[npt.NDArray[np.uint8], Flags]:
    """Read-only verdicts for samples with nothing against them; shared, because most readings are so."""
    quality, flags = np.zeros(count, np.uint8), np.zeros(count, np.uint16)
    quality.flags.writeable = flags.flags.writeable = False
    return quality, flags
