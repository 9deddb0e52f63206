from __future__ import annotations

import dataclasses
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract.broker_address import BrokerAddress
from contract.codec import encode
from contract.messages import Alarm, AlarmTransition, Birth, Death, Kind, MachineState, Message, ScoreSummary
from contract.profiles import format_profile, load_profile
from edge_agent.outbox import Outbox, OutboxEntry, OutboxLimits
from edge_agent.settings import AgentSettings, MqttSettings
from edge_agent.uplink import Presence, Uplink
from simulators.broker import EmbeddedBroker
from tests.edge_agent.wire import Cloud, wait_until
from tools.servers.mosquitto import Mosquitto

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
BIRTH = Birth("1.0", format_profile(load_profile("pump")))
SUMMARY = ScoreSummary(60.0, MachineState.WATCHING, 10, 10)
ALARM = Alarm(9, AlarmTransition.RAISED, 0.9, 0.5, NOW)


class Device:
    """An outbox and its uplink thread, without a machine."""

    def __init__(self, folder: Path, port: int, boot_id: int = 100, **changes: object) -> None:
        settings = AgentSettings(
            "press-7",
            folder,
            MqttSettings(BrokerAddress("127.0.0.1", port), connect_timeout_s=3.0),
            ack_timeout_s=0.4,
            max_ack_timeout_s=1.6,
            min_backoff_s=0.05,
            max_backoff_s=0.3,
            drain_s=5.0,
        )
        settings = dataclasses.replace(settings, **changes)  # type: ignore[arg-type]
        assert settings.mqtt is not None
        self.boot_id = boot_id
        self.sequence = 0
        self.outbox = Outbox(folder / "outbox.sqlite", OutboxLimits(10_000_000, 1e9))
        presence = Presence("press-7", boot_id, BIRTH, "m-1", lambda: NOW)
        self.uplink = Uplink(settings, settings.mqtt, self.outbox, presence)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.uplink.run, args=(self.stop,), daemon=True)

    def start(self) -> Device:
        self.thread.start()
        return self

    def add(self, count: int = 1, body: ScoreSummary | Alarm = SUMMARY) -> None:
        for _ in range(count):
            self.sequence += 1
            message = Message("press-7", self.boot_id, self.sequence, NOW, body, "m-1")
            assert self.outbox.add(OutboxEntry(self.boot_id, self.sequence, message.kind, encode(message)))

    def is_empty(self) -> bool:
        return self.outbox.depth == 0

    def has_settled(self, count: int) -> bool:
        """Whether so many left the outbox by acknowledgement; the counters follow the outbox by a moment."""
        return self.is_empty() and self.uplink.counters.acknowledged + self.uplink.counters.rejected == count

    def close(self) -> None:
        self.stop.set()
        if self.thread.ident is not None:
            self.thread.join(30)
            assert not self.thread.is_alive()
        self.outbox.close()


DeviceFactory = Callable[..., Device]


@pytest.fixture
def build_device(tmp_path: Path, broker: Mosquitto) -> Iterator[DeviceFactory]:
    built: list[Device] = []

    def build(**changes: object) -> Device:
        built.append(Device(tmp_path, broker.port, **changes))  # type: ignore[arg-type]
        return built[-1]

    yield build
    for device in built:
        device.close()


def test_everything_arrives_and_leaves_the_outbox_when_acknowledged(
    build_device: DeviceFactory, cloud: Cloud
) -> None:
    device = build_device().start()
    device.add(300)
    wait_until(lambda: device.has_settled(300), "all acknowledged")

    assert set(cloud.sequences()) == set(range(1, 301))
    assert device.outbox.drops == {}


def test_nothing_leaves_while_the_cloud_is_silent_and_all_of_it_once_it_speaks(
    build_device: DeviceFactory, cloud: Cloud
) -> None:
    cloud.is_silent = True
    device = build_device(inflight_limit=16).start()
    device.add(40)
    wait_until(
        lambda: (
            Counter(cloud.sequences()).most_common(1)[:1] and max(Counter(cloud.sequences()).values()) >= 3
        ),
        "resent",
    )

    assert device.outbox.depth == 40, "the broker's PUBACK removes nothing"
    assert len(set(cloud.sequences())) <= 8, "half of the in-flight limit; the rest is for alarms and backlog"
    cloud.is_silent = False
    wait_until(device.is_empty, "outbox empty")
    assert set(cloud.sequences()) == set(range(1, 41))


