"""What an alarm looks like: from a machine's deviations to hints that physics allows.

Rule: pure. A hint needs a measurement that speaks for it; what a profile has no sensor for is never hinted
at, and nothing is ever certain: causes that one accelerometer cannot tell apart (unbalance, a bent shaft, a
resonance) are never more than moderate. Everything is relative to the machine's own baseline.

Sources: defect frequencies and the envelope spectrum, Randall & Antoni, Mech. Syst. Signal Process. 25
(2011), sections 2 and 5; shaft orders, ISO 13373-3:2015, annex A; a change of a line by 6 dB (twice) as worth
naming is the usual practice of condition monitoring and stricter than the 25 % of a zone limit in ISO
20816-1:2016, 6.3; noise of cavitation with unsteady pressure, Brennen, Cavitation and Bubble Dynamics (1995),
chapter 3; noise of a starved bearing above its defect lines, ISO 13373-3:2015, annex D; twice the line
frequency and unsteady current of an electrical fault, ISO 20958:2013.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from contract.explanation import MAX_FACTS, MAX_HINTS, Hint, HintCode, HintFact, HintStrength
from contract.features import feature_specs
from contract.lines import ORDERS
from contract.profiles import MachineProfile
from contract.signals import Quantity, SensorKind
from contract.vibration import BANDS, DEFECTS

Floats = npt.NDArray[np.float64]

CLEAR_DB = 6.0
"""A line this much above its baseline has doubled."""
NOTED_DB = 3.0
"""A line this much above its baseline is worth a weak word; alarms come early, and so do their hints."""
LEAD_DB = 2.0
"""By how much the leading order must have risen more than the other."""
LEAST_MM_S = 0.2
"""Smaller lines are nobody's concern: a new machine may shake with several times as much (ISO 20816-3)."""
MEAN_LINE = 1.0
"""Envelope energy at a defect's frequency without a defect (`contract.vibration`)."""
SIDE_SHARE = 0.5
"""2x at half of 1x or more speaks for misalignment."""
LINE_FREQUENCIES_HZ = (100.0, 120.0)
"""Twice the line frequency of a 50 Hz and a 60 Hz grid, where motors hum whatever they drive."""
ALONE_SHARE = 0.8
"""Part of the anomaly that one sensor must make up to be called alone."""
CALM = 2.0
"""Standard deviations below which a sensor is as it always was."""
FAINT = 1.0
"""Standard deviations from which one sign may stand beside a clear one; alone it says nothing."""
LOUDNESS = ("rms", "velocity_rms", f"band{BANDS}")
"""How much a machine shakes: as a whole, slowly, and at the top of the spectrum."""


@dataclass(frozen=True, slots=True)
class Symptoms:
    """What a machine shows now, measure by measure."""

    profile: MachineProfile
    facts: Mapping[tuple[str, str], HintFact]
    """By sensor and measure without the sensor's name: `env_bpfo`, `level`, `line_1x` …"""
    sensor_shares: Mapping[str, float] = field(default_factory=dict)
    """Part of each sensor in the model's error, 0..1."""

    def waveforms(self, measure: str) -> list[HintFact]:
        """That measure of each waveform sensor that has it, the strongest deviation first."""
        found = [
            self.facts[s.name, measure] for s in self.profile.waveforms if (s.name, measure) in self.facts
        ]
        return sorted(found, key=lambda fact: -fact.deviation)

    def mean(self, measure: str) -> float:
        """Mean deviation over the waveform sensors; 0 where none has the measure."""
        found = self.waveforms(measure)
        return sum(fact.deviation for fact in found) / len(found) if found else 0.0

    def scalar(self, quantity: Quantity, measure: str = "level") -> HintFact | None:
        """That measure of the scalar sensor of this quantity that deviates most; None without one."""
        found = [
            self.facts[s.name, measure]
            for s in self.profile.sensors
            if s.quantity is quantity and s.kind is SensorKind.SCALAR and (s.name, measure) in self.facts
        ]
        return max(found, key=lambda fact: abs(fact.deviation), default=None)

    def largest(self, sensor: str) -> float:
        """Largest absolute deviation of one sensor."""
        return max((abs(f.deviation) for (s, _), f in self.facts.items() if s == sensor), default=0.0)


