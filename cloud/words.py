"""The words and units that people on a shift use for what the contract names.

Rule: no machine name leaks to a person: UCUM codes become the units on a gauge, feature names become what a
technician would say, states become words with a shape of their own. An unknown name is shown readable, never
refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from cloud.alerts import AlertKind, AlertStatus
from cloud.health import Health
from contract.messages import Contribution
from contract.profiles import MachineProfile
from contract.signals import QualityFlag, Quantity, SensorKind, SensorSpec
from contract.vibration import vibration_plan

UNITS: Mapping[str, str] = MappingProxyType(
    {
        "1": "",
        "m/s2": "m/s²",
        "[g]": "g",
        "m[g]": "mg",
        "[in_i]/s": "in/s",
        "Cel": "°C",
        "[degF]": "°F",
        "[degR]": "°R",
        "[psi]": "psi",
        "m3/h": "m³/h",
        "[lb_av]/s": "lb/s",
        "L/min": "L/min",
        "/min": "rpm",
        "[ft_i]": "ft",
    }
)
"""UCUM codes whose everyday form differs from the code."""


@dataclass(frozen=True, slots=True)
class StateWord:
    """How a state of health is shown: a word and a meaning; shape and colour go by its key."""

    key: Health
    label: str
    meaning: str

    @property
    def rank(self) -> int:
        """0 is the most urgent."""
        return list(Health).index(self.key)


STATES: Mapping[Health, StateWord] = MappingProxyType(
    {
        word.key: word
        for word in (
            StateWord(Health.ALARM, "Alarm", "Behaves unlike itself; look at it now"),
            StateWord(Health.BLIND, "Blind", "Its sensors cannot be believed; check them"),
            StateWord(
                Health.OFFLINE, "Offline", "The device is not heard of; how its machine is, is not known"
            ),
            StateWord(
                Health.UNKNOWN,
                "Unknown",
                "Connected, but it has not said yet how its machine is, or in words newer than this page",
            ),
            StateWord(
                Health.UNSTEADY,
                "Never steady",
                "Neither learned nor judged: its speed or load changes all the time, or its data break off; "
                "check steady_within in its profile, then the wiring of its sensors",
            ),
            StateWord(Health.WATCH, "Watch", "Unusual lately, but not enough for an alarm"),
            StateWord(Health.WARMING_UP, "Warming up", "Still learning what is normal for this machine"),
            StateWord(Health.STANDSTILL, "Standstill", "Not running, so not scored"),
            StateWord(Health.OK, "Normal", "Behaves like itself"),
        )
    }
)
"""Every state of health."""

STATUSES: Mapping[AlertStatus, str] = MappingProxyType(
    {AlertStatus.OPEN: "Open", AlertStatus.CLEARED: "Cleared"}
)


@dataclass(frozen=True, slots=True)
class KindWord:
    """How a kind of alert is shown: a word and a meaning; shape and colour go by its key."""

    key: AlertKind
    label: str
    meaning: str


KINDS: Mapping[AlertKind, KindWord] = MappingProxyType(
    {
        word.key: word
        for word in (
            KindWord(AlertKind.ANOMALY, "Machine alarm", "The machine behaves unlike itself"),
            KindWord(
                AlertKind.SENSOR_FAULT,
                "Sensor fault",
                "A sensor cannot be believed; the machine is judged without it",
            ),
            KindWord(AlertKind.DRIFT, "Slow drift", "The machine changes slowly; not a fault yet"),
        )
    }
)
"""Every kind of alert."""

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
    {"bpfo": "outer race", "bpfi": "inner race", "bsf": "rolling elements", "ftf": "cage"}
)
"""Where in a bearing each defect frequency comes from."""

_FEATURES: Mapping[str, str] = MappingProxyType(
    {
        "velocity_rms": "velocity RMS, 10–1000 Hz",
        "rms": "acceleration RMS",
        "peak": "peak acceleration",
        "crest": "crest factor",
        "kurtosis": "kurtosis (sharp knocks)",
        "env_bpfo": "impacts, bearing outer race",
        "env_bpfi": "impacts, bearing inner race",
        "env_bsf": "impacts, bearing rolling elements",
        "level": "level",
        "slope": "trend",
        "spread": "unsteadiness",
    }
)
_BAND = re.compile(r"band([1-9]\d*)")

_SYMPTOMS: Mapping[str, str] = MappingProxyType(
    {
        "velocity_rms": "Shakes more than usual: imbalance, misalignment or looseness",
        "rms": "Vibrates more than usual",
        "peak": "Harder knocks than usual",
        "crest": "Sharper knocks than usual: an early sign of bearing or gear damage",
        "kurtosis": "Sharper knocks than usual: an early sign of bearing or gear damage",
        "env_bpfo": "Looks like bearing damage at the outer race",
        "env_bpfi": "Looks like bearing damage at the inner race",
        "env_bsf": "Looks like bearing damage at the rolling elements",
    }
)
"""What a rise of a vibration feature looks like; a fall is said plainly."""

_FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "not_a_number": "invalid values",
        "out_of_range": "out of range",
        "stuck": "stuck at one value",
        "gap": "gaps",
        "duplicate": "repeated data",
        "clock_jump": "clock jumped",
        "clipped": "clipped",
        "missing": "no data",
    }
)


_ACCELERATORS: Mapping[str, str] = MappingProxyType({"cpu": "CPU", "edge_tpu": "Edge TPU"})


def accelerator_words(kind: str, reason: str) -> str:
    """What computes a device's model, and why that; empty where the device did not say.

    >>> accelerator_words("cpu", "the settings say so"), accelerator_words("", "")
    ('CPU (the settings say so)', '')
    """
    label = _ACCELERATORS.get(kind, kind.replace("_", " "))
    return f"{label} ({reason})" if label and reason else label


def unit_words(ucum: str) -> str:
    """The unit as printed on a gauge.

    >>> unit_words("Cel"), unit_words("/min"), unit_words("bar"), unit_words("Cel/min")
    ('°C', 'rpm', 'bar', '°C/min')
    """
    base = ucum.removesuffix("/min")
    if base and base != ucum and ucum not in UNITS:
        shown = UNITS.get(base, base)
        return f"{shown}/min" if shown else "per min"
    return UNITS.get(ucum, ucum)


def sensor_words(spec: SensorSpec) -> str:
    """A sensor by what it measures and where: `Vibration, horizontal`."""
    quantity = QUANTITIES[spec.quantity]
    return f"{quantity}, {spec.axis}" if spec.axis else quantity


def find_sensor(name: str, profile: MachineProfile | None) -> SensorSpec | None:
    """The sensor of that name; None when the profile is not known or has none such."""
    return next((s for s in profile.sensors if s.name == name), None) if profile else None


def sensor_label(name: str, profile: MachineProfile | None) -> str:
    """A sensor in words; its own name when the profile does not know it."""
    spec = find_sensor(name, profile)
    return sensor_words(spec) if spec else name.replace("_", " ")


def feature_words(feature: str, sensor: str, profile: MachineProfile | None = None) -> str:
    """What a feature tells, without its sensor.

    >>> feature_words("vib_h_env_bpfo", "vib_h"), feature_words("current_spread", "current")
    ('impacts, bearing outer race', 'unsteadiness')
    """
    kind = feature_kind(feature, sensor)
    band = _BAND.fullmatch(kind)
    if band:
        return _band_words(int(band.group(1)), find_sensor(sensor, profile), profile)
    return _FEATURES.get(kind, kind.replace("_", " "))


def feature_kind(feature: str, sensor: str) -> str:
    """A feature's name without its sensor's: `rms` of `vib_h_rms`."""
    return feature.removeprefix(f"{sensor}_")


def _band_words(number: int, spec: SensorSpec | None, profile: MachineProfile | None) -> str:
    if spec is None or profile is None or spec.kind is not SensorKind.WAVEFORM:
        return f"vibration in band {number}"
    edges_hz = vibration_plan(spec.rate_hz, spec.burst_samples, spec.unit, profile).band_edges_hz
    if number >= len(edges_hz):
        return f"vibration in band {number}"
    return f"vibration, {edges_hz[number - 1]:.0f}–{edges_hz[number]:.0f} Hz"


def symptom_words(contribution: Contribution, profile: MachineProfile | None) -> str:
    """What an alert looks like, said as a technician would: a hint where to look first, not a diagnosis."""
    kind = feature_kind(contribution.feature, contribution.sensor)
    is_rise = contribution.deviation > 0
    if is_rise and kind in _SYMPTOMS:
        return _SYMPTOMS[kind]
    spec = find_sensor(contribution.sensor, profile)
    quantity = QUANTITIES[spec.quantity] if spec else contribution.sensor.replace("_", " ").capitalize()
    if kind == "level":
        return f"{quantity} {'higher' if is_rise else 'lower'} than usual"
    if kind == "spread":
        return f"{quantity} {'less' if not is_rise else 'more'} unsteady than usual"
    if kind == "slope":
        return f"{quantity} {'rises' if is_rise else 'falls'} faster than usual"
    what = feature_words(contribution.feature, contribution.sensor, profile)
    return f"{what[:1].upper()}{what[1:]}: {'more' if is_rise else 'less'} than usual"


def alert_words(contributions: Sequence[Contribution], profile: MachineProfile | None) -> str:
    """An alert in one sentence: the symptom of what contributes most.

    >>> alert_words([Contribution("flow_level", "flow", 0.2, -3), Contribution("rms", "vib", 0.7, 8)], None)
    'Vibrates more than usual'
    """
    if not contributions:
        return "Behaves unlike itself"
    return symptom_words(max(contributions, key=lambda c: c.share), profile)


def flag_names(flags: int) -> tuple[str, ...]:
    """Names of the quality flags in those bits, lower case.

    >>> flag_names(12)
    ('stuck', 'gap')
    """
    return tuple(str(flag.name).lower() for flag in QualityFlag if flags & flag)


def flag_words(flags: Iterable[str]) -> str:
    """Names of quality flags in words.

    >>> flag_words(["stuck", "gap"])
    'stuck at one value, gaps'
    """
    return ", ".join(_FLAGS.get(flag, flag.replace("_", " ")) for flag in flags)


def regime_words(regime: str) -> str:
    """An operating regime as words: `part_load` becomes `part load`."""
    return regime.replace("_", " ")


def plain_words(name: str) -> str:
    """A name from a log as words.

    >>> plain_words("oil_change")
    'oil change'
    """
    return name.replace("_", " ")


def span_words(span: timedelta) -> str:
    """A length of time in its two largest units.

    >>> span_words(timedelta(seconds=5)), span_words(timedelta(minutes=75)), span_words(timedelta(hours=74))
    ('5 s', '1 h 15 min', '3 d 2 h')
    """
    seconds = max(0, int(span.total_seconds()))
    days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def clock_words(error_s: float | None) -> str:
    """By how much a clock is wrong; empty when it can be right.

    >>> clock_words(90_000.0), clock_words(-40_000_000.0), clock_words(None)
    ('1 d 1 h ahead', '462 d 23 h behind', '')
    """
    if error_s is None:
        return ""
    return f"{span_words(timedelta(seconds=abs(error_s)))} {'ahead' if error_s > 0 else 'behind'}"


def utc_words(time: datetime | None) -> str:
    """A time as people read it, in UTC; the page shows it in local time where scripts run."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC" if time else "never"