def test_alarms_get_through_a_full_window(build_device: DeviceFactory, cloud: Cloud) -> None:
    cloud.is_silent = True
    device = build_device(inflight_limit=8, drain_s=0.1).start()
    device.add(30)
    wait_until(lambda: len(set(cloud.sequences())) == 4, "window full")
    device.add(1, ALARM)

    wait_until(lambda: cloud.of_kind(Kind.ALARM), "alarm arrives")


def test_a_broker_killed_in_the_middle_loses_nothing(
    build_device: DeviceFactory, cloud: Cloud, broker: Mosquitto
) -> None:
    device = build_device().start()
    device.add(50)
    wait_until(lambda: len(cloud.sequences()) >= 20, "some arrived")
    broker.kill()
    device.add(100)
    time.sleep(0.3)
    assert device.outbox.depth >= 100
    broker.start()
    device.add(50)
    wait_until(lambda: device.has_settled(200), "all acknowledged")

    assert set(cloud.sequences()) == set(range(1, 201))
    assert device.uplink.counters.connects >= 2


def test_a_device_that_starts_before_its_broker_connects_later(
    build_device: DeviceFactory, broker: Mosquitto, open_cloud: Callable[[], Cloud]
) -> None:
    broker.kill()
    device = build_device().start()
    device.add(5)
    time.sleep(0.3)
    broker.start()
    open_cloud()

    wait_until(device.is_empty, "outbox empty")


def test_acknowledged_twice_or_never_sent_is_no_harm(build_device: DeviceFactory, cloud: Cloud) -> None:
    device = build_device().start()
    device.add(10)
    wait_until(device.is_empty, "outbox empty")
    cloud.acknowledge_all()
    cloud.acknowledge(Message("press-7", 555, 99, NOW, SUMMARY))
    device.add(10)
    wait_until(lambda: device.has_settled(20), "all acknowledged, each counted once")