@dataclass(frozen=True, slots=True)
class LineLevels:
    """Shaft lines of one sensor, float64 (3,) in mm/s: now, and normally."""

    now: Floats
    normal: Floats


def shaft_frequency(profile: MachineProfile, values: Sequence[float]) -> float:
    """Turns of the shaft per second in a window; NaN when the profile or the window does not tell.

    Args:
        profile: The machine's.
        values: Its features in that window, in the order of `feature_specs`.
    """
    bearing = profile.bearing
    if bearing is None:
        return math.nan
    if not bearing.speed_sensor:
        return bearing.nominal_speed_rpm / 60.0
    names = [spec.name for spec in feature_specs(profile)]
    name = f"{bearing.speed_sensor}_level"
    if name not in names:
        return math.nan
    per_hz = 60.0 if profile.sensor(bearing.speed_sensor).unit == "/min" else 1.0
    return values[names.index(name)] / per_hz


def feature_facts(
    profile: MachineProfile, values: Sequence[float], levels: Sequence[float], deviations: Sequence[float]
) -> dict[tuple[str, str], HintFact]:
    """The features of a window as facts; those that are not known are left out.

    Args:
        profile: Says which features there are.
        values: Of the window, in the features' units.
        levels: Normal ones, in the features' units.
        deviations: In standard deviations.
    """
    shaft_hz = shaft_frequency(profile, values)
    orders = profile.bearing.defect_orders() if profile.bearing else {}
    facts = {}
    for spec, value, level, deviation in zip(feature_specs(profile), values, levels, deviations, strict=True):
        if not all(map(math.isfinite, (value, level, deviation))):
            continue
        kind = spec.name.removeprefix(f"{spec.sensor}_")
        at_hz = orders.get(kind.removeprefix("env_"), 0.0) * shaft_hz if kind.startswith("env_") else 0.0
        at_hz = at_hz if math.isfinite(at_hz) else 0.0
        facts[spec.sensor, kind] = HintFact(spec.name, spec.sensor, spec.unit, value, level, deviation, at_hz)
    return facts


def line_facts(lines: Mapping[str, LineLevels], shaft_hz: float) -> dict[tuple[str, str], HintFact]:
    """Shaft lines as facts, by sensor; those that are not known are left out."""
    facts = {}
    for sensor, levels in lines.items():
        for order, now, normal in zip(ORDERS, levels.now.tolist(), levels.normal.tolist(), strict=True):
            if math.isfinite(now) and math.isfinite(normal):
                measure = f"line_{order}x"
                facts[sensor, measure] = HintFact(
                    measure, sensor, "mm/s", now, normal, frequency_hz=order * shaft_hz
                )
    return facts


def find_hints(symptoms: Symptoms) -> tuple[Hint, ...]:
    """What it looks like, strongest first, at most three; often nothing."""
    found = [hint for rule in RULES if (hint := rule(symptoms)) is not None]
    return tuple(sorted(found, key=lambda hint: -hint.strength)[:MAX_HINTS])


def rise_db(fact: HintFact | None) -> float:
    """How far an amplitude lies above its baseline; 0 where there is none.

    >>> round(rise_db(HintFact("line_1x", "vib", "mm/s", 4.0, 2.0)), 2)
    6.02
    """
    if fact is None or min(fact.value, fact.baseline) <= 0:
        return 0.0
    return 20.0 * math.log10(fact.value / fact.baseline)


