from __future__ import annotations

import dataclasses
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.broker_address import BrokerAddress
from contract.bundle import Bundle
from contract.errors import BundleError
from contract.messages import (
    AlarmKind,
    AlarmTransition,
    DeviceStatus,
    Kind,
    MachineState,
    ScoreSummary,
)
from contract.signals import QualityFlag, Reading
from edge_agent.agent import Agent, StepResult
from edge_agent.errors import ModelError, StateFolderError
from edge_agent.repair import RepairNote
from edge_agent.repair import main as repair_main
from edge_agent.settings import AgentSettings, MqttSettings
from edge_agent.state import StateFile, StateStamp
from tests.edge_agent.rig import START_S, ListSource, alarms, rig_profile, rig_readings, stored
from tools.servers.mosquitto import Mosquitto

BROKEN = range(60, 90)
REFILL = rig_profile().window.context // 2 - 1
"""Windows that only fill a context: it is judged from half on."""
WARM_UP = rig_profile().warmup.baseline_windows + REFILL + rig_profile().warmup.calibration_windows


def bodies(folder: Path, kind: type) -> list[object]:
    return [m.body for m in stored(folder) if isinstance(m.body, kind)]


def hunting(readings: Iterator[Reading], *spans: range) -> Iterator[Reading]:
    """The same machine; in those seconds its speed never settles."""
    swing = np.array([-300.0, 0.0, 300.0, 0.0], np.float32)
    for reading in readings:
        second = round(reading.event_time_s - START_S)
        is_hunting = reading.sensor == "speed" and any(second in span for span in spans)
        yield dataclasses.replace(reading, values=reading.values + swing) if is_hunting else reading


def comparable(folder: Path) -> list[object]:
    """Messages without what may differ between two runs: the boot, and how the device itself fares."""
    found: list[object] = []
    for m in stored(folder):
        body = m.body
        if isinstance(body, DeviceStatus):
            body = dataclasses.replace(body, rss_bytes=0, window_cost_us=0.0)
        found.append((m.sequence, m.event_time, body))
    return found


def test_readings_become_summaries_statuses_and_an_alarm_with_both_edges(
    run_agent: Callable[..., Agent], tmp_path: Path
) -> None:
    agent = run_agent(rig_readings(130, broken=BROKEN))
    messages = stored(tmp_path / "state")

    assert [m.sequence for m in sorted(messages, key=lambda m: m.sequence)] == list(
        range(1, len(messages) + 1)
    )
    assert {(m.device_id, m.boot_id, m.model_version) for m in messages} == {
        ("press-7", agent.boot_id, "test-rig-7")
    }
    counters = agent.counters
    assert counters.messages == {"summary": 33, "status": 6, "alarm": 2}
    assert (counters.samples, counters.windows) == (130 * 268, 130)
    assert counters.scored == 130 - WARM_UP
    assert counters.dropped == {} and counters.scoring_s > 0
    times = [m.event_time.timestamp() - START_S for m in messages if m.kind is Kind.STATUS]
    assert [round(b - a, 3) for a, b in pairwise(times)] == [20.0] * 5


def test_an_alarm_carries_its_evidence(run_agent: Callable[..., Agent], tmp_path: Path) -> None:
    run_agent(rig_readings(130, broken=BROKEN))
    raised, cleared = alarms(tmp_path / "state")

    assert (raised.transition, cleared.transition) == (AlarmTransition.RAISED, AlarmTransition.CLEARED)
    assert raised.alarm_id == cleared.alarm_id and raised.since == cleared.since
    assert 60 <= raised.since.timestamp() - START_S < 64
    assert raised.score >= raised.threshold == 0.5
    assert raised.regime == "running"
    assert {c.sensor for c in raised.contributions} >= {"vib", "temperature"}, "both broke"
    assert len(raised.error_profile) == 8
    assert raised.kind is cleared.kind is AlarmKind.ANOMALY and raised.sensor == ""
    assert {s.sensor for s in raised.sensor_shares[:2]} == {"vib", "temperature"}
    assert len(raised.contributions) == 8 and len(raised.sensor_shares) == 4
    assert sum(s.share for s in raised.sensor_shares) == pytest.approx(1.0, abs=1e-5)
    assert 0 < sum(b.share for b in raised.band_shares) < 1
    assert not cleared.sensor_shares and not cleared.hints
    assert raised.spectrum is not None and raised.spectrum.sensor == "vib"
    assert max(raised.spectrum.amplitude) > 2.0, "of the broken burst, not of a healthy one"


