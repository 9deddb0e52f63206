from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contract.alarm_rule import AlarmEdge
from contract.checks import MAX_INT63
from contract.codec import decode, encode
from contract.explanation import Hint, HintFact, HintStrength
from contract.features import feature_specs
from contract.messages import AlarmKind, AlarmTransition, Contribution, DeviceStatus, Message
from contract.profiles import parse_profile
from contract.signals import QualityFlag
from edge_agent.reports import (
    NO_EVIDENCE,
    AlarmContext,
    agent_version,
    alarm_id,
    build_alarm,
    build_birth,
    one_line,
    pick_spectrum,
    to_datetime,
)
from edge_agent.scorer import Evidence
from edge_agent.watch import Announcement
from tests.edge_agent.rig import rig_profile

PROFILE = rig_profile()
BURST = np.sin(np.arange(256) * 0.5).astype(np.float32)


def evidence(*sensors: str) -> Evidence:
    return Evidence(
        tuple(Contribution(f"{s}_x", s, 0.1 * (9 - i), 3.0) for i, s in enumerate(sensors)), (1.0,) * 8
    )


def anomaly(transition: AlarmTransition, event_time_s: float, score: float) -> Announcement:
    return Announcement(AlarmKind.ANOMALY, AlarmEdge(transition, event_time_s, 1e9, score), 0.5)


def test_an_alarm_becomes_a_message_that_travels() -> None:
    spectrum = pick_spectrum(evidence("vib"), {"vib": BURST}, PROFILE)
    hint = Hint("imbalance", HintStrength.WEAK, (HintFact("line_1x", "vib", "mm/s", 2.0, 1.0),))
    shares = (0.5, 0.5, *[0.0] * (len(feature_specs(PROFILE)) - 2))
    known = replace(evidence("vib", "temperature"), shares=shares)
    context = AlarmContext("press-7", PROFILE, "running", known, spectrum, (hint,))
    alarm = build_alarm(anomaly(AlarmTransition.RAISED, 1e9 + 5, 0.75), context)
    message = Message("press-7", 1, 1, to_datetime(1e9 + 5), alarm)

    assert decode(encode(message)).kind == "alarm"
    assert alarm.since == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    assert (alarm.score, alarm.threshold, alarm.regime, len(alarm.error_profile)) == (0.75, 0.5, "running", 8)
    assert alarm.sensor_shares[0].sensor == "vib" and alarm.hints == (hint,)
    assert (alarm.kind, alarm.sensor, alarm.flags) == (AlarmKind.ANOMALY, "", QualityFlag.NONE)


def test_a_sensor_fault_becomes_a_message_that_travels() -> None:
    edge = AlarmEdge(AlarmTransition.RAISED, 1e9 + 5, 1e9, 1.0)
    said = Announcement(AlarmKind.SENSOR_FAULT, edge, 0.05, "vib", QualityFlag.STUCK)
    alarm = build_alarm(said, AlarmContext("press-7", PROFILE, "running"))
    message = Message("press-7", 1, 1, to_datetime(1e9 + 5), alarm)

    assert decode(encode(message)).body == replace(alarm, threshold=float(np.float32(0.05)))
    assert (alarm.kind, alarm.sensor, alarm.flags) == (AlarmKind.SENSOR_FAULT, "vib", QualityFlag.STUCK)
    assert not alarm.contributions and not alarm.sensor_shares


def test_both_edges_have_one_id_and_every_alarm_its_own() -> None:
    context = AlarmContext("press-7", PROFILE, "")
    raised = build_alarm(anomaly(AlarmTransition.RAISED, 1e9 + 5, 0.9), context)
    cleared = build_alarm(anomaly(AlarmTransition.CLEARED, 1e9 + 99, 0.1), context)

    assert raised.alarm_id == cleared.alarm_id
    ids = {alarm_id(device, to_datetime(1e9 + t)) for device in ("a", "b", "ab") for t in range(1000)}
    assert len(ids) == 3000 and all(0 < i <= MAX_INT63 for i in ids)
    kinds = [(AlarmKind.ANOMALY, ""), (AlarmKind.DRIFT, ""), *((AlarmKind.SENSOR_FAULT, s) for s in "ab")]
    assert len({alarm_id("a", to_datetime(0.0), *kind) for kind in kinds}) == 4, "even at the same moment"


def test_an_alarm_of_the_machine_keeps_the_id_it_had_before_there_were_kinds() -> None:
    """An agent that is updated while its machine alarms must clear the alarm it raised."""
    assert alarm_id("press-7", datetime(2024, 5, 17, 11, 20, tzinfo=UTC)) == 8_531_650_102_795_889_933


def test_the_spectrum_is_of_the_waveform_that_contributes_most() -> None:
    bursts = {"vib": BURST}

    found = pick_spectrum(evidence("temperature", "vib"), bursts, PROFILE)
    assert found is not None and found.sensor == "vib"
    assert pick_spectrum(evidence("temperature"), bursts, PROFILE) is None
    assert pick_spectrum(evidence("vib"), {}, PROFILE) is None
    assert pick_spectrum(NO_EVIDENCE, bursts, PROFILE) is None


def test_a_birth_says_who_is_there() -> None:
    birth = build_birth(PROFILE)

    assert parse_profile(birth.profile) == PROFILE, "a cloud that never saw it knows all of it"
    assert birth.agent_version == agent_version() != ""


@given(st.floats(allow_nan=False))
def test_every_clock_gives_a_time_that_a_message_may_carry(seconds: float) -> None:
    moment = to_datetime(seconds)

    assert moment.tzinfo is UTC and 2000 <= moment.year < 2100


def test_a_reason_is_made_fit_for_a_status_whatever_a_library_said() -> None:
    said = one_line("broken\r\ndevice \ud800" + "x" * 300)
    assert said.startswith("broken  device  xxx") and len(said) == 200
    DeviceStatus("1", 0.0, 0, 0, 0, 0, accelerator_reason=said)
