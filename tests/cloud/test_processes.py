"""The cloud as processes: killed, restarted, told to stop, and fed with rubbish through a real broker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import secrets
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cloud.acks import Key
from cloud.settings import CloudSettings, sqlite_url
from cloud.sqlite_stream import SqliteStream
from cloud.store import queries
from cloud.store.database import open_database
from cloud.store.rows import MessageCounts
from cloud.stream import MESSAGES
from contract.codec import decode, decode_ack
from tests.cloud.malformed import malformed_payloads
from tests.cloud.samples import alarm, birth, deliver, summary
from tools.servers.mosquitto import Mosquitto

WAIT_S = 60.0
pytestmark = pytest.mark.slow


@dataclass
class CloudProcess:
    """`python -m cloud …` with its log lines."""

    process: subprocess.Popen[str]
    lines: queue.Queue[dict[str, object]] = field(default_factory=queue.Queue)
    seen: list[dict[str, object]] = field(default_factory=list)

    def read(self, stream: IO[str]) -> None:
        for line in stream:
            self.lines.put(json.loads(line) if line.startswith("{") else {"message": line})

    def wait_for(self, message: str) -> dict[str, object]:
        deadline_s = time.monotonic() + WAIT_S
        while time.monotonic() < deadline_s:
            with contextlib.suppress(queue.Empty):
                line = self.lines.get(timeout=0.2)
                self.seen.append(line)
                if line["message"] == message:
                    return line
        raise AssertionError(f"no line {message!r} in {self.seen}")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(WAIT_S)


Start = Callable[..., CloudProcess]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def start(data: Path, broker: Mosquitto) -> Iterator[Start]:
    started: list[tuple[CloudProcess, threading.Thread]] = []

    def run(command: str, *more: str) -> CloudProcess:
        told = {"INDUSTRIALGUARD_CLOUD_DATA": str(data), "INDUSTRIALGUARD_MQTT": broker.url}
        child = subprocess.Popen(
            [sys.executable, "-m", "cloud", command, *more],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **told, "PYTHONUNBUFFERED": "1"},
        )
        assert child.stderr is not None
        cloud = CloudProcess(child)
        reader = threading.Thread(target=cloud.read, args=(child.stderr,))
        reader.start()
        started.append((cloud, reader))
        return cloud

    yield run
    for cloud, reader in started:
        cloud.process.kill()
        cloud.process.wait()
        reader.join()
        assert cloud.process.stderr is not None
        cloud.process.stderr.close()


class Fleet:
    """Devices behind one connection: publish, and note what the cloud acknowledged."""

    def __init__(self, port: int) -> None:
        self.stored: set[Key] = set()
        self.rejected: set[Key] = set()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "fleet")
        self._client.on_message = self._on_ack
        self._client.max_inflight_messages_set(2000)
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("ig/v1/+/down/ack", 1)
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_ack(self, _: paho.Client, __: object, message: paho.MQTTMessage) -> None:
        device = message.topic.split("/")[2]
        for boot in decode_ack(bytes(message.payload)).boots:
            self.stored |= {(device, boot.boot_id, s) for s in boot.stored}
            self.rejected |= {(device, boot.boot_id, s) for s in boot.rejected}


@pytest.fixture
def fleet(broker: Mosquitto) -> Iterator[Fleet]:
    fleet = Fleet(broker.port)
    yield fleet
    fleet.close()


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.02)


def page_address(cloud: CloudProcess) -> str:
    """Of a process with several parts, each of which says when it is ready."""
    while not (address := str(cloud.wait_for("ready")["address"])).startswith("http"):
        pass
    return address


def appended(data: Path) -> int:
    """Records in the stream's file, counted from outside."""
    with contextlib.closing(sqlite3.connect(f"file:{data}/stream.db?mode=ro", uri=True)) as log:
        return int(log.execute("SELECT count(*) FROM record").fetchone()[0])


def counts(store: Path | str) -> MessageCounts:
    """Of the store at a URL, or of the one in a data folder."""
    database = open_database(store if isinstance(store, str) else sqlite_url(store / "store.db"))
    with database.session() as session:
        found = queries.message_counts(session)
    database.close()
    return found