def test_sensors_that_fail_are_named_and_the_machine_is_not_accused(
    run_agent: Callable[..., Agent], tmp_path: Path
) -> None:
    run_agent(rig_readings(130, blind=range(60, 80)))
    said = alarms(tmp_path / "state")
    raised = [a for a in said if a.transition is AlarmTransition.RAISED]

    assert {a.kind for a in said} == {AlarmKind.SENSOR_FAULT}
    assert {a.sensor for a in raised} == {"vib", "temperature", "current"}
    assert all(QualityFlag.NOT_A_NUMBER in a.flags for a in raised)
    assert len(said) == 2 * len(raised) and len({a.alarm_id for a in said}) == len(raised)
    assert not any(a.contributions or a.hints or a.spectrum for a in said)


def test_a_sensors_fault_that_spans_a_restart_is_cleared_not_raised_again(
    run_agent: Callable[..., Agent], tmp_path: Path
) -> None:
    readings = list(rig_readings(130, blind=range(60, 80)))
    run_agent(iter(readings[: 4 * 70]))
    run_agent(iter(readings[4 * 70 :]))
    said = [(a.sensor, a.transition.name) for a in alarms(tmp_path / "state")]

    assert sorted(said) == [(s, t) for s in ("current", "temperature", "vib") for t in ("CLEARED", "RAISED")]


def test_a_healthy_machine_raises_nothing(run_agent: Callable[..., Agent], tmp_path: Path) -> None:
    run_agent(rig_readings(300))

    assert alarms(tmp_path / "state") == []


def test_summaries_say_what_the_machine_does(run_agent: Callable[..., Agent], tmp_path: Path) -> None:
    run_agent(rig_readings(130, broken=BROKEN, standing=range(110, 130)))
    states = [b.state for b in bodies(tmp_path / "state", ScoreSummary) if isinstance(b, ScoreSummary)]

    assert states[0] is MachineState.WARMING_UP
    assert states[12] is MachineState.WATCHING
    assert states[18] is MachineState.ALARMING
    assert states[-1] is MachineState.STANDSTILL


def test_summaries_say_that_a_machine_is_never_steady_and_when_it_is_again(
    bundle: Bundle, tmp_path: Path
) -> None:
    profile = bundle.profile
    assert profile.regime is not None
    ramps = dataclasses.replace(profile, regime=dataclasses.replace(profile.regime, steady_within=100.0))
    readings = hunting(rig_readings(120), range(44, 48), range(60, 100))
    source = ListSource(readings)
    agent = Agent(AgentSettings("a", tmp_path), source, dataclasses.replace(bundle, profile=ramps))
    agent.start()
    agent.run(threading.Event())
    agent.close()
    found = [b for b in bodies(tmp_path, ScoreSummary) if isinstance(b, ScoreSummary)]
    shown = [b.state for b in found]

    assert MachineState.UNSTEADY not in shown[:19], "neither in warm-up, nor for one ramp, nor at once"
    assert shown[21:25] == [MachineState.UNSTEADY] * 4
    assert {b.regime for b in found[21:25]} == {"transition"} and not any(
        b.scored_count for b in found[21:25]
    )
    assert shown[27:] == [MachineState.WATCHING] * len(shown[27:])
    assert all(b.scored_count for b in found[27:])
    assert alarms(tmp_path) == []


def test_what_goes_into_the_outbox_depends_on_readings_alone(
    run_agent: Callable[..., Agent], tmp_path: Path, broker: Mosquitto
) -> None:
    readings = list(rig_readings(130, broken=BROKEN, standing=range(100, 105), blind=range(40, 44)))
    run_agent(iter(readings), "one")
    online = MqttSettings(BrokerAddress("127.0.0.1", broker.port))
    broker.kill()  # a network that fails, and a thread that tries
    run_agent(iter(readings), "two", mqtt=online, drain_s=0.1)

    assert comparable(tmp_path / "one") == comparable(tmp_path / "two")