def _bearing(symptoms: Symptoms) -> Hint | None:
    """Impacts at one element's frequency: above the baseline, above chance, and less at the others'."""
    deviations = {defect: symptoms.mean(f"env_{defect}") for defect in DEFECTS}
    defect = max(deviations, key=lambda d: deviations[d])
    deviation, others = deviations.pop(defect), deviations
    if deviation < max(others.values()) + 1.0:
        return None  # when everything has risen, no element stands out
    energy = _mean_value(symptoms, f"env_{defect}")
    lead = energy / max(MEAN_LINE, *(_mean_value(symptoms, f"env_{d}") for d in others))
    if deviation >= 3.5 and energy >= 3.0 and lead >= 2.0:
        strength = HintStrength.STRONG
    elif deviation >= 1.5 and energy >= 1.8 and lead >= 1.5:
        strength = HintStrength.MODERATE
    elif deviation >= 1.0 and energy >= 1.3 and symptoms.mean("kurtosis") >= 1.0:
        strength = HintStrength.WEAK
    else:
        return None
    code = {
        "bpfo": HintCode.BEARING_OUTER_RACE,
        "bpfi": HintCode.BEARING_INNER_RACE,
        "bsf": HintCode.BEARING_ROLLING_ELEMENT,
    }[defect]
    facts = [*symptoms.waveforms(f"env_{defect}")[:2], *symptoms.waveforms("kurtosis")[:1]]
    return _hint(code, strength, facts)


def _impacts(symptoms: Symptoms) -> Hint | None:
    """Sharper and louder knocks at no element's frequency: a bearing, a gear, a loose part."""
    if not _is_impulsive(symptoms) or symptoms.mean("rms") < 1.5 or _bearing(symptoms) is not None:
        return None
    facts = [*symptoms.waveforms("kurtosis")[:1], *symptoms.waveforms("peak")[:1]]
    is_clear = symptoms.mean("kurtosis") >= 4.0 and symptoms.mean("crest") >= CALM
    return _hint(HintCode.IMPACTS, HintStrength.MODERATE if is_clear else HintStrength.WEAK, facts)


def _imbalance(symptoms: Symptoms) -> Hint | None:
    """1x up and the others not: unbalance, or whatever else turns once a turn. Phase is not known."""
    leading = [s for s in _sensors(symptoms) if _rises(symptoms, s, 1, 2) and not _is_side(symptoms, s)]
    return _order_hint(symptoms, HintCode.IMBALANCE, 1, leading)


def _misalignment(symptoms: Symptoms) -> Hint | None:
    """2x up more than 1x, and not small beside it."""
    current = symptoms.scalar(Quantity.CURRENT, "spread")
    if current is not None and current.deviation >= CALM:
        return None  # a motor whose current is unsteady hums near 2x by itself
    leading = [s for s in _sensors(symptoms) if _rises(symptoms, s, 2, 1) and _is_side(symptoms, s)]
    return _order_hint(symptoms, HintCode.MISALIGNMENT, 2, leading)


def _order_hint(symptoms: Symptoms, code: HintCode, order: int, sensors: list[str]) -> Hint | None:
    facts = [symptoms.facts[sensor, f"line_{order}x"] for sensor in sensors]
    if not facts or _is_impulsive(symptoms):
        return None
    is_everywhere = 2 <= len(sensors) == len(_sensors(symptoms))
    is_hum = any(abs(facts[0].frequency_hz - hum) < 0.05 * hum for hum in LINE_FREQUENCIES_HZ)
    third = max((rise_db(f) for f in symptoms.waveforms("line_3x")), default=0.0)
    is_beating = order == 2 and is_hum and third < NOTED_DB
    is_doubled = all(rise_db(fact) >= CLEAR_DB for fact in facts)
    if is_beating and not is_doubled:
        return None  # hum and shaft beat with each other: the line rises and falls by itself
    is_clear = is_everywhere and is_doubled and not is_beating
    facts += symptoms.waveforms("velocity_rms")[:1]
    return _hint(code, HintStrength.MODERATE if is_clear else HintStrength.WEAK, facts)


