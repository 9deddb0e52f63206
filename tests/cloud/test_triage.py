"""How bad and how soon are asked apart."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cloud.triage import Criticality, Outlook, Severity, Urgency, assess

SYMPTOMS = ("bearing_inner_race", "imbalance", "unknown", "drift", "sensor:vib_h")


@pytest.mark.parametrize(
    ("outlook", "urgency"),
    [
        (Outlook(p10=timedelta(hours=20)), Urgency.NOW),
        (Outlook(p10=timedelta(hours=-5)), Urgency.NOW),
        (Outlook(p10=timedelta(days=6), is_active=False), Urgency.SOON),
        (Outlook(p10=timedelta(days=20), score=1.0), Urgency.PLAN),
        (Outlook(p10=timedelta(days=200), score=1.0), Urgency.WATCH),
        (Outlook(score=0.95), Urgency.SOON),
        (Outlook(score=0.7), Urgency.PLAN),
        (Outlook(score=0.95, is_active=False), Urgency.WATCH),
    ],
    ids=range(8),
)
def test_urgency_is_the_time_that_is_left(outlook: Outlook, urgency: Urgency) -> None:
    for criticality in Criticality:
        found = assess("imbalance", criticality, outlook)
        assert found.urgency is urgency, "the machine's worth changes nothing"
        assert len(found.because) == 2 and all(found.because)


def test_slow_drift_alone_sends_nobody() -> None:
    drifts = Outlook(score=0.95)
    assert assess("drift", Criticality.HIGH, drifts).urgency is Urgency.WATCH, "a hall in summer drifts, too"
    assert assess("drift", Criticality.HIGH, Outlook(p10=timedelta(days=3))).urgency is Urgency.SOON


def test_severity_is_what_a_failure_would_do() -> None:
    def severity(symptom: str, criticality: Criticality) -> Severity:
        near, far = (assess(symptom, criticality, Outlook(p10=timedelta(days=d))) for d in (0, 400))
        assert near.severity is far.severity, "that it comes nearer changes nothing"
        return near.severity

    assert severity("bearing_inner_race", Criticality.HIGH) is Severity.CRITICAL
    assert severity("bearing_inner_race", Criticality.LOW) is Severity.DEGRADED
    assert severity("imbalance", Criticality.LOW) is Severity.INCIPIENT
    for criticality in Criticality:
        assert severity("sensor:vib_h", criticality) is Severity.INCIPIENT
    for symptom in SYMPTOMS:
        found = [severity(symptom, criticality) for criticality in Criticality]
        assert found == sorted(found), "a machine that matters more is never less severe"
