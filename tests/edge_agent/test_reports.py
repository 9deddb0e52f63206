from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contract.codec import decode, encode
from contract.messages import MAX_INT63, AlarmTransition, Contribution, Message
from contract.profiles import parse_profile
from edge_agent.alarm import AlarmEdge
from edge_agent.reports import (
    NO_EVIDENCE,
    AlarmContext,
    agent_version,
    alarm_id,
    build_alarm,
    build_birth,
    pick_spectrum,
    to_datetime,
)
from edge_agent.scorer import Evidence
from tests.edge_agent.rig import rig_profile

PROFILE = rig_profile()
BURST = np.sin(np.arange(256) * 0.5).astype(np.float32)


def evidence(*sensors: str) -> Evidence:
    return Evidence(
        tuple(Contribution(f"{s}_x", s, 0.1 * (9 - i), 3.0) for i, s in enumerate(sensors)), (1.0,) * 8
    )


def test_an_alarm_becomes_a_message_that_travels() -> None:
    spectrum = pick_spectrum(evidence("vib"), {"vib": BURST}, PROFILE)
    context = AlarmContext("press-7", "running", 0.5, evidence("vib", "temperature"), spectrum)
    alarm = build_alarm(AlarmEdge(AlarmTransition.RAISED, 1e9 + 5, 1e9, 0.75), context)
    message = Message("press-7", 1, 1, to_datetime(1e9 + 5), alarm)

    assert decode(encode(message)).kind == "alarm"
    assert alarm.since == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    assert (alarm.score, alarm.threshold, alarm.regime, len(alarm.error_profile)) == (0.75, 0.5, "running", 8)


def test_both_edges_have_one_id_and_every_alarm_its_own() -> None:
    context = AlarmContext("press-7", "", 0.5, NO_EVIDENCE, None)
    raised = build_alarm(AlarmEdge(AlarmTransition.RAISED, 1e9 + 5, 1e9, 0.9), context)
    cleared = build_alarm(AlarmEdge(AlarmTransition.CLEARED, 1e9 + 99, 1e9, 0.1), context)

    assert raised.alarm_id == cleared.alarm_id
    ids = {alarm_id(device, to_datetime(1e9 + t)) for device in ("a", "b", "ab") for t in range(1000)}
    assert len(ids) == 3000 and all(0 < i <= MAX_INT63 for i in ids)


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