def _lubrication(symptoms: Symptoms) -> Hint | None:
    """Steady noise at the top of the spectrum and a warm bearing, without the impacts of a defect."""
    temperature = symptoms.scalar(Quantity.TEMPERATURE)
    if temperature is None or temperature.deviation < 1.5:
        return None
    if not (_is_noisy(symptoms) and _is_settled(symptoms)):
        return None
    pressure = symptoms.scalar(Quantity.PRESSURE)
    if pressure is not None and pressure.deviation <= -CALM:
        return None
    facts = [temperature, *symptoms.waveforms(f"band{BANDS}")[:1]]
    is_clear = temperature.deviation >= 4.0 and symptoms.mean(f"band{BANDS}") >= 2.5
    return _hint(HintCode.LUBRICATION, HintStrength.MODERATE if is_clear else HintStrength.WEAK, facts)


def _cavitation(symptoms: Symptoms) -> Hint | None:
    """Steady noise at the top of the spectrum while pressure falls and becomes unsteady."""
    level, spread = (symptoms.scalar(Quantity.PRESSURE, measure) for measure in ("level", "spread"))
    if level is None or not (_is_noisy(symptoms, FAINT) and _is_settled(symptoms)):
        return None
    falls, unsteady = -level.deviation, spread.deviation if spread else 0.0
    less, more = sorted((falls, unsteady))
    is_loud = _is_noisy(symptoms)
    # Noise that is faint counts beside a pressure that shows both signs, one of them clearly.
    if not ((more >= 1.5 or less >= FAINT) if is_loud else (more >= CALM and less >= FAINT)):
        return None
    facts = [level, *([spread] if spread else []), *symptoms.waveforms(f"band{BANDS}")[:1]]
    is_clear = is_loud and falls >= CALM and unsteady >= 1.5
    return _hint(HintCode.CAVITATION, HintStrength.MODERATE if is_clear else HintStrength.WEAK, facts)


def _motor_electrical(symptoms: Symptoms) -> Hint | None:
    """A current that is unsteady, or high for its load, while the shaft turns as calmly as ever."""
    level, spread = (symptoms.scalar(Quantity.CURRENT, measure) for measure in ("level", "spread"))
    if level is None or max(map(symptoms.mean, LOUDNESS)) >= 1.5 or not _is_settled(symptoms):
        return None
    high, unsteady = level.deviation, spread.deviation if spread else 0.0
    is_unsteady = unsteady >= CALM or (unsteady >= FAINT and high >= CALM)
    if not (is_unsteady or (high >= 3.0 and not _is_loaded_otherwise(symptoms))):
        return None
    temperature = symptoms.scalar(Quantity.TEMPERATURE)
    is_warm = temperature is not None and temperature.deviation >= CALM
    facts = [level, *([spread] if spread else []), *([temperature] if temperature and is_warm else [])]
    is_clear = high >= 3.0 and unsteady >= CALM and is_warm
    return _hint(HintCode.MOTOR_ELECTRICAL, HintStrength.MODERATE if is_clear else HintStrength.WEAK, facts)


def _is_loaded_otherwise(symptoms: Symptoms) -> bool:
    """Whether slip, pressure and flow together say that the load is another; each may hardly have moved."""
    found = [symptoms.scalar(quantity) for quantity in (Quantity.SPEED, Quantity.PRESSURE, Quantity.FLOW)]
    return sum(abs(fact.deviation) for fact in found if fact is not None) >= CALM


def _overheating(symptoms: Symptoms) -> Hint | None:
    """Warm, and nothing else says why."""
    temperature = symptoms.scalar(Quantity.TEMPERATURE)
    if temperature is None or temperature.deviation < 4.0:
        return None
    others = [s.name for s in symptoms.profile.sensors if s.name != temperature.sensor]
    is_unexplained = all(symptoms.largest(name) < CALM for name in others)
    return _hint(HintCode.OVERHEATING, HintStrength.WEAK, [temperature]) if is_unexplained else None


def _blocked_flow(symptoms: Symptoms) -> Hint | None:
    """Less flow against more pressure: something closes downstream."""
    flow, pressure = symptoms.scalar(Quantity.FLOW), symptoms.scalar(Quantity.PRESSURE)
    if flow is None or pressure is None or flow.deviation > -3.0 or pressure.deviation < 1.5:
        return None
    return _hint(HintCode.BLOCKED_FLOW, HintStrength.WEAK, [flow, pressure])


