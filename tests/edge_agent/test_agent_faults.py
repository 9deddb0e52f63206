from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contract.broker_address import BrokerAddress
from contract.bundle import Bundle, write_bundle
from contract.messages import (
    Death,
)
from contract.signals import Reading
from edge_agent.agent import Agent
from edge_agent.settings import AgentSettings, MqttSettings
from edge_agent.uplink import Uplink
from tests.edge_agent.rig import ListSource, alarms, rig_readings, stored
from tests.edge_agent.wire import Cloud, wait_until
from tools.servers.mosquitto import Mosquitto

BROKEN = range(60, 90)


def test_a_full_disk_does_not_stop_the_scoring(run_agent: Callable[..., Agent], tmp_path: Path) -> None:
    agent = run_agent(rig_readings(1200, broken=range(900, 930)), outbox_max_bytes=65_536)
    counters = agent.counters

    assert counters.windows == 1200
    assert counters.dropped["summary"] > 50
    assert "alarm" not in counters.dropped
    assert len(alarms(tmp_path / "state")) == 2
    assert len(stored(tmp_path / "state")) == sum(counters.messages.values()) - sum(counters.dropped.values())


def test_a_failing_database_does_not_stop_the_scoring(bundle: Bundle, tmp_path: Path) -> None:
    agent = Agent(AgentSettings("a", tmp_path), ListSource(rig_readings(60)), bundle)
    agent.start()
    blocker = sqlite3.connect(tmp_path / "outbox.sqlite", isolation_level=None)
    blocker.execute("DROP TABLE messages")
    agent.run(threading.Event())
    agent.close()
    blocker.close()

    assert agent.counters.windows == 60
    assert agent.counters.dropped == {"summary": 15, "status": 1}


def test_a_defect_in_the_uplink_does_not_stop_the_watch(
    bundle: Bundle,
    tmp_path: Path,
    broker: Mosquitto,
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
    mqtt = MqttSettings(BrokerAddress("127.0.0.1", broker.port))
    settings = AgentSettings("press-7", tmp_path, mqtt, min_backoff_s=0.1, max_backoff_s=0.5)
    agent = Agent(settings, ListSource(rig_readings(60)), bundle)
    agent.start()
    agent.run(threading.Event())
    wait_until(lambda: len(calls) == 2, "started again")
    agent.close()
    agent.close()

    assert agent.counters.acknowledged == sum(agent.counters.messages.values()) > 0
    assert "ZeroDivisionError" in caplog.text


def test_everything_reaches_the_cloud_exactly_once_in_effect(
    bundle: Bundle, tmp_path: Path, broker: Mosquitto, cloud: Cloud
) -> None:
    mqtt = MqttSettings(BrokerAddress("127.0.0.1", broker.port))
    settings = AgentSettings(
        "press-7", tmp_path, mqtt, ack_timeout_s=0.5, min_backoff_s=0.1, max_backoff_s=0.5, drain_s=10.0
    )
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
    from contract.broker_address import BrokerAddress
    from contract.bundle import read_bundle
    from edge_agent.agent import Agent
    from edge_agent.sensors import PacedSource
    from edge_agent.settings import AgentSettings, MqttSettings
    from tests.edge_agent.rig import ListSource, rig_readings

    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    mqtt = MqttSettings(BrokerAddress("127.0.0.1", port))
    settings = AgentSettings("press-7", folder / "state", mqtt, drain_s=3.0)
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
    bundle: Bundle, tmp_path: Path, broker: Mosquitto
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
