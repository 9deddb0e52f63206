"""What a work order says: why somebody should look at the machine, in words that stand on their own.

Rule: pure. Whoever reads it in the maintenance system has nothing else at hand: it names the machine, what
speaks for it with numbers, what to check first, by when, and where the case is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud import words
from cloud.cases import DRIFT, SENSOR, UNKNOWN, Case
from cloud.hint_words import cause_of, check_of
from cloud.outcomes import MadeForecast
from cloud.store.rows import AlertRow
from cloud.triage import Assessment
from cloud.work_orders import MAX_TEXT, MAX_TITLE
from contract.snapshot import SECONDS

_SHOWN = 3
"""Alerts and forecasts that a text names."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a case when an order is suggested for it."""

    case: Case
    alerts: tuple[AlertRow, ...]
    """The case's own, newest first."""
    forecasts: tuple[MadeForecast, ...]
    """The newest of each component."""
    machine: str
    """As the plant calls it."""
    site: str = ""

    def ends(self) -> dict[str, datetime]:
        """When one in ten such components has failed, by component."""
        return {
            each.component: each.made_at + timedelta(seconds=each.forecast.p10 * SECONDS[each.time_unit])
            for each in self.forecasts
            if each.time_unit in SECONDS and each.forecast.p10 < each.forecast.horizon
        }

    def due(self) -> datetime | None:
        """Until when at the latest, at a risk of one in ten; None: nobody can say."""
        return min(self.ends().values(), default=None)


def order_title(evidence: Evidence) -> str:
    """One line: the machine, and what it looks like."""
    return f"{evidence.machine}: {_looks(evidence.case.symptom)}"[:MAX_TITLE]


def order_text(evidence: Evidence, assessment: Assessment) -> str:
    """The description."""
    case = evidence.case
    lines = [
        f"{_machine(evidence)} {_looks(case.symptom)}, since {_day(case.opened_at)}.",
        f"Severity {assessment.severity.name.lower()}, urgency {assessment.urgency.name.lower()}: "
        f"{'; '.join(assessment.because)}.",
        *_alert_lines(evidence.alerts),
        *_forecast_lines(evidence),
        *_check_lines(case.symptom),
        f"When it is done, close case {case.id} with what was found: the alarms learn from it.",
    ]
    return "\n".join(lines)[:MAX_TEXT]


def _machine(evidence: Evidence) -> str:
    device = evidence.case.device_id
    return device if evidence.machine == device else f"{evidence.machine} (watched by {device})"


def _looks(symptom: str) -> str:
    if symptom == UNKNOWN:
        return "is unlike itself"
    if symptom == DRIFT:
        return "changes slowly"
    if symptom.startswith(SENSOR):
        return f"has a sensor {symptom.removeprefix(SENSOR)} that cannot be believed"
    return f"looks like {cause_of(symptom)}"


def _alert_lines(alerts: Sequence[AlertRow]) -> list[str]:
    return [
        f"{_day(alert.opened_at)}: {alert.title} (score {alert.score:.2f} of 1,"
        f" {'over' if alert.cleared_at else 'still there'}{_sensors(alert)})."
        for alert in alerts[:_SHOWN]
    ]


def _sensors(alert: AlertRow) -> str:
    named = [each.sensor for each in alert.sensor_shares[:2]]
    return f", most in {' and '.join(named)}" if named else ""


def _forecast_lines(evidence: Evidence) -> list[str]:
    return [
        f"One in ten such {component} has failed by {_day(end)}."
        for component, end in sorted(evidence.ends().items(), key=lambda pair: pair[1])[:_SHOWN]
    ]


def _check_lines(symptom: str) -> list[str]:
    check = check_of(symptom)
    return [f"First {check}."] if check else []


def _day(time: datetime) -> str:
    return words.utc_words(time)
