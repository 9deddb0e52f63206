"""What a technician finds at a machine, and what is written down of it.

Rule: sees only what is there: wear that shows, with a chance that grows with it. Now and then one errs and
names a sound component. A finding's words are those that the cloud asks for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from cloud.findings import Activity, FailureCause, FailureMode, Finding
from contract.labels import ComponentEnd, Verdict
from simulators.degradation import FailureMode as Mode
from simulators.year.settings import TechnicianSpec

SHOWS_AS: Mapping[Mode, FailureMode] = {
    Mode.BEARING_OUTER: FailureMode.VIBRATION,
    Mode.BEARING_INNER: FailureMode.VIBRATION,
    Mode.BEARING_BALL: FailureMode.VIBRATION,
    Mode.IMBALANCE: FailureMode.VIBRATION,
    Mode.MISALIGNMENT: FailureMode.VIBRATION,
    Mode.LUBRICATION: FailureMode.OVERHEATING,
    Mode.CAVITATION: FailureMode.LOW_OUTPUT,
    Mode.WINDING: FailureMode.PARAMETER_DEVIATION,
}


@dataclass(frozen=True, slots=True)
class Sight:
    """What a technician says of a machine."""

    place: int | None
    """Which component is worn; None: nothing was found."""
    reading: float = 0.0
    """How worn it is said to be, 0..1."""


def inspect(
    wears: Mapping[int, float], hinted: Collection[int], spec: TechnicianSpec, rng: np.random.Generator
) -> Sight:
    """Look at a machine.

    Args:
        wears: Wear of each of its components, 0..1.
        hinted: Those that somebody said it may be.
        spec: How well a technician sees.
        rng: Luck.

    >>> from simulators.year.settings import read_settings
    >>> spec = read_settings().technician
    >>> inspect({0: 0.0}, (), spec, np.random.default_rng(3)).place is None
    True
    """
    luck, slip = rng.random(len(wears)), rng.random()
    noise = float(rng.standard_normal()) * spec.reading_error
    seen = [
        (wear, place)
        for (place, wear), chance in zip(sorted(wears.items()), luck, strict=True)
        if chance < seeing_chance(wear, place in hinted, spec)
    ]
    if not seen:
        return Sight(None)
    wear, place = max(seen)
    others = [each for each in wears if each != place]
    if others and slip < spec.mistaken:
        place = others[int(rng.integers(len(others)))]
    return Sight(place, min(max(wear + noise, 0.0), 1.0))


def seeing_chance(wear: float, is_hinted: bool, spec: TechnicianSpec) -> float:
    """How likely wear is seen."""
    if wear < spec.sees_from:
        return 0.0
    share = min((wear - spec.sees_from) / (spec.surely_from - spec.sees_from), 1.0)
    chance = spec.at_best * share
    return chance + (spec.at_best - chance) * spec.with_hint if is_hinted else chance


def nothing_found(when: datetime) -> Finding:
    """The alarm was wrong, as far as one can see."""
    return Finding(Verdict.FALSE_ALARM, when, activity=Activity.INSPECTION)


def sensor_replaced(when: datetime, sensor: str) -> Finding:
    """It was the sensor."""
    said = FailureMode.INSTRUMENT, FailureCause.UNKNOWN, Activity.REPLACE
    return Finding(Verdict.TRUE, when, *said, note=f"sensor {sensor}")


def component_replaced(when: datetime, component: str, mode: Mode, has_failed: bool) -> Finding:
    """A component was worn and is new now."""
    end = ComponentEnd.FAILED if has_failed else ComponentEnd.REPLACED
    how = FailureMode.BREAKDOWN if has_failed else SHOWS_AS[mode]
    return Finding(
        Verdict.TRUE, when, how, FailureCause.WEAR_AND_TEAR, Activity.REPLACE, component=component, end=end
    )
