"""The one word for a machine: silence is never health."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.health import DEFAULT_INTERVAL_S, MISSED_INTERVALS, Health, Known, is_online, judge_health
from contract.messages import MachineState
from tests.cloud.samples import INGEST

WELL = Known(
    MachineState.WATCHING, is_connected=True, last_ingest_time=INGEST, summary_interval_s=60, score_max=0.2
)
SOON = INGEST + timedelta(seconds=10)


def test_a_connected_watching_calm_machine_is_ok() -> None:
    assert judge_health(WELL, SOON) is Health.OK


@pytest.mark.parametrize(
    ("change", "health"),
    [
        ({"state": None}, Health.UNKNOWN),
        ({"state": MachineState.BLIND}, Health.BLIND),
        ({"state": MachineState.UNSTEADY}, Health.UNSTEADY),
        ({"state": MachineState.UNSTEADY, "score_max": 0.1}, Health.UNSTEADY),
        ({"state": MachineState.UNSTEADY, "is_connected": False}, Health.OFFLINE),
        ({"state": MachineState.WARMING_UP}, Health.WARMING_UP),
        ({"state": MachineState.STANDSTILL}, Health.STANDSTILL),
        ({"state": MachineState.ALARMING}, Health.ALARM),
        ({"score_max": 0.5}, Health.WATCH),
        ({"score_max": None}, Health.OK),
        ({"is_connected": False}, Health.OFFLINE),
        ({"is_connected": None}, Health.OK),
        ({"last_ingest_time": None}, Health.OFFLINE),
        ({"has_open_alert": True}, Health.ALARM),
        ({"has_open_alert": True, "is_connected": False}, Health.ALARM),
        ({"state": MachineState.BLIND, "is_connected": False}, Health.OFFLINE),
        ({"state": None, "is_connected": False}, Health.OFFLINE),
    ],
)
def test_what_is_known_decides(change: dict[str, object], health: Health) -> None:
    assert judge_health(replace(WELL, **change), SOON) is health  # type: ignore[arg-type]


def test_whatever_a_device_may_say_has_a_word() -> None:
    words = {state: judge_health(replace(WELL, state=state), SOON) for state in MachineState}
    assert len(set(words.values())) == len(MachineState), "no two states look the same"
    assert [state for state, health in words.items() if health is Health.OK] == [MachineState.WATCHING]


def test_who_is_not_judged_is_less_urgent_than_silence_and_more_than_a_calm_machine() -> None:
    order = list(Health)
    assert order.index(Health.UNKNOWN) < order.index(Health.UNSTEADY) < order.index(Health.WATCH)


@pytest.mark.parametrize("interval_s", [None, 1.0, 3600.0])
def test_silence_is_measured_in_summary_intervals(interval_s: float | None) -> None:
    known = replace(WELL, summary_interval_s=interval_s)
    limit = timedelta(seconds=MISSED_INTERVALS * (interval_s or DEFAULT_INTERVAL_S))
    assert is_online(known, INGEST + limit)
    assert not is_online(known, INGEST + limit + timedelta(seconds=1))
    assert judge_health(known, INGEST + limit + timedelta(seconds=1)) is Health.OFFLINE


@given(
    state=st.none() | st.sampled_from(MachineState),
    is_connected=st.none() | st.booleans(),
    silent_s=st.floats(0, 10_000),
    has_open_alert=st.booleans(),
)
def test_nothing_absent_or_unknown_is_ever_ok(
    state: MachineState | None, is_connected: bool | None, silent_s: float, has_open_alert: bool
) -> None:
    known = replace(WELL, state=state, is_connected=is_connected, has_open_alert=has_open_alert)
    now = INGEST + timedelta(seconds=silent_s)
    if judge_health(known, now) is Health.OK:
        assert is_online(known, now)
        assert state is MachineState.WATCHING
        assert not has_open_alert
