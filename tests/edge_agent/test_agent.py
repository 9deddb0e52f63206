from __future__ import annotations

import dataclasses
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from contract.bundle import Bundle, write_bundle
from contract.codec import decode
from contract.errors import BundleError
from contract.messages import (
    Alarm,
    AlarmTransition,
    Death,
    DeviceStatus,
    Kind,
    MachineState,
    Message,
    ScoreSummary,
)
from contract.signals import QualityFlag, Reading
from edge_agent.agent import Agent, StepResult
from edge_agent.errors import ModelError, StateFolderError
from edge_agent.outbox import Outbox, OutboxLimits
from edge_agent.settings import AgentSettings, MqttSettings
from edge_agent.state import StateFile, StateStamp
from edge_agent.uplink import Uplink
from tests.edge_agent.rig import START_S, ListSource, rig_readings
from tests.edge_agent.wire import Cloud, RestartableBroker, wait_until

BROKEN = range(60, 90)


@pytest.fixture
def run_agent(tmp_path: Path, bundle: Bundle) -> Callable[..., Agent]:
    """Run readings through an offline agent to the end."""

    def run(readings: Iterator[Reading], folder: str = "state", **changes: object) -> Agent:
        settings = AgentSettings("press-7", tmp_path / folder, status_interval_s=20.0)
        agent = Agent(dataclasses.replace(settings, **changes), ListSource(readings), bundle)  # type: ignore[arg-type]
        agent.start()
        agent.run(threading.Event())
        agent.close()
        return agent

    return run


def stored(folder: Path) -> list[Message]:
    """What waits in an outbox, in the order it was put there."""
    outbox = Outbox(folder / "outbox.sqlite", OutboxLimits(10_000_000, 1e9))
    entries = outbox.pending(100_000)
    outbox.close()
    return sorted((decode(e.payload) for e in entries), key=lambda m: (m.event_time, m.sequence))


def bodies(folder: Path, kind: type) -> list[object]:
    return [m.body for m in stored(folder) if isinstance(m.body, kind)]


def alarms(folder: Path) -> list[Alarm]:
    return [m.body for m in stored(folder) if isinstance(m.body, Alarm)]


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
    assert counters.scored == 130 - 31
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
    assert len(raised.contributions) == 8 and raised.contributions[0].sensor == "vib"
    assert len(raised.error_profile) == 8
    assert raised.spectrum is not None and raised.spectrum.sensor == "vib"
    assert max(raised.spectrum.amplitude) > 2.0, "of the broken burst, not of a healthy one"


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


def test_what_goes_into_the_outbox_depends_on_readings_alone(
    run_agent: Callable[..., Agent], tmp_path: Path, broker: RestartableBroker
) -> None:
    readings = list(rig_readings(130, broken=BROKEN, standing=range(100, 105), blind=range(40, 44)))
    run_agent(iter(readings), "one")
    online = MqttSettings("127.0.0.1", broker.port)
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
    assert third.windows == 61 and third.samples > 60 * 268
    assert third.window_cost_us > 0 and third.rss_bytes > 1e6
    assert third.outbox_messages == second.outbox_messages + 6


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

    assert second.counters.scored == second.counters.windows - 7, "only the context had to fill again"


def test_an_alarm_that_spans_a_restart_is_cleared_not_raised_again(
    run_agent: Callable[..., Agent], tmp_path: Path
) -> None:
    readings = list(rig_readings(140, broken=BROKEN))
    run_agent(iter(readings[: 4 * 75]))
    run_agent(iter(readings[4 * 75 :]))
    raised, cleared = alarms(tmp_path / "state")

    assert (raised.transition, cleared.transition) == (AlarmTransition.RAISED, AlarmTransition.CLEARED)
    assert raised.alarm_id == cleared.alarm_id


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

    assert again.counters.scored == 60 - 31
    assert list(path.parent.glob("state.json.damaged-*"))