def _sensor_fault(symptoms: Symptoms) -> Hint | None:
    """One sensor is alone with what it says: neither the vibration nor a changed load goes with it."""
    if len(symptoms.profile.sensors) < 2:
        return None
    shares = symptoms.sensor_shares
    loudest = max(shares, key=lambda s: shares[s], default=None)
    if loudest is None or shares[loudest] < ALONE_SHARE or symptoms.largest(loudest) < 4.0:
        return None
    others = [s for s in symptoms.profile.sensors if s.name != loudest]
    own = symptoms.profile.sensor(loudest)
    is_felt = own.kind is SensorKind.SCALAR and max(map(symptoms.mean, LOUDNESS)) >= FAINT
    is_load = own.quantity is Quantity.CURRENT and _is_loaded_otherwise(symptoms)
    if is_felt or is_load or any(symptoms.largest(s.name) >= CALM for s in others):
        return None
    has_twin = any(s.quantity is own.quantity and s.kind is own.kind for s in others)
    facts = sorted(
        (f for (s, _), f in symptoms.facts.items() if s == loudest), key=lambda f: -abs(f.deviation)
    )
    strength = HintStrength.MODERATE if has_twin else HintStrength.WEAK
    return _hint(HintCode.SENSOR_FAULT, strength, facts[:1])


RULES: tuple[Callable[[Symptoms], Hint | None], ...] = (
    _bearing,
    _impacts,
    _misalignment,
    _imbalance,
    _cavitation,
    _lubrication,
    _motor_electrical,
    _blocked_flow,
    _overheating,
    _sensor_fault,
)
"""Among hints of one strength, the earlier rule comes first."""


def _hint(code: HintCode, strength: HintStrength, facts: Sequence[HintFact]) -> Hint:
    return Hint(code, strength, tuple(facts[:MAX_FACTS]))


def _sensors(symptoms: Symptoms) -> list[str]:
    """Waveform sensors whose first two orders are known."""
    return [
        spec.name
        for spec in symptoms.profile.waveforms
        if {(spec.name, "line_1x"), (spec.name, "line_2x")} <= symptoms.facts.keys()
    ]


def _rises(symptoms: Symptoms, sensor: str, order: int, other: int) -> bool:
    """Whether one order has risen clearly: to a speed that counts, and more than the other and the noise."""
    line = symptoms.facts[sensor, f"line_{order}x"]
    rise, whole = rise_db(line), rise_db(symptoms.facts.get((sensor, "rms")))
    is_clear = rise >= NOTED_DB and line.value >= LEAST_MM_S and rise >= whole
    return is_clear and rise >= rise_db(symptoms.facts[sensor, f"line_{other}x"]) + LEAD_DB


def _is_side(symptoms: Symptoms, sensor: str) -> bool:
    """Whether 2x is not small beside 1x."""
    first, second = symptoms.facts[sensor, "line_1x"], symptoms.facts[sensor, "line_2x"]
    return second.value >= SIDE_SHARE * first.value


def _is_impulsive(symptoms: Symptoms) -> bool:
    """Whether knocks have become sharper."""
    return symptoms.mean("kurtosis") >= CALM


def _mean_value(symptoms: Symptoms, measure: str) -> float:
    """Mean of a measure over the waveform sensors, in its unit; 0 where none has it."""
    found = symptoms.waveforms(measure)
    return sum(fact.value for fact in found) / len(found) if found else 0.0


def _is_settled(symptoms: Symptoms) -> bool:
    """Whether the shaft turns as it always does: on the way to another speed everything deviates."""
    speed = symptoms.scalar(Quantity.SPEED)
    return speed is None or abs(speed.deviation) < CALM


def _is_noisy(symptoms: Symptoms, least: float = 1.5) -> bool:
    """Whether the top of the spectrum is loud without knocks or defect lines."""
    lines = max(symptoms.mean(f"env_{defect}") for defect in DEFECTS)
    return symptoms.mean(f"band{BANDS}") >= least and symptoms.mean("kurtosis") < 1.5 and lines < 1.5
