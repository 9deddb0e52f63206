"""Recordings replayed as if they came from sensors.

Rule: a replay moves the recorded clock as a whole and changes nothing else: samples, gaps, duplicates and
clock glitches reach the agent as they were recorded. How fast is the caller's business; `PacedSource` is the
one that waits.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from contract.errors import ConfigError, DataError
from contract.profiles import MachineProfile
from contract.signals import Reading
from models.recordings import Recording, open_recordings
from models.recordings.recording import ProfileChoice

MAX_WAIT_S = 1.0
"""Longest time that `PacedSource.read` blocks, in s."""
_SPEC = re.compile(r"(?P<recordings>[^#?]*)(?:#(?P<machine>[^?]*))?(?:\?speed=(?P<speed>[0-9.]+))?")


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


@dataclass(frozen=True, slots=True)
class Clock:
    """The two calls that pacing needs, so that tests need not wait."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class PacedSource:
    """A replay in step with the wall clock.

    Args:
        source: The replay.
        speed: Machine time per wall time; 1 is as recorded.
        clock: Where time comes from.
    """

    def __init__(self, source: ReplaySource, speed: float, clock: Clock | None = None) -> None:
        if not speed > 0:
            raise ConfigError(f"replay speed must be positive, not {speed}")
        self._source = source
        self._speed = speed
        self._clock = clock or Clock()
        self._started_s = self._clock.now()
        self._pending: Reading | None = None

    @property
    def is_exhausted(self) -> bool:
        """Whether the recording has ended and everything was delivered."""
        return self._pending is None and self._source.is_exhausted

    def read(self) -> Reading | None:
        """The next reading, after waiting for it up to a second; None when it is not due by then."""
        if self._pending is None:
            self._pending = self._source.read()
        if self._pending is None:
            return None
        due_s = self._started_s + self._pending.monotonic_s / self._speed
        wait_s = due_s - self._clock.now()
        if wait_s > 0:
            self._clock.sleep(min(wait_s, MAX_WAIT_S))
        if wait_s > MAX_WAIT_S:
            return None
        reading, self._pending = self._pending, None
        return reading

    def close(self) -> None:
        """Stop reading and close the file."""
        self._pending = None
        self._source.close()


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


def open_source(spec: str, profile: MachineProfile) -> PacedSource:
    """Open `scheme:place[#machine][?speed=N]` for an agent: from now on, N times as fast as recorded.

    Raises:
        DataError: unknown scheme, missing or malformed files.
        ConfigError: the place holds several machines and none was named, or the speed is no positive number.
    """
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise ConfigError(f"replay {spec!r}: write scheme:place, then #machine and ?speed=N where needed")
    named = f"{match['recordings']}#{match['machine']}" if match["machine"] else match["recordings"]
    recordings = replay_recordings(named, profile)
    if len(recordings) > 1:
        first, last = recordings[0].machine_id, recordings[-1].machine_id
        raise ConfigError(
            f"{spec} holds {len(recordings)} machines ({first} … {last}); name one: {spec}#{first}"
        )
    try:
        speed = float(match["speed"] or 1)
    except ValueError:
        raise ConfigError(f"replay {spec!r}: speed must be a positive number") from None
    return PacedSource(ReplaySource(recordings[0], time.time()), speed)