def test_rejected_messages_leave_and_are_counted(
    build_device: DeviceFactory, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.reject = {3, 5}
    device = build_device().start()
    device.add(8)
    wait_until(lambda: device.has_settled(8), "all settled")

    assert (device.uplink.counters.acknowledged, device.uplink.counters.rejected) == (6, 2)
    assert "refused" in caplog.text


def test_malformed_acknowledgements_are_counted_and_ignored(
    build_device: DeviceFactory, cloud: Cloud
) -> None:
    cloud.is_silent = True
    device = build_device().start()
    device.add(3)
    wait_until(lambda: len(cloud.sequences()) >= 3, "arrived")
    for garbage in (b"", b"\xff" * 40, b"{}", encode(cloud.messages[0])):
        cloud.say("press-7", garbage)
    wait_until(lambda: device.uplink.counters.malformed_acks >= 3, "counted")
    assert device.outbox.depth == 3

    cloud.is_silent = False
    wait_until(device.is_empty, "outbox empty")


def test_messages_of_earlier_boots_are_sent_without_starving_the_present(
    build_device: DeviceFactory, cloud: Cloud
) -> None:
    earlier = build_device(boot_id=1)
    earlier.add(400)
    earlier.close()
    cloud.is_silent = True
    device = build_device(boot_id=2, inflight_limit=16, replay_per_s=1000.0)
    device.add(4)
    device.start()
    wait_until(lambda: set(cloud.sequences(2)) == {1, 2, 3, 4}, "the present arrives first")
    wait_until(lambda: set(cloud.sequences(1)) == {1, 2, 3, 4}, "the past has slots of its own")

    cloud.is_silent = False
    wait_until(device.is_empty, "outbox empty")
    assert set(cloud.sequences(1)) == set(range(1, 401))


def test_who_has_another_model_says_so_at_once(build_device: DeviceFactory, cloud: Cloud) -> None:
    device = build_device().start()
    wait_until(lambda: cloud.presence, "birth")
    device.uplink.introduce(Presence("press-7", 100, BIRTH, "m-2", lambda: NOW))
    wait_until(lambda: [m.model_version for m, _ in cloud.presence] == ["m-1", "m-2"], "the second birth")
    device.close()


def test_birth_is_retained_and_comes_on_every_connect(
    build_device: DeviceFactory, cloud: Cloud, broker: Mosquitto, open_cloud: Callable[[], Cloud]
) -> None:
    device = build_device().start()
    wait_until(lambda: cloud.presence, "birth")
    birth, is_retained = cloud.presence[0]
    assert (birth.body, birth.boot_id, birth.sequence, birth.model_version) == (BIRTH, 100, 0, "m-1")
    assert not is_retained, "live"
    late = open_cloud()
    wait_until(lambda: [m.body for m, retained in late.presence if retained] == [BIRTH], "retained birth")
    broker.kill()
    broker.start()
    wait_until(lambda: len([m for m, _ in cloud.presence if m.kind is Kind.BIRTH]) >= 2, "born again")
    device.close()


def test_a_clean_stop_says_so(
    build_device: DeviceFactory, cloud: Cloud, open_cloud: Callable[[], Cloud]
) -> None:
    device = build_device().start()
    wait_until(lambda: cloud.presence, "birth")
    device.close()

    wait_until(lambda: cloud.presence[-1][0].body == Death("stopped"), "death")
    time.sleep(0.2)
    assert len(cloud.presence) == 2, "no will after a goodbye"
    late = open_cloud()
    wait_until(lambda: any(m.body == Death("stopped") and r for m, r in late.presence), "retained death")


def test_a_clean_stop_waits_for_acknowledgements(build_device: DeviceFactory, cloud: Cloud) -> None:
    device = build_device()
    device.add(200)
    device.start()
    device.stop.set()
    device.thread.join(20)

    assert device.is_empty()
    assert set(cloud.sequences()) == set(range(1, 201))


def test_a_clean_stop_leaves_the_rest_for_the_next_start(build_device: DeviceFactory, cloud: Cloud) -> None:
    cloud.is_silent = True
    device = build_device(boot_id=1, drain_s=0.3).start()
    device.add(5)
    wait_until(lambda: len(set(cloud.sequences())) == 5, "arrived")
    started = time.monotonic()
    device.close()
    assert time.monotonic() - started < 10
    cloud.is_silent = False
    again = build_device(boot_id=2, replay_per_s=1000.0).start()
    assert again.outbox.depth == 5

    wait_until(again.is_empty, "outbox empty")


def test_a_stop_without_a_broker_ends_after_the_drain(build_device: DeviceFactory, broker: Mosquitto) -> None:
    broker.kill()
    device = build_device(drain_s=0.3, max_backoff_s=30.0, min_backoff_s=20.0).start()
    device.add(2)
    device.stop.set()
    device.thread.join(15)

    assert not device.thread.is_alive()
    assert device.outbox.depth == 2


def test_a_broker_that_accepts_and_closes_is_not_hammered(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.1)
        device = Device(tmp_path, server.getsockname()[1], min_backoff_s=0.2, max_backoff_s=5.0, drain_s=0.0)
        device.start()
        attempts, until = 0, time.monotonic() + 2.0
        while time.monotonic() < until:
            try:
                peer, _ = server.accept()
            except TimeoutError:
                continue
            attempts += 1
            peer.close()
        device.close()

    assert 1 <= attempts < 40


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_broker_of_an_older_mqtt_serves_as_well(tmp_path: Path) -> None:
    with EmbeddedBroker() as embedded:
        cloud = Cloud(embedded.port)
        device = Device(tmp_path, embedded.port).start()
        device.add(50)
        wait_until(lambda: device.has_settled(50), "all acknowledged")

        assert set(cloud.sequences()) == set(range(1, 51))
        assert device.uplink.counters.connects == 1
        device.close()
        cloud.close()