def test_a_new_model_version_means_warming_up_anew(
    run_agent: Callable[..., Agent], tmp_path: Path, bundle: Bundle
) -> None:
    run_agent(rig_readings(60))
    newer = dataclasses.replace(bundle, manifest=dataclasses.replace(bundle.manifest, version="test-rig-8"))
    agent = Agent(AgentSettings("press-7", tmp_path / "state"), ListSource(rig_readings(60)), newer)
    agent.start()
    agent.run(threading.Event())
    agent.close()

    assert agent.counters.scored == 60 - 31


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


def test_a_full_disk_does_not_stop_the_scoring(run_agent: Callable[..., Agent], tmp_path: Path) -> None:
    agent = run_agent(rig_readings(1200, broken=range(900, 930)), outbox_max_bytes=65_536)
    counters = agent.counters

    assert counters.windows == 1200
    assert counters.dropped["summary"] > 50
    assert set(counters.dropped) == {"summary"}
    assert len(alarms(tmp_path / "state")) == 2
    assert len(stored(tmp_path / "state")) == sum(counters.messages.values()) - counters.dropped["summary"]


def test_a_failing_database_does_not_stop_the_scoring(bundle: Bundle, tmp_path: Path) -> None:
    agent = Agent(AgentSettings("a", tmp_path), ListSource(rig_readings(60)), bundle)
    agent.start()
    blocker = sqlite3.connect(tmp_path / "outbox.sqlite", isolation_level=None)
    blocker.execute("DROP TABLE messages")
    agent.run(threading.Event())
    agent.close()
    blocker.close()

    assert agent.counters.windows == 60
    assert agent.counters.dropped == {"summary": 15}


