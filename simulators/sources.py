"""Simulated machines as sensor sources of an agent.

Rule: a source delivers at once whatever its machine feels next, in time order; how fast machine time runs is
the caller's business. The specification after `sim:` is read strictly: an unknown or repeated key is an
error, never ignored.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from contract.errors import ConfigError
from contract.profiles import MachineProfile
from contract.signals import Reading
from simulators.degradation import FailureMode, WearPlan
from simulators.faults import parse_fault
from simulators.machine import MachineConfig, SimulatedMachine
from simulators.regimes import Duty

if TYPE_CHECKING:
    from edge_agent.sensors import SensorSource

_T = TypeVar("_T")
KEYS = ("seed", "mode", "onset", "life", "replace", "duty", "fault", "start", "seconds")
EXAMPLE = "seed=3,mode=bearing_outer,onset=300,life=240,fault=stuck:temperature@300+60"


class SimulatedSource:
    """The readings of one machine, one at a time.

    Args:
        machine: The machine; its own start time stamps the readings.
        seconds: Machine time after which it is exhausted, in s; infinity: never.
    """

    def __init__(self, machine: SimulatedMachine, seconds: float = math.inf) -> None:
        self._machine = machine
        self._seconds = seconds
        self._waiting: deque[Reading] = deque()
        self._is_closed = False

    def read(self) -> Reading | None:
        """The next reading; None once exhausted or closed, and for a hop in which every reading was lost."""
        if not self._waiting and not self._is_over:
            self._waiting.extend(self._machine.next_hop())
        return self._waiting.popleft() if self._waiting else None

    @property
    def is_exhausted(self) -> bool:
        """Whether there will never be another reading."""
        return not self._waiting and self._is_over

    def close(self) -> None:
        """Stop delivering."""
        self._is_closed = True
        self._waiting.clear()

    @property
    def _is_over(self) -> bool:
        return self._is_closed or self._machine.state.time_s >= self._seconds


def open_source(spec: str, profile: MachineProfile) -> SensorSource:
    """The factory behind the scheme `sim`.

    Args:
        spec: Comma-separated `key=value`: seed (whole number), mode (a failure mode) with onset, life and
            replace (s), duty (steady, cycling, stopping, shifts), fault
            (kind:sensor@start+duration*magnitude, may be repeated), start (s since the Unix epoch; default:
            now), seconds (machine time to deliver).
        profile: The machine's sensors.

    Raises:
        ConfigError: the specification or the profile cannot be simulated.
    """
    values = _split(spec)
    start_s = _number(values, "start", float(math.floor(time.time())))
    seconds = _number(values, "seconds", math.inf)
    config = MachineConfig(
        profile=profile,
        seed=_read(values, "seed", "0", int, "a whole number from 0"),
        wear=_wear_plan(values),
        duty=_read(values, "duty", Duty.STEADY, Duty, f"one of {', '.join(Duty)}"),
        faults=tuple(parse_fault(text) for text in values.get("fault", [])),
    )
    return SimulatedSource(SimulatedMachine(config, start_s), seconds)


def _split(spec: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for part in filter(None, (piece.strip() for piece in spec.split(","))):
        key, equals, value = part.partition("=")
        if not equals or not value:
            raise ConfigError(f"sim: {part!r} is no key=value; write it as in {EXAMPLE}")
        if key not in KEYS:
            raise ConfigError(f"sim: unknown key {key!r}; known are {', '.join(KEYS)}")
        if key in values and key != "fault":
            raise ConfigError(f"sim: {key} is given twice")
        values.setdefault(key, []).append(value)
    return values


def _wear_plan(values: dict[str, list[str]]) -> WearPlan | None:
    if "mode" not in values:
        alone = [key for key in ("onset", "life", "replace") if key in values]
        if alone:
            raise ConfigError(f"sim: {', '.join(alone)} needs a mode: one of {', '.join(FailureMode)}")
        return None
    mode = _read(values, "mode", "", FailureMode, f"one of {', '.join(FailureMode)}")
    return WearPlan(
        mode,
        onset_s=_number(values, "onset", 300.0),
        life_s=_number(values, "life", 240.0),
        replace_after_s=_number(values, "replace", math.inf),
    )


def _number(values: dict[str, list[str]], key: str, default: float) -> float:
    number = _read(values, key, str(default), float, "a number of seconds")
    if math.isnan(number) or number < 0 or (key == "start" and math.isinf(number)):
        raise ConfigError(f"sim: {key} must be a number of seconds from 0, not {values[key][0]!r}")
    return number


def _read(values: dict[str, list[str]], key: str, default: str, kind: Callable[[str], _T], form: str) -> _T:
    text = values.get(key, [default])[0]
    try:
        return kind(text)
    except ValueError as error:
        raise ConfigError(f"sim: {key}={text!r} must be {form}") from error