def test_an_ingest_that_is_killed_loses_nothing(
    start: Start, broker: Mosquitto, fleet: Fleet, data: Path
) -> None:
    """What MQTT was acknowledged for is in the stream; what was not comes again to the next ingest."""
    sent = [deliver(summary(n // 20 + 1, f"press-{n % 20}")) for n in range(2000)]
    for _ in range(2):
        ingest = start("ingest")
        ingest.wait_for("ready")
        before = appended(data)
        for delivery in sent[:1000]:
            fleet.publish(delivery.topic, delivery.payload)
        del sent[:1000]
        until(lambda before=before: appended(data) > before + 100)  # type: ignore[misc]
        assert ingest.end(signal.SIGKILL) == -signal.SIGKILL
    last = start("ingest")
    last.wait_for("ready")

    async def stored_keys() -> set[Key]:
        stream = SqliteStream(CloudSettings(data).sqlite_stream)
        consumer = await stream.subscribe(MESSAGES, "check")
        keys: set[Key] = set()
        idle = 0
        while len(keys) < 2000 and idle < 100:
            records = await consumer.poll(500, 0.1)
            idle = 0 if records else idle + 1
            keys |= {(m.device_id, m.boot_id, m.sequence) for m in (decode(r.value) for r in records)}
        await stream.close()
        return keys

    assert len(asyncio.run(stored_keys())) == 2000
    assert last.end() == 0


def test_the_whole_road_survives_a_killed_sink(start: Start, fleet: Fleet, data: Path) -> None:
    ingest = start("ingest")
    ingest.wait_for("ready")
    serve = start("serve", "--http", "127.0.0.1:0")
    serve.wait_for("ready")
    sent = [summary(n // 10 + 1, f"press-{n % 10}") for n in range(2000)]
    for message in sent:
        delivery = deliver(message)
        fleet.publish(delivery.topic, delivery.payload)
    until(lambda: len(fleet.stored) > 200)
    assert serve.end(signal.SIGKILL) == -signal.SIGKILL
    at_kill = set(fleet.stored)
    again = start("serve", "--http", "127.0.0.1:0")
    again.wait_for("ready")
    until(lambda: counts(data).total.stored == 2000)
    assert at_kill <= fleet.stored
    assert again.end() == 0
    assert ingest.end() == 0
    found = counts(data)
    assert (found.total.stored, found.total.duplicated) == (2000, 0)
    assert {c.stored for c in found.devices.values()} == {200}


def test_the_whole_road_through_kafka_and_postgresql(
    start: Start, fleet: Fleet, kafka: str, postgresql_database: str
) -> None:
    places = ("--stream", f"kafka://{kafka}/{secrets.token_hex(4)}", "--store", postgresql_database)
    ingest = start("ingest", *places)
    serve = start("serve", "--http", "127.0.0.1:0", *places)
    ingest.wait_for("ready")
    serve.wait_for("ready")
    for n in range(1000):
        delivery = deliver(summary(n // 10 + 1, f"press-{n % 10}"))
        fleet.publish(delivery.topic, delivery.payload)
    fleet.publish("ig/v1/noisy/up/summary", b"rubbish")
    until(lambda: len(fleet.stored) > 100)
    assert serve.end(signal.SIGKILL) == -signal.SIGKILL
    at_kill = set(fleet.stored)
    again = start("serve", "--http", "127.0.0.1:0", *places)
    again.wait_for("ready")
    until(lambda: counts(postgresql_database).total.stored == 1000)
    until(lambda: counts(postgresql_database).total.dead_lettered == 1)
    assert again.end() == 0
    assert ingest.end() == 0
    assert at_kill <= fleet.stored
    assert counts(postgresql_database).total.duplicated == 0
    said = [str(line) for cloud in (ingest, serve, again) for line in cloud.seen]
    assert not any(password_of(postgresql_database) in line for line in said)


def password_of(url: str) -> str:
    """The password in a URL."""
    return url.partition("://")[2].partition("@")[0].partition(":")[2]


def test_rubbish_through_a_real_broker(start: Start, fleet: Fleet, data: Path) -> None:
    cloud = start("all", "--http", "127.0.0.1:0")
    address = page_address(cloud)
    good = [deliver(summary(n)) for n in range(1, 101)] + [deliver(alarm(101, 7)), deliver(birth())]
    for n, payload in enumerate(malformed_payloads(600, seed=3)):
        fleet.publish("ig/v1/noisy/up/summary", payload)
        if n % 6 == 0 and good:
            delivery = good.pop(0)
            fleet.publish(delivery.topic, delivery.payload)
    for delivery in good:
        fleet.publish(delivery.topic, delivery.payload)
    fleet.publish("ig/v1/noisy/up/summary", deliver(summary(55)).payload)  # a lie
    until(lambda: len(fleet.stored) == 101)
    until(lambda: counts(data).total.dead_lettered == 601)
    assert counts(data).total.stored == 101
    assert {device for device, _, _ in fleet.rejected} == {"noisy"}
    with urllib.request.urlopen(f"{address}/api/v1/openapi.json", timeout=10) as answer:
        assert answer.status == 200
    assert cloud.end() == 0


def test_a_restarted_broker_is_found_again(start: Start, broker: Mosquitto, data: Path) -> None:
    ingest = start("ingest")
    ingest.wait_for("ready")
    broker.stop()
    ingest.wait_for("no connection to the broker")
    broker.start()
    ingest.wait_for("connected to the broker")
    fleet = Fleet(broker.port)
    delivery = deliver(summary(1))
    fleet.publish(delivery.topic, delivery.payload)
    until(lambda: appended(data) == 1)
    fleet.close()
    assert ingest.end(signal.SIGINT) == 0
    stopped = ingest.wait_for("ingest stopped")
    assert (stopped["accepted"], stopped["dead_lettered"]) == (1, 0)


def test_a_second_sink_on_the_same_data_is_refused(start: Start) -> None:
    first = start("serve", "--http", "127.0.0.1:0")
    address = page_address(first)
    second = start("serve", "--http", "127.0.0.1:0")
    assert second.process.wait(WAIT_S) == 1
    assert "another process consumes" in str(second.lines.queue[-1]["message"])
    third = start("serve", "--http", address.removeprefix("http://"))
    assert third.process.wait(WAIT_S) == 2
    assert "choose another with --http" in str(third.lines.queue[-1]["message"])
    assert first.end() == 0