def test_a_defect_in_the_uplink_does_not_stop_the_watch(
    bundle: Bundle,
    tmp_path: Path,
    broker: RestartableBroker,
    cloud: Cloud,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole, calls = Uplink.run, []

    def fails_once(self: Uplink, stop: threading.Event) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError("a defect")
        whole(self, stop)

    monkeypatch.setattr(Uplink, "run", fails_once)
    mqtt = MqttSettings("127.0.0.1", broker.port)
    settings = AgentSettings("press-7", tmp_path, mqtt, max_backoff_s=0.5)
    agent = Agent(settings, ListSource(rig_readings(60)), bundle)
    agent.start()
    agent.run(threading.Event())
    wait_until(lambda: len(calls) == 2, "started again")
    agent.close()
    agent.close()

    assert agent.counters.acknowledged == sum(agent.counters.messages.values()) > 0
    assert "ZeroDivisionError" in caplog.text


def test_everything_reaches_the_cloud_exactly_once_in_effect(
    bundle: Bundle, tmp_path: Path, broker: RestartableBroker, cloud: Cloud
) -> None:
    mqtt = MqttSettings("127.0.0.1", broker.port)
    settings = AgentSettings("press-7", tmp_path, mqtt, ack_timeout_s=0.5, max_backoff_s=0.5, drain_s=10.0)
    agent = Agent(settings, ListSource(rig_readings(200, broken=BROKEN)), bundle)
    agent.start()
    for step in range(800):
        agent.step()
        if step == 200:
            broker.kill()
        if step == 500:
            broker.start()
    agent.close()

    sent = sum(agent.counters.messages.values())
    assert set(cloud.sequences()) == set(range(1, sent + 1))
    assert agent.counters.acknowledged == sent
    assert stored(tmp_path) == []
    wait_until(lambda: cloud.presence[-1][0].body == Death("stopped"), "death")


CHILD = textwrap.dedent(
    """
    import signal, sys, threading
    from pathlib import Path
    from contract.bundle import read_bundle
    from edge_agent.agent import Agent
    from edge_agent.sensors import PacedSource
    from edge_agent.settings import AgentSettings, MqttSettings
    from tests.edge_agent.rig import ListSource, rig_readings

    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    settings = AgentSettings("press-7", folder / "state", MqttSettings("127.0.0.1", port), drain_s=3.0)
    source = PacedSource(ListSource(rig_readings(100_000)), 100.0)
    agent = Agent(settings, source, read_bundle(folder / "rig.igb"))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    agent.start()
    agent.run(stop)
    agent.close()
    print(agent.boot_id, sum(agent.counters.messages.values()), agent.counters.acknowledged)
    """
)


@pytest.fixture
def spawn_agent(
    bundle: Bundle, tmp_path: Path, broker: RestartableBroker
) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    write_bundle(tmp_path / "rig.igb", bundle)
    started: list[subprocess.Popen[str]] = []

    def spawn() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CHILD, str(tmp_path), str(broker.port)]
        root = Path(__file__).resolve().parents[2]
        started.append(
            subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        return started[-1]

    yield spawn
    for process in started:
        process.kill()
        process.communicate()


def test_sigkill_leaves_a_will_and_the_next_start_sends_the_rest(
    spawn_agent: Callable[[], subprocess.Popen[str]], tmp_path: Path, cloud: Cloud
) -> None:
    cloud.is_silent = True
    first = spawn_agent()
    wait_until(lambda: len(set(cloud.sequences())) >= 5, "first agent sends")
    first.send_signal(signal.SIGKILL)
    wait_until(lambda: any(m.body == Death("connection lost") for m, _ in cloud.presence), "will")
    boot_id = cloud.messages[0].boot_id
    left = {m.sequence for m in stored(tmp_path / "state")}
    assert set(cloud.sequences(boot_id)) <= left, "nothing was acknowledged, nothing is gone"

    cloud.is_silent = False
    second = spawn_agent()
    wait_until(lambda: any(m.boot_id != boot_id for m in cloud.messages), "second agent sends")
    second.send_signal(signal.SIGTERM)
    second.wait(30)
    assert second.returncode == 0
    assert set(cloud.sequences(boot_id)) >= left
    assert stored(tmp_path / "state") == []


def test_sigterm_in_the_middle_of_sending_leaves_nothing_lost(
    spawn_agent: Callable[[], subprocess.Popen[str]], tmp_path: Path, cloud: Cloud
) -> None:
    agent = spawn_agent()
    wait_until(lambda: len(set(cloud.sequences())) >= 10, "sending")
    agent.send_signal(signal.SIGTERM)
    output, errors = agent.communicate(timeout=30)
    boot_id, sent, acknowledged = map(int, output.split())

    assert agent.returncode == 0 and "Traceback" not in errors
    assert sent == acknowledged
    assert set(cloud.sequences(boot_id)) == set(range(1, sent + 1))
    assert stored(tmp_path / "state") == []
    wait_until(lambda: cloud.presence[-1][0].body == Death("stopped"), "goodbye")


def test_the_watchdog_is_fed_from_the_loop_and_starves_with_it(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = tmp_path / "notify"
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.bind(str(address))
    systemd.settimeout(5)
    monkeypatch.setenv("NOTIFY_SOCKET", str(address))
    monkeypatch.setenv("WATCHDOG_USEC", "30000")
    may_go_on = threading.Event()

    class StallingSource(ListSource):
        calls = 0

        def read(self) -> Reading | None:
            self.calls += 1
            if self.calls == 100:
                may_go_on.wait(10)
            time.sleep(0.001)
            return super().read()

    agent = Agent(AgentSettings("a", tmp_path / "s"), StallingSource(rig_readings(50)), bundle)
    agent.start()
    thread = threading.Thread(target=agent.run, args=(threading.Event(),))
    thread.start()
    heard = [systemd.recv(100) for _ in range(3)]
    wait_until(lambda: agent.counters.samples >= 90 * 60, "stalled")
    systemd.settimeout(0.3)
    with pytest.raises(TimeoutError):
        for _ in range(1000):
            systemd.recv(100)
    may_go_on.set()
    systemd.settimeout(5)
    while (last := systemd.recv(100)) == b"WATCHDOG=1":
        pass
    thread.join(20)
    agent.close()
    systemd.close()

    assert heard[0] == b"READY=1" and heard[1] == b"WATCHDOG=1"
    assert last == b"STOPPING=1"