def test_status_tells_quality_flags_once_and_event_time_uptime(
    run_agent: Callable[..., Agent], tmp_path: Path
) -> None:
    run_agent(rig_readings(65, blind=range(25, 28)))
    first, second, third = (
        b for b in bodies(tmp_path / "state", DeviceStatus) if isinstance(b, DeviceStatus)
    )

    assert first.quality_flags is QualityFlag.NONE
    assert QualityFlag.NOT_A_NUMBER in second.quality_flags
    assert third.quality_flags is QualityFlag.NONE
    assert [s.uptime_s for s in (first, second, third)] == [20.0, 40.0, 60.0]
    assert third.windows == 60 and third.samples == 60 * 268
    assert third.window_cost_us > 0 and third.rss_bytes > 1e6
    assert third.outbox_messages == second.outbox_messages + 6


def test_a_status_travels_with_a_summary(run_agent: Callable[..., Agent], tmp_path: Path) -> None:
    run_agent(rig_readings(65))
    messages = stored(tmp_path / "state")
    statuses = {m.event_time: m.sequence for m in messages if m.kind is Kind.STATUS}
    summaries = {m.event_time: m.sequence for m in messages if m.kind is Kind.SUMMARY}

    assert len(statuses) == 3
    assert all(summaries[time] == sequence - 1 for time, sequence in statuses.items())


def test_messages_are_on_disk_before_the_state_that_knows_of_them(
    run_agent: Callable[..., Agent], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[tuple[bool, int]] = []

    def save(_: StateFile, content: dict[str, Any]) -> bool:
        with closing(sqlite3.connect(tmp_path / "state" / "outbox.sqlite")) as disk:
            (alarms_kept,) = disk.execute("SELECT count(*) FROM messages WHERE kind = 'alarm'").fetchone()
        waiting.append((content["alarms"]["machine"]["since_s"] is not None, alarms_kept))
        return True

    monkeypatch.setattr(StateFile, "save", save)
    run_agent(rig_readings(80, broken=BROKEN))

    assert waiting[0] == (False, 0) and (True, 1) in waiting
    assert all(alarms_kept == is_alarming for is_alarming, alarms_kept in waiting)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [("auto", "the bundle holds no model compiled for an Edge TPU"), ("cpu", "the settings say so")],
)
def test_every_status_says_what_computes_the_model_and_why(
    run_agent: Callable[..., Agent], tmp_path: Path, choice: str, reason: str
) -> None:
    run_agent(rig_readings(45), accelerator=choice)
    said = {
        (b.accelerator, b.accelerator_reason)
        for b in bodies(tmp_path / "state", DeviceStatus)
        if isinstance(b, DeviceStatus)
    }
    assert said == {("cpu", reason)}


def test_step_tells_what_it_did(bundle: Bundle, tmp_path: Path) -> None:
    agent = Agent(AgentSettings("a", tmp_path), ListSource(rig_readings(1)), bundle)
    agent.start()
    results = [agent.step() for _ in range(5)]
    agent.close()

    assert results[0] == StepResult(START_S, 0, False)
    assert [r.is_exhausted for r in results] == [False, False, False, True, True]
    assert results[4].event_time_s is None


def test_learned_state_survives_a_restart(run_agent: Callable[..., Agent], tmp_path: Path) -> None:
    readings = list(rig_readings(130))
    run_agent(iter(readings[: 4 * 60]))
    second = run_agent(iter(readings[4 * 60 :]))

    assert second.counters.scored == second.counters.windows - REFILL, "only the context had to fill again"


def test_an_alarm_that_spans_a_restart_is_cleared_not_raised_again(
    run_agent: Callable[..., Agent], tmp_path: Path
) -> None:
    readings = list(rig_readings(140, broken=BROKEN))
    run_agent(iter(readings[: 4 * 75]))
    run_agent(iter(readings[4 * 75 :]))
    raised, cleared = alarms(tmp_path / "state")

    assert (raised.transition, cleared.transition) == (AlarmTransition.RAISED, AlarmTransition.CLEARED)
    assert raised.alarm_id == cleared.alarm_id


