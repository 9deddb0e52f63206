"""How bad, and how soon: two questions that one number cannot answer.

Rule: pure. Severity is what a failure would cost, and does not change because it comes nearer. Urgency is how
much time is left, and does not change because the machine is dear. Each is said with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

from cloud.cases import DRIFT
from contract.explanation import HintCode


class Criticality(IntEnum):
    """What a machine means to its plant, as its owner says (ISO 14224: consequence classes)."""

    LOW = 1
    """Another one takes over."""
    MEDIUM = 2
    HIGH = 3
    """The line stands, or somebody may be hurt."""


class Severity(IntEnum):
    """What a failure would do; ISO 14224's impact on equipment function."""

    INCIPIENT = 1
    DEGRADED = 2
    CRITICAL = 3


class Urgency(IntEnum):
    """How soon somebody must act."""

    WATCH = 1
    """Nothing says that it will fail within a month."""
    PLAN = 2
    """Into the next planned stop."""
    SOON = 3
    """Within the week."""
    NOW = 4
    """Within the day."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of how long it will last."""

    p10: timedelta | None = None
    """Life left that is exceeded with a chance of 90 %; None: no forecast."""
    score: float = 0.0
    """Of the alarm, 0..1."""
    is_active: bool = True
    """Whether the alarm stands."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """An answer, and why."""

    severity: Severity
    urgency: Urgency
    because: tuple[str, ...]


DAY, WEEK, MONTH = timedelta(days=1), timedelta(days=7), timedelta(days=30)
STRONG = 0.9
"""Score from which an alarm without a forecast is not left until tomorrow week."""
_STOPS_THE_MACHINE = frozenset(
    {
        HintCode.BEARING_OUTER_RACE,
        HintCode.BEARING_INNER_RACE,
        HintCode.BEARING_ROLLING_ELEMENT,
        HintCode.MOTOR_ELECTRICAL,
        HintCode.OVERHEATING,
        HintCode.LUBRICATION,
    }
)
"""Left alone, these end in a standstill; the others wear something first."""


def assess(symptom: str, criticality: Criticality, outlook: Outlook) -> Assessment:
    """Judge a case.

    Args:
        symptom: What it looks like: a hint's code, or another word.
        criticality: Of the machine.
        outlook: How long it will last.

    >>> assess("imbalance", Criticality.HIGH, Outlook(p10=timedelta(days=3))).urgency.name
    'SOON'
    """
    severity, why = _severity(symptom, criticality)
    urgency, when = _urgency(symptom, outlook)
    return Assessment(severity, urgency, (why, when))


def _severity(symptom: str, criticality: Criticality) -> tuple[Severity, str]:
    if symptom.startswith("sensor:"):
        return Severity.INCIPIENT, "only a sensor is in doubt"
    if symptom == DRIFT:
        return Severity.INCIPIENT, "the machine changes slowly"
    stops = symptom in _STOPS_THE_MACHINE
    if criticality is Criticality.HIGH and stops:
        return Severity.CRITICAL, "left alone it stops a machine that the plant cannot do without"
    if criticality is Criticality.LOW and not stops:
        return Severity.INCIPIENT, "it wears slowly, and another machine can take over"
    return Severity.DEGRADED, "the machine does less than it should, or will"


def _urgency(symptom: str, outlook: Outlook) -> tuple[Urgency, str]:
    left = outlook.p10
    if left is not None:
        for limit, urgency in ((DAY, Urgency.NOW), (WEEK, Urgency.SOON), (MONTH, Urgency.PLAN)):
            if left <= limit:
                return urgency, f"one in ten such machines fails within {_words(left)}"
        return Urgency.WATCH, f"nine in ten such machines last longer than {_words(left)}"
    if not outlook.is_active:
        return Urgency.WATCH, "the alarm is over, and there is no forecast"
    if symptom == DRIFT:  # a warm hall in summer drifts, too
        return Urgency.WATCH, "what is slow gives warning before it fails, and there is no forecast"
    if outlook.score >= STRONG:
        return Urgency.SOON, "the alarm is strong, and there is no forecast"
    return Urgency.PLAN, "there is no forecast"


def _words(left: timedelta) -> str:
    hours = max(left.total_seconds(), 0.0) / 3600
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"
