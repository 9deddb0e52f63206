"""The words and units that people on a shift use for what the contract names.

Rule: no machine name leaks to a person: UCUM codes become the units on a gauge, feature names become what a technician would
say, states become words with a shape of their own. An unknown name is shown readable, never refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from contract.profiles import MachineProfile
from contract.signals import QualityFlag, Quantity, SensorKind, SensorSpec

UNITS: Mapping[str, str] = MappingProxyType(
    {
        "m/s2": "m/s²", "[g]": "g", "m[g]": "mg", "[in_i]/s": "in/s", "Cel": "°C", "[degF]": "°F", "[degR]": "°R",
        "[psi]": "psi", "m3/h": "m³/h", "[lb_av]/s": "lb/s", "/min": "rpm", "[ft_i]": "ft", "1": "",
        "Cel/s": "°C/s", "/min/s": "rpm/s", "(m/s2)2": "(m/s²)²", "m2/s4": "(m/s²)²",
    }
)  # fmt: skip
"""UCUM codes whose everyday form differs from the code."""


@dataclass(frozen=True, slots=True)
class StateWord:
    """How a state of health is shown: a word, a shape and a rank, beside its colour."""

    key: str
    label: str
    meaning: str
    rank: int
    """0 is the most urgent."""


STATES: Mapping[str, StateWord] = MappingProxyType(
    {
        word.key: word
        for word in (
            StateWord("alarm", "Alarm", "Behaves unlike itself; look at it now", 0),
            StateWord("watch", "Watch", "Unusual, but no alarm yet", 1),
            StateWord("offline", "Offline", "The device is not connected; its health is not known", 2),
            StateWord("blind", "Blind", "Its sensors cannot be believed; check them", 3),
            StateWord("unknown", "Unknown", "Has not reported yet; its health is not known", 4),
            StateWord("warming_up", "Warming up", "Still learning what is normal here", 5),
            StateWord("standstill", "Standstill", "Not running, so not scored", 6),
            StateWord("ok", "Normal", "Behaves like itself", 7),
        )
    }
)
"""Every state of health, most urgent first."""

QUANTITIES: Mapping[Quantity, str] = MappingProxyType(
    {
        Quantity.ACCELERATION: "Vibration",
        Quantity.CURRENT: "Current",
        Quantity.FLOW: "Flow",
        Quantity.LENGTH: "Position",
        Quantity.PRESSURE: "Pressure",
        Quantity.RATIO: "Ratio",
        Quantity.SPEED: "Speed",
        Quantity.TEMPERATURE: "Temperature",
        Quantity.VELOCITY: "Vibration velocity",
        Quantity.VOLTAGE: "Voltage",
    }
)

DEFECTS: Mapping[str, str] = MappingProxyType(
    {
        "bpfo": "outer race of the bearing",
        "bpfi": "inner race of the bearing",
        "bsf": "rolling elements of the bearing",
        "ftf": "cage of the bearing",
    }
)

_FEATURES: tuple[tuple[str, str], ...] = (
    (r"(?:velocity_rms|vel_rms|vrms)", "velocity RMS 10–1000 Hz"),
    (r"rms", "acceleration RMS"),
    (r"peak", "peak"),
    (r"crest(?:_factor)?", "crest factor (impacts)"),
    (r"kurtosis", "kurtosis (impacts)"),
    (r"skewness", "skewness"),
    (r"(?:env|envelope)_(bpfo|bpfi|bsf|ftf)", "impacts at the {defect}"),
    (r"(?:env|envelope)(?:_(?:rms|level|energy|total))?", "impact energy"),
    (r"(?:log_)?band_?(?:energy_?)?(\d+)", "energy in band {number}"),
    (r"level", "level"),
    (r"slope", "trend"),
    (r"spread", "unrest"),
)
_COMPILED = tuple((re.compile(pattern), words) for pattern, words in _FEATURES)

_FLAGS: Mapping[QualityFlag, str] = MappingProxyType(
    {
        QualityFlag.NOT_A_NUMBER: "invalid values",
        QualityFlag.OUT_OF_RANGE: "out of range",
        QualityFlag.STUCK: "stuck at one value",
        QualityFlag.GAP: "gaps",
        QualityFlag.DUPLICATE: "repeated data",
        QualityFlag.CLOCK_JUMP: "clock jumped",
        QualityFlag.CLIPPED: "clipped",
        QualityFlag.MISSING: "no data",
    }
)


def unit_words(ucum: str) -> str:
    """The unit as printed on a gauge.

    >>> unit_words("Cel"), unit_words("/min"), unit_words("bar")
    ('°C', 'rpm', 'bar')
    """
    return UNITS.get(ucum, ucum)


def sensor_words(spec: SensorSpec) -> str:
    """A sensor by what it measures and where: `Vibration, horizontal`."""
    quantity = QUANTITIES[spec.quantity]
    return f"{quantity}, {spec.axis}" if spec.axis else quantity


def sensor_of(feature: str, profile: MachineProfile | None) -> SensorSpec | None:
    """The sensor a feature is computed from, by the longest sensor name that begins its name; None when unknown."""
    if profile is None:
        return None
    owners = [s for s in profile.sensors if feature == s.name or feature.startswith(f"{s.name}_")]
    return max(owners, key=lambda s: len(s.name), default=None)


def feature_words(feature: str, sensor: str) -> str:
    """What a feature tells, without its sensor.

    >>> feature_words("vib_h_env_bpfo", "vib_h"), feature_words("current_spread", "current")
    ('impacts at the outer race of the bearing', 'unrest')
    """
    rest = feature.removeprefix(sensor).removeprefix("_") or feature
    for pattern, words in _COMPILED:
        match = pattern.fullmatch(rest)
        if match:
            found = match.group(1) if match.groups() else ""
            return words.format(defect=DEFECTS.get(found, found), number=found)
    return rest.replace("_", " ")


def is_primary(feature: str, spec: SensorSpec | None) -> bool:
    """Whether a feature is the one to show first for its sensor: velocity RMS of a vibration, the level of a slow signal."""
    if spec is None:
        return True
    words = feature_words(feature, spec.name)
    return words.startswith("velocity RMS") if spec.kind is SensorKind.WAVEFORM else words == "level"


def flag_words(flags: int) -> tuple[str, ...]:
    """Quality flags in words, e.g. `("stuck at one value", "gaps")`."""
    return tuple(words for flag, words in _FLAGS.items() if flags & flag)


def regime_words(regime: str) -> str:
    """An operating regime as words: `part_load` becomes `part load`."""
    return regime.replace("_", " ")


def span_words(span: timedelta) -> str:
    """A length of time in its two largest units.

    >>> span_words(timedelta(seconds=5)), span_words(timedelta(minutes=75)), span_words(timedelta(days=3, hours=2))
    ('5 s', '1 h 15 min', '3 d 2 h')
    """
    seconds = max(0, int(span.total_seconds()))
    days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def utc_words(time: datetime | None) -> str:
    """A time as people read it, in UTC; the page shows it in local time where scripts run."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC" if time else "never"
