"""Recordings replayed as if they came from sensors.

Rule: a replay moves the recorded clock as a whole and changes nothing else: samples, gaps, duplicates and
clock glitches reach the agent as they were recorded. How fast is the caller's business.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from contract.errors import ConfigError, DataError
from contract.profiles import MachineProfile
from contract.signals import Reading
from models.recordings import Recording, open_recordings
from models.recordings.recording import ProfileChoice


class ReplaySource:
    """One recording as a sensor source that answers at once.

    Args:
        recording: What to replay.
        start_s: Stamp of the first reading, in s since the Unix epoch; later ones keep their distance to it.
            None: stamps stay as recorded.
    """

    def __init__(self, recording: Recording, start_s: float | None) -> None:
        self.recording = recording
        self._readings: Iterator[Reading] = iter(recording.readings())
        self._next = self._advance()
        if self._next is None:
            raise DataError(f"{recording.machine_id}: the recording holds no readings")
        self._shift_s = 0.0 if start_s is None else start_s - self._next.event_time_s
        self._boot_s = self._next.monotonic_s

    @property
    def is_exhausted(self) -> bool:
        """Whether the recording has ended."""
        return self._next is None

    @property
    def end_of_life_s(self) -> float | None:
        """The end of life on the replay's own clock, in s since the Unix epoch; None: none known."""
        end_s = self.recording.end_of_life_s
        return None if end_s is None else end_s + self._shift_s

    def read(self) -> Reading | None:
        """The next reading in the order of the recording; None once it has ended.

        Raises:
            DataError: the file turns out to be damaged.
        """
        reading = self._next
        if reading is None:
            return None
        self._next = self._advance()
        return replace(
            reading,
            event_time_s=reading.event_time_s + self._shift_s,
            monotonic_s=reading.monotonic_s - self._boot_s,
        )

    def close(self) -> None:
        """Stop reading and close the file; the source is exhausted from then on."""
        close = getattr(self._readings, "close", None)
        if close is not None:
            close()
        self._next = None

    def _advance(self) -> Reading | None:
        return next(self._readings, None)


def replay_recordings(spec: str, profile: ProfileChoice = None) -> list[Recording]:
    """The machines behind `scheme:place`, or the one behind `scheme:place#machine`.

    Raises:
        DataError: unknown scheme, missing or malformed files.
        ConfigError: no such machine among them.
    """
    place, _, machine = spec.partition("#")
    recordings = open_recordings(place, profile)
    if not machine:
        return recordings
    found = [r for r in recordings if r.machine_id == machine]
    if not found:
        names = ", ".join(r.machine_id for r in recordings[:12]) + (" …" if len(recordings) > 12 else "")
        raise ConfigError(f"no machine {machine!r} in {place}; there are {names}")
    return found


def _factory(scheme: str) -> Callable[[str, MachineProfile], ReplaySource]:
    """The source factory of one recording format, for the entry points in pyproject.toml."""

    def open_source(spec: str, profile: MachineProfile) -> ReplaySource:
        """Open `place` or `place#machine`, replayed from now on.

        Raises:
            DataError: missing or malformed files.
            ConfigError: the place holds several machines and none was named.
        """
        recordings = replay_recordings(f"{scheme}:{spec}", profile)
        if len(recordings) > 1:
            first, last = recordings[0].machine_id, recordings[-1].machine_id
            raise ConfigError(
                f"{scheme}:{spec} holds {len(recordings)} machines ({first} … {last}); "
                f"name one: {scheme}:{spec}#{first}"
            )
        return ReplaySource(recordings[0], time.time())

    return open_source


open_cmapss = _factory("cmapss")
open_csv = _factory("csv")
open_cwru = _factory("cwru")
open_femto = _factory("femto")
open_npz = _factory("npz")
open_skab = _factory("skab")
