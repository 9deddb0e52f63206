"""Hints as people read them: what it looks like, because of what, and what to check.

Rule: no certainty. A hint says "looks like", names how much speaks for it, gives the numbers with units, and
what a person should look at before they believe it. An unknown code or measure is shown readable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cloud import words
from contract.explanation import Hint, HintCode, HintFact, HintStrength
from contract.profiles import MachineProfile

STRENGTHS: Mapping[HintStrength, str] = MappingProxyType(
    {HintStrength.WEAK: "weak", HintStrength.MODERATE: "moderate", HintStrength.STRONG: "strong"}
)
"""How much speaks for a hint."""

_CAUSES: Mapping[str, str] = MappingProxyType(
    {
        HintCode.BEARING_OUTER_RACE: "bearing damage at the outer race",
        HintCode.BEARING_INNER_RACE: "bearing damage at the inner race",
        HintCode.BEARING_ROLLING_ELEMENT: "bearing damage at the rolling elements",
        HintCode.IMPACTS: "impacts of a bearing, a gear or a loose part",
        HintCode.IMBALANCE: "imbalance",
        HintCode.MISALIGNMENT: "misalignment",
        HintCode.LUBRICATION: "a bearing that lacks lubricant",
        HintCode.CAVITATION: "cavitation",
        HintCode.MOTOR_ELECTRICAL: "an electrical fault of the motor",
        HintCode.OVERHEATING: "overheating",
        HintCode.BLOCKED_FLOW: "a blocked flow",
        HintCode.SENSOR_FAULT: "a faulty sensor",
    }
)

_CHECKS: Mapping[str, str] = MappingProxyType(
    {
        HintCode.BEARING_OUTER_RACE: "listen to the bearing and look for metal in its grease",
        HintCode.BEARING_INNER_RACE: "listen to the bearing, look for metal in its grease and check its fit",
        HintCode.BEARING_ROLLING_ELEMENT: "listen to the bearing and look for metal in its grease",
        HintCode.IMPACTS: "listen where it knocks, and look for loose bolts and worn teeth",
        HintCode.IMBALANCE: "look for deposits, lost weights and a bent shaft; the phase is not known here",
        HintCode.MISALIGNMENT: "check coupling, alignment and soft foot; measure axially",
        HintCode.LUBRICATION: "check amount, age and kind of the lubricant before the bearing suffers",
        HintCode.CAVITATION: "check suction pressure, strainer, valves and the level in the tank",
        HintCode.MOTOR_ELECTRICAL: "measure the phase currents, the supply and the winding's resistance",
        HintCode.OVERHEATING: "check cooling, load and surroundings, and measure with a second thermometer",
        HintCode.BLOCKED_FLOW: "check valves, filters and strainers downstream",
        HintCode.SENSOR_FAULT: "check the sensor's mounting, cable and supply against a second instrument",
    }
)

_ORDERS: Mapping[str, str] = MappingProxyType(
    {
        "line_1x": "the line at shaft speed",
        "line_2x": "the line at twice the shaft speed",
        "line_3x": "the line at three times the shaft speed",
    }
)


@dataclass(frozen=True, slots=True)
class HintWords:
    """One hint in words."""

    looks_like: str
    strength: str
    because: tuple[str, ...]
    check: str
    """Empty for a code that this cloud does not know."""


def hint_words(hint: Hint, profile: MachineProfile | None) -> HintWords:
    """A hint as it is shown."""
    return HintWords(
        looks_like=cause_words(hint),
        strength=STRENGTHS[hint.strength],
        because=tuple(fact_words(fact, profile) for fact in hint.facts),
        check=_CHECKS.get(hint.code, ""),
    )


def cause_words(hint: Hint) -> str:
    """What it looks like, to follow "looks like".

    >>> cause_words(Hint("gear_tooth", HintStrength.WEAK, (HintFact("x", "vib", "", 1, 0),)))
    'gear tooth'
    """
    return cause_of(hint.code)


def cause_of(code: str) -> str:
    """A hint's code in words; one that is not known, readable.

    >>> cause_of("cavitation")
    'cavitation'
    """
    return _CAUSES.get(code, code.replace("_", " "))


def check_of(code: str) -> str:
    """What to look at first; empty: nothing in particular."""
    return _CHECKS.get(code, "")


def fact_words(fact: HintFact, profile: MachineProfile | None) -> str:
    """A measurement in one sentence, against the machine's own baseline.

    >>> fact_words(HintFact("line_1x", "vib", "mm/s", 4.0, 1.0, frequency_hz=49.2), None)
    'vib: the line at shaft speed (49.2 Hz) is 12 dB above normal: 4 mm/s, normally 1 mm/s'
    """
    sensor = words.sensor_label(fact.sensor, profile)
    kind = words.feature_kind(fact.measure, fact.sensor)
    if kind in _ORDERS:
        return f"{sensor}: {_ORDERS[kind]}{_at(fact)} is {_rise_words(fact, 20)}: {_values(fact)}"
    if kind.startswith("env_"):
        part = words.DEFECTS.get(kind.removeprefix("env_"), kind)
        line = f"the envelope at the frequency of the {part}{_at(fact)}"
        return f"{sensor}: {line} is {_rise_words(fact, 10)}{_sigmas(fact)}"
    what = words.feature_words(fact.measure, fact.sensor, profile)
    side = "above" if fact.deviation >= 0 else "below"
    return f"{sensor}: {what} {_values(fact)}, {abs(fact.deviation):.1f} σ {side} normal"


def _at(fact: HintFact) -> str:
    return f" ({fact.frequency_hz:.1f} Hz)" if fact.frequency_hz else ""


def _sigmas(fact: HintFact) -> str:
    return f" ({fact.deviation:.1f} σ)" if fact.deviation else ""


def _values(fact: HintFact) -> str:
    unit = words.unit_words(fact.unit)
    unit = f" {unit}" if unit else ""
    return f"{fact.value:.3g}{unit}, normally {fact.baseline:.3g}{unit}"


def _rise_words(fact: HintFact, decibels_per_decade: int) -> str:
    if min(fact.value, fact.baseline) <= 0:
        return "far from normal"
    rise = decibels_per_decade * math.log10(fact.value / fact.baseline)
    return f"{abs(rise):.0f} dB {'above' if rise >= 0 else 'below'} normal"
