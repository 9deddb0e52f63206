"""Machine, drift and sensors: three kinds of alarm that do not disturb each other."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from contract.extract import FeatureExtractor
from contract.features import FeatureVector, feature_specs
from contract.messages import AlarmKind, AlarmTransition, MachineState
from contract.signals import QualityFlag
from edge_agent.scorer import Verdict
from edge_agent.watch import DRIFT_THRESHOLD, AlarmWatch, Announcement
from tests.edge_agent.rig import rig_profile, rig_readings

PROFILE = rig_profile()
ALARM = PROFILE.alarm
RAISED, CLEARED = AlarmTransition.RAISED, AlarmTransition.CLEARED


@pytest.fixture(scope="module")
def window() -> FeatureVector:
    extractor = FeatureExtractor(PROFILE)
    return next(v for reading in rig_readings(6) for v in extractor.add(reading))


def verdicts(score: float | None, drift: float | None, count: int, start: int = 0) -> list[Verdict]:
    return [
        Verdict(float(start + i), MachineState.WATCHING, score, 1.0, "running", 1.0, drift)
        for i in range(count)
    ]


def judge(
    watch: AlarmWatch, score: float | None, drift: float | None, count: int, start: int = 0
) -> list[Announcement]:
    return [said for v in verdicts(score, drift, count, start) for said in watch.judge(v)]


def test_a_machine_that_alarms_is_an_anomaly() -> None:
    watch = AlarmWatch(PROFILE)
    (said,) = judge(watch, 0.9, None, ALARM.k)
    assert (said.kind, said.edge.transition, said.threshold, said.sensor) == (
        AlarmKind.ANOMALY,
        RAISED,
        0.5,
        "",
    )
    assert watch.is_alarming


def test_a_repair_ends_what_stood_and_what_had_begun() -> None:
    watch = AlarmWatch(PROFILE)
    assert watch.end(0.0) == []
    (raised,) = judge(watch, 0.9, None, ALARM.k)
    (ended,) = watch.end(99.0)
    assert (ended.kind, ended.edge.transition, ended.threshold) == (
        AlarmKind.ANOMALY,
        CLEARED,
        raised.threshold,
    )
    assert (ended.edge.event_time_s, ended.edge.since_s) == (99.0, raised.edge.since_s)
    assert not watch.is_alarming
    assert judge(watch, 0.9, None, ALARM.k - 1, 100) == [], "what was seen before the repair does not count"
    judge(watch, 0.1, 0.9, ALARM.n, 200)
    assert [said.kind for said in watch.end(300.0)] == [AlarmKind.DRIFT]


def test_drift_takes_its_time_and_is_no_alarm_of_the_machine() -> None:
    watch = AlarmWatch(PROFILE)
    assert judge(watch, 0.1, 0.9, ALARM.n - 1) == []
    (said,) = judge(watch, 0.1, 0.9, 1, ALARM.n)
    assert (said.kind, said.edge.transition, said.threshold) == (AlarmKind.DRIFT, RAISED, DRIFT_THRESHOLD)
    assert not watch.is_alarming
    (over,) = judge(watch, 0.1, 0.1, ALARM.clear_after, 20)
    assert (over.kind, over.edge.transition, over.edge.since_s) == (
        AlarmKind.DRIFT,
        CLEARED,
        said.edge.since_s,
    )


def test_while_the_machine_alarms_nothing_is_said_of_drift() -> None:
    assert [s.kind for s in judge(AlarmWatch(PROFILE), 0.9, 0.9, 50)] == [AlarmKind.ANOMALY]


def test_a_window_without_a_judgement_moves_nothing() -> None:
    assert judge(AlarmWatch(PROFILE), None, None, 50) == []


def test_a_stuck_sensor_is_left_out_at_once_and_announced_when_sure(window: FeatureVector) -> None:
    watch = AlarmWatch(PROFILE)
    stuck = replace(
        window,
        counts=dict(window.counts) | {"vib": (0, 0, 256)},
        flags=dict(window.flags) | {"vib": QualityFlag.STUCK},
    )
    own = np.array([spec.sensor == "vib" for spec in feature_specs(PROFILE)])
    announced: list[Announcement] = []
    for number in range(ALARM.k):
        believed, said = watch.inspect(replace(stuck, event_time_s=float(number)))
        assert not believed.valid[own].any() and believed.valid[~own].all()
        announced += said
    (said_of,) = announced
    assert (said_of.kind, said_of.sensor, said_of.flags) == (AlarmKind.SENSOR_FAULT, "vib", QualityFlag.STUCK)
    assert not watch.is_alarming

    believed, _ = watch.inspect(replace(window, event_time_s=10.0))
    assert not believed.valid[own].any(), "it is believed again when its fault is cleared, not before"
    for number in range(ALARM.clear_after):
        believed, _ = watch.inspect(replace(window, event_time_s=11.0 + number))
    assert believed.valid.all()


def test_a_healthy_window_passes_untouched(window: FeatureVector) -> None:
    believed, said = AlarmWatch(PROFILE).inspect(window)
    assert believed is window and said == []


def test_everything_survives_a_restart(window: FeatureVector) -> None:
    watch = AlarmWatch(PROFILE)
    judge(watch, 0.9, None, ALARM.k)
    missing = replace(window, flags=dict(window.flags) | {"current": QualityFlag.MISSING})
    for number in range(ALARM.k):
        watch.inspect(replace(missing, event_time_s=float(number)))
    again = AlarmWatch(PROFILE)
    again.restore(json.loads(json.dumps(watch.to_state())))

    assert again.is_alarming
    assert judge(again, 0.9, None, 3, 30) == [], "not raised a second time"
    assert again.inspect(missing)[1] == [], "nor is the sensor"


@pytest.mark.parametrize("state", [{}, {"machine": {}}, None, {"machine": {}, "drift": {}, "sensors": {}}])
def test_a_damaged_state_is_refused(state: object) -> None:
    with pytest.raises(ValueError, match="not "):
        AlarmWatch(PROFILE).restore(state)  # type: ignore[arg-type]
