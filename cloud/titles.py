"""An alert in one sentence.

Rule: the first words say what it is about, so that nobody takes a broken sensor for a broken machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloud import words
from cloud.alerts import AlertKind, Subject
from cloud.hint_words import cause_words
from contract.explanation import Hint, HintStrength
from contract.messages import Contribution
from contract.profiles import MachineProfile


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why there is an alert."""

    contributions: tuple[Contribution, ...] = ()
    hints: tuple[Hint, ...] = ()
    flags: tuple[str, ...] = ()
    """Names of quality flags."""


def title_words(subject: Subject, reasons: Reasons, profile: MachineProfile | None) -> str:
    """The sentence that stands for an alert.

    >>> title_words(Subject(AlertKind.SENSOR_FAULT, "vib_h"), Reasons(flags=("stuck",)), None)
    'Sensor fault: vib h: stuck at one value'
    """
    label = words.KINDS[subject.kind].label
    if subject.kind is AlertKind.SENSOR_FAULT:
        why = words.flag_words(reasons.flags) or "not believed"
        return f"{label}: {words.sensor_label(subject.sensor, profile)}: {why}"
    symptom = words.alert_words(reasons.contributions, profile)
    if subject.kind is AlertKind.DRIFT:
        return f"{label}: {symptom[:1].lower()}{symptom[1:]}"
    leading = reasons.hints[0] if reasons.hints else None
    if leading is not None and leading.strength >= HintStrength.MODERATE:
        return f"Looks like {cause_words(leading)}"
    return symptom
