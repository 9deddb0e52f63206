"""Where readings come from, and how a field-bus author adds another way.

Rule: the agent knows sources by the `SensorSource` protocol alone. A package offers one under the entry-point
group `industrialguard.sources`; its name is the scheme in `--source SCHEME:SPEC`.

To connect Modbus, OPC UA, an ADC or anything else, write a class with the three members of `SensorSource` and
a factory `open_source(spec: str, profile: MachineProfile) -> SensorSource`, and declare it in your own
package's pyproject.toml:

    [project.entry-points."industrialguard.sources"]
    modbus = "my_plant.modbus:open_source"

`industrialguard agent --source modbus:10.0.0.7:502 …` then calls the factory with `10.0.0.7:502`. Deliver
what was measured, in the profile's units, with NaN where a value is missing; judging it is the agent's
business.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable
from importlib import metadata
from typing import Protocol

from contract.errors import ConfigError
from contract.profiles import MachineProfile
from contract.signals import Reading
from edge_agent.errors import UnknownSourceError
from edge_agent.tail import open_tail

__all__ = ["PacedSource", "SensorSource", "SourceFactory", "open_source", "open_tail"]

ENTRY_POINTS = "industrialguard.sources"
LONGEST_READ_S = 0.5
"""`PacedSource` returns None rather than block longer: the watchdog and SIGTERM wait for `read`."""


class SensorSource(Protocol):
    """Something that delivers readings."""

    def read(self) -> Reading | None:
        """The next reading, in time order over all sensors; None when there is none now.

        Blocks for at most about 1 s. A waveform sensor delivers whole bursts.

        Raises:
            IndustrialGuardError: the source cannot deliver any more; the agent stops with that line.
        """
        ...

    @property
    def is_exhausted(self) -> bool:
        """Whether there will never be another reading, as at the end of a recording."""
        ...

    def close(self) -> None:
        """Give back what the source holds."""
        ...


SourceFactory = Callable[[str, MachineProfile], SensorSource]


def open_source(spec: str, profile: MachineProfile) -> SensorSource:
    """Open what `--source` names.

    Args:
        spec: `SCHEME:SPEC`, for instance `tail:/var/log/pump.csv`; what SPEC means is the scheme's business.
        profile: The machine whose sensors are wanted.

    Raises:
        UnknownSourceError: no installed package offers the scheme.
        ConfigError: there is no scheme, or the scheme's package does not load.
    """
    scheme, separator, rest = spec.partition(":")
    offered = {point.name: point for point in metadata.entry_points(group=ENTRY_POINTS)}
    if not separator or scheme not in offered:
        raise UnknownSourceError(_explain_unknown(scheme if separator else spec, tuple(sorted(offered))))
    try:
        factory: SourceFactory = offered[scheme].load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"source {scheme!r} is declared but does not load: {error}; install what it needs"
        ) from error
    return factory(rest, profile)


def _explain_unknown(scheme: str, known: tuple[str, ...]) -> str:
    listing = ", ".join(f"{name}:" for name in known) or "none; is the package installed?"
    near = difflib.get_close_matches(scheme, known, n=1)
    guess = f" Did you mean {near[0]}:?" if near else ""
    return f"no source {scheme[:60]!r}: write SCHEME:SPEC with one of {listing}.{guess}"


class PacedSource:
    """Makes machine time run `speed` times as fast as the wall clock; 0: as fast as possible.

    Args:
        source: What is paced; a recording or a simulation that would deliver at once.
        speed: Machine seconds per wall second.
        clock: Monotonic seconds.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        source: SensorSource,
        speed: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not 0 <= speed < float("inf"):
            raise ConfigError(f"speed must be 0 (as fast as possible) or a positive number, not {speed}")
        self._source = source
        self._speed = speed
        self._clock = clock
        self._sleep = sleep
        self._held: Reading | None = None
        self._origin: tuple[float, float] | None = None  # (wall clock, machine time) of the first reading

    def read(self) -> Reading | None:
        """The next reading once it is due."""
        reading = self._held if self._held is not None else self._source.read()
        if reading is None or self._speed == 0:
            return reading
        self._held = reading
        wait_s = self._due_s(reading) - self._clock()
        if wait_s > 0:
            self._sleep(min(wait_s, LONGEST_READ_S))
            if wait_s > LONGEST_READ_S:
                return None
        self._held = None
        return reading

    @property
    def is_exhausted(self) -> bool:
        """Whether the paced source has ended and nothing is held back."""
        return self._held is None and self._source.is_exhausted

    def close(self) -> None:
        """Close the paced source."""
        self._source.close()

    def _due_s(self, reading: Reading) -> float:
        """Wall-clock second at which the reading is due, by the monotonic stamp, which never jumps."""
        if self._origin is None:
            self._origin = (self._clock(), reading.monotonic_s)
        return self._origin[0] + (reading.monotonic_s - self._origin[1]) / self._speed