def test_after_word_of_a_repair_the_alarm_is_over_and_the_machine_is_learned_anew(
    run_agent: Callable[..., Agent], tmp_path: Path
) -> None:
    readings = list(rig_readings(140, broken=range(60, 140)))
    run_agent(iter(readings[: 4 * 75]))
    assert repair_main(["--state", str(tmp_path / "state")]) == 0
    second = run_agent(iter(readings[4 * 75 :]))
    raised, cleared = alarms(tmp_path / "state")

    assert (raised.transition, cleared.transition) == (AlarmTransition.RAISED, AlarmTransition.CLEARED)
    assert raised.alarm_id == cleared.alarm_id
    assert second.counters.scored == 65 - WARM_UP, "what it is now is what it is measured by"
    assert not RepairNote(tmp_path / "state").is_there


@pytest.mark.parametrize("damage", ["garbage", "other parts"])
def test_a_damaged_state_means_warming_up_anew(
    run_agent: Callable[..., Agent], tmp_path: Path, damage: str
) -> None:
    run_agent(rig_readings(60))
    path = tmp_path / "state" / "state.json"
    if damage == "garbage":
        path.write_text("{")
    else:
        stamp = StateStamp("test-rig", "test-rig-7", "test-rig", 3)
        StateFile(path, stamp).save(
            {"alarm": {"since_s": None, "calm_run": 0, "anomalous_at": []}, "scorer": {}}
        )
    again = run_agent(rig_readings(60))

    assert again.counters.scored == 60 - WARM_UP
    assert list(path.parent.glob("state.json.damaged-*"))


@pytest.mark.parametrize("part", ["creep", "drift", "calibration", "baseline"])
def test_state_of_an_edition_without_a_part_is_set_aside_once_and_the_outbox_kept(
    run_agent: Callable[..., Agent], tmp_path: Path, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    run_agent(rig_readings(60))
    path, sent = tmp_path / "state" / "state.json", stored(tmp_path / "state")
    file = StateFile(path, StateStamp("test-rig", "test-rig-7", "test-rig", 3))
    content = file.load()
    assert content is not None
    del content["scorer"][part]
    file.save(content)
    again = run_agent(rig_readings(60))
    after = run_agent(rig_readings(60))

    assert again.counters.scored == 60 - WARM_UP, "learned anew"
    assert after.counters.scored == 60 - REFILL, "and went on from what was learned"
    assert {m.boot_id for m in sent} < {m.boot_id for m in stored(tmp_path / "state")}
    (line,) = (record for record in caplog.records if record.levelname in {"WARNING", "ERROR"})
    said = vars(line)
    assert line.getMessage() == "learned state cannot be used; warming up anew"
    assert said["reason"] == f"it has no '{part}': an agent of another version wrote it"
    kept = json.loads(Path(said["kept_as"]).read_text())
    assert kept["content"] == content


def test_a_new_model_version_means_warming_up_anew(
    run_agent: Callable[..., Agent], tmp_path: Path, bundle: Bundle
) -> None:
    run_agent(rig_readings(60))
    newer = dataclasses.replace(bundle, manifest=dataclasses.replace(bundle.manifest, version="test-rig-8"))
    agent = Agent(AgentSettings("press-7", tmp_path / "state"), ListSource(rig_readings(60)), newer)
    agent.start()
    agent.run(threading.Event())
    agent.close()

    assert agent.counters.scored == 60 - WARM_UP


def test_a_device_whose_clock_was_never_set_keeps_going(
    run_agent: Callable[..., Agent], tmp_path: Path
) -> None:
    agent = run_agent(rig_readings(50, start_s=86_400.0))

    assert agent.counters.messages["summary"] == 13
    assert {m.event_time for m in stored(tmp_path / "state")} == {datetime(2000, 1, 1, tzinfo=UTC)}


def test_a_model_that_fails_its_self_test_never_runs(bundle: Bundle, tmp_path: Path) -> None:
    wrong = dataclasses.replace(bundle, golden_output=bundle.golden_output // 2)
    with pytest.raises(ModelError, match="self-test"):
        Agent(AgentSettings("a", tmp_path), ListSource(rig_readings(1)), wrong)
    assert issubclass(ModelError, BundleError)


def test_a_state_folder_that_cannot_be_used_is_one_clear_error(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    agent = Agent(AgentSettings("a", tmp_path / "file"), ListSource(rig_readings(1)), bundle)
    with pytest.raises(StateFolderError):
        agent.start()
    agent.close()
