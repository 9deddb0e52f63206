"""Samples of all sensors, cut into windows on one grid.

Rule: what a window holds depends on the samples and their times alone, not on how drivers cut them into
readings. No sample is lost or counted twice (with hop = length), windows come strictly in order, memory is
bounded by one hop plus the longest reading.

The grid is anchored so that the slowest samples fall into the middle of windows, where jitter cannot move
them across a border. A window closes as soon as no sensor can add to it, or when a reading starts more than
one hop after its end: a sensor that has delivered nothing by then is missing. Sources must therefore deliver
readings in order of their first samples, at most a hop late. Windows without any sample are emitted, so that
time goes on, unless all sensors were silent for more than `SILENT_HOPS`: then the grid skips ahead and the
next window says `gap_before`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from contract.errors import DataError
from contract.profiles import MachineProfile
from contract.quality import CheckedReading
from contract.signals import QualityFlag, Samples
from contract.tracks import Counts, Track, make_track

SILENT_HOPS = 3.0
"""Hops without a sample of any sensor that are skipped instead of emitted as empty windows."""

_JITTER = 0.1
"""Share of a period by which a sample may come early and still find its window open."""


@dataclass(frozen=True, slots=True)
class Window:
    """What all sensors of a machine delivered from `start_s` (inclusive) to `end_s` (exclusive)."""

    start_s: float
    """s since the Unix epoch."""
    end_s: float
    values: Mapping[str, Samples] = field(repr=False)
    """float32 by sensor, in its unit, no bad samples; of a waveform the newest burst if half is left."""
    offsets_s: Mapping[str, npt.NDArray[np.float64]] = field(repr=False)
    """Times of the values of each scalar, s since `start_s`."""
    counts: Mapping[str, Counts]
    flags: Mapping[str, QualityFlag]
    """Why samples are not good; MISSING when fewer than half of those expected came."""
    gap_before: bool = False
    """Nothing was heard for a while before this window: a context must not straddle it."""


class Windower:
    """Cuts the checked readings of one device into windows."""

    def __init__(self, profile: MachineProfile) -> None:
        spec = profile.window
        self._hop_s = spec.hop_s
        hops = spec.length_s / spec.hop_s
        # A whole number of hops makes the end of one window the very start of another, without rounding.
        self._length_hops = float(round(hops)) if math.isclose(hops, round(hops), rel_tol=1e-9) else hops
        self._tracks = {s.name: make_track(s, profile) for s in profile.sensors}
        periods = [t.period_s for t in self._tracks.values() if t.period_s <= spec.hop_s]
        self._lead_s = max(periods, default=spec.hop_s) / 2
        self._anchor_s = math.nan
        self._next = 0
        self._horizon_s = -math.inf
        self._newest_cut_s = math.inf
        self._gap_before = False
        self._end_s = -math.inf
        """End of the oldest open window."""
        self._awaited: set[str] = set()
        """Sensors that may still add to it."""

    def add(self, checked: CheckedReading) -> list[Window]:
        """Take a reading; returns the windows it closes, oldest first.

        Samples older than every open window are ignored.

        Raises:
            DataError: the profile has no such sensor.
        """
        track = self._tracks.get(checked.sensor)
        if track is None:
            raise DataError(f"a reading of {checked.sensor!r}: the profile has {', '.join(self._tracks)}")
        if math.isnan(self._anchor_s):
            self._anchor_s = checked.event_time_s - self._lead_s
            self._open(0)
        track.append(checked)
        self._horizon_s = max(self._horizon_s, checked.event_time_s)
        if self._is_done(track):
            self._awaited.discard(checked.sensor)
        closed: list[Window] = []
        while not self._awaited or self._is_overdue():
            window = self._close()
            if window is not None:
                closed.append(window)
        return closed

    def _border(self, index: float) -> float:
        return self._anchor_s + index * self._hop_s

    def _is_overdue(self) -> bool:
        return self._horizon_s > self._end_s + self._hop_s

    def _is_done(self, track: Track) -> bool:
        """Whether a sensor can add nothing to the oldest open window."""
        return track.next_s - _JITTER * track.period_s >= self._end_s

    def _close(self) -> Window | None:
        """Cut the oldest open window; None when it was empty and the grid skipped ahead."""
        start_s, end_s = self._border(self._next), self._end_s
        cuts = {name: track.cut(end_s) for name, track in self._tracks.items()}
        newest_s = max(cut.newest_s for cut in cuts.values())
        if newest_s == -math.inf and self._skip_silence():
            return None
        if newest_s > -math.inf:
            self._newest_cut_s = newest_s
        self._open(self._next + 1)
        gap_before, self._gap_before = self._gap_before, False
        return Window(
            start_s=start_s,
            end_s=end_s,
            values={name: cut.values for name, cut in cuts.items()},
            offsets_s={name: cut.offsets_s for name, cut in cuts.items() if cut.offsets_s is not None},
            counts={name: cut.counts for name, cut in cuts.items()},
            flags={name: cut.flags for name, cut in cuts.items()},
            gap_before=gap_before,
        )

    def _skip_silence(self) -> bool:
        """Move to the first window that holds a sample again, if nothing came for long."""
        waiting_s = min(track.first_s for track in self._tracks.values())
        if not SILENT_HOPS * self._hop_s < waiting_s - self._newest_cut_s < math.inf:
            return False
        index = math.floor((waiting_s - self._anchor_s) / self._hop_s - self._length_hops) + 1
        while self._border(index + self._length_hops) <= waiting_s:
            index += 1
        if index <= self._next:
            return False
        self._gap_before = True
        self._open(index)
        return True

    def _open(self, index: int) -> None:
        """Make this the oldest open window."""
        self._next = index
        self._end_s = self._border(index + self._length_hops)
        border_s = self._border(index)
        for track in self._tracks.values():
            track.forget(border_s)
        self._awaited = {name for name, track in self._tracks.items() if not self._is_done(track)}
