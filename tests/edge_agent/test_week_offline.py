"""A device that was offline for a week, in simulated time, against a real broker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contract.broker_address import BrokerAddress
from contract.codec import encode
from contract.messages import Alarm, AlarmTransition, Birth, Body, Kind, MachineState, Message, ScoreSummary
from contract.profiles import format_profile, load_profile
from edge_agent.outbox import Outbox, OutboxEntry, OutboxLimits
from edge_agent.settings import AgentSettings, MqttSettings
from edge_agent.uplink import Presence, Uplink
from tests.edge_agent.wire import Cloud, wait_until
from tools.servers.mosquitto import Mosquitto

START = datetime(2026, 3, 4, tzinfo=UTC)
SUMMARY = ScoreSummary(600.0, MachineState.WATCHING, 10, 10)
EVERY_S = 600.0
WEEK_S = 7 * 86_400.0
RATE = 2.0
STEP_S = 0.25
INFLIGHT = 16


class Clock:
    """Goes on by a step each time the uplink looks."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += STEP_S
        return self.now_s


class Device:
    def __init__(self, folder: Path, port: int) -> None:
        self.clock = Clock()
        mqtt = MqttSettings(BrokerAddress("127.0.0.1", port))
        settings = AgentSettings("press-7", folder, mqtt, inflight_limit=INFLIGHT, replay_per_s=RATE)
        self.outbox = Outbox(folder / "o.sqlite", OutboxLimits(10_000_000, 1e9), lambda: self.clock.now_s)
        presence = Presence(
            "press-7", 1, Birth("1", format_profile(load_profile("pump"))), "m", lambda: START
        )
        self.uplink = Uplink(settings, mqtt, self.outbox, presence, clock=self.clock)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.uplink.run, args=(self.stop,), daemon=True)
        self.sequence = 0

    def add(self, body: Body) -> int:
        self.sequence += 1
        when = START + timedelta(seconds=self.clock.now_s)
        message = Message("press-7", 1, self.sequence, when, body, "m")
        assert self.outbox.add(OutboxEntry(1, self.sequence, message.kind, encode(message)))
        return self.sequence

    def alarm(self, alarm_id: int, transition: AlarmTransition) -> int:
        return self.add(Alarm(alarm_id, transition, 0.9, 0.5, START))

    def close(self) -> None:
        self.stop.set()
        self.thread.join(30)
        assert not self.thread.is_alive()
        self.outbox.close()


@pytest.fixture
def device(tmp_path: Path, broker: Mosquitto) -> Iterator[Device]:
    device = Device(tmp_path, broker.port)
    yield device
    device.close()


def wait_for(cloud: Cloud, count: int) -> None:
    wait_until(lambda: len(set(cloud.sequences())) >= count, f"{count} messages")


def wait_for_message(cloud: Cloud, sequence: int) -> list[int]:
    wait_until(lambda: sequence in cloud.sequences(), f"message {sequence}")
    return cloud.sequences()


def test_a_week_is_replayed_in_order_and_at_its_rate_while_live_messages_pass_it(
    device: Device, cloud: Cloud
) -> None:
    old_alarms = []
    while device.clock.now_s < WEEK_S:
        device.clock.now_s += EVERY_S
        device.add(SUMMARY)
        if device.sequence % 100 == 50:
            alarm_id = device.sequence
            old_alarms += [device.alarm(alarm_id, transition) for transition in AlarmTransition]
    device.clock.now_s += EVERY_S
    backlog, began_s = device.sequence, device.clock.now_s

    device.thread.start()
    overtaken: list[int] = []
    for i in range(20):
        wait_for(cloud, 40 * i)
        before = len(cloud.sequences())
        live = device.alarm(7, AlarmTransition.RAISED) if i == 10 else device.add(SUMMARY)
        arrived = wait_for_message(cloud, live)
        overtaken.append(sum(s <= backlog for s in arrived[before : arrived.index(live)]))
    wait_until(lambda: device.outbox.depth == 0, "all acknowledged", timeout_s=60.0)

    arrived = cloud.sequences()
    assert sorted(arrived) == list(range(1, device.sequence + 1)), "each once: nothing was lost on the way"
    old = [s for s in arrived if s <= backlog]
    assert old == old_alarms + [s for s in range(1, backlog + 1) if s not in old_alarms]
    assert [s for s in arrived if s > backlog] == list(range(backlog + 1, device.sequence + 1))
    assert backlog <= RATE * (device.clock.now_s - began_s), "no faster than its rate"
    assert max(overtaken) <= 2 * INFLIGHT // 4, "a live message waits for what is on its way and nothing else"
    assert [m.sequence for m in cloud.of_kind(Kind.ALARM)][: len(old_alarms)] == old_alarms


def test_a_flapping_link_does_not_raise_the_rate(device: Device, cloud: Cloud, broker: Mosquitto) -> None:
    while device.clock.now_s < WEEK_S / 20:
        device.clock.now_s += EVERY_S
        device.add(SUMMARY)
    device.clock.now_s += EVERY_S
    began_s = device.clock.now_s
    device.thread.start()
    for i in (1, 2, 3):
        wait_for(cloud, 10 * i)
        broker.kill()
        broker.start()
    wait_until(lambda: device.outbox.depth == 0, "all acknowledged")

    assert set(cloud.sequences()) == set(range(1, device.sequence + 1))
    assert device.uplink.counters.published <= RATE * (device.clock.now_s - began_s)
