"""The embedded broker keeps sessions, retained messages and wills, and listens on loopback only."""

import contextlib
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from contract.errors import ConfigError
from simulators import broker as broker_module
from simulators.broker import READY_LINE, BrokerError, EmbeddedBroker, broker_command, find_mosquitto, main

TIMEOUT_S = 15.0
Message = mqtt.MQTTMessage


class Client:
    """A paho client that keeps its session, collects what arrives and acknowledges by hand when asked to."""

    def __init__(self, client_id: str, port: int, *, acknowledges: bool = True, will: str = "") -> None:
        self.inbox: queue.Queue[Message] = queue.Queue()
        self._connected = threading.Event()
        self._subscribed = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, manual_ack=True
        )
        self._client.on_connect = lambda *_: self._connected.set()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _, __, message: self._take(message, acknowledges)
        if will:
            self._client.will_set(will, b"gone", qos=1, retain=True)
        self._client.connect("127.0.0.1", port, keepalive=30)
        self._client.loop_start()
        assert self._connected.wait(TIMEOUT_S)

    def _take(self, message: Message, acknowledges: bool) -> None:
        self.inbox.put(message)
        if acknowledges:
            self._client.ack(message.mid, message.qos)

    def subscribe(self, topic: str) -> None:
        self._subscribed.clear()
        self._client.subscribe(topic, qos=1)
        assert self._subscribed.wait(TIMEOUT_S)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(TIMEOUT_S)

    def receive(self, count: int) -> list[Message]:
        return [self.inbox.get(timeout=TIMEOUT_S) for _ in range(count)]

    def disconnect(self) -> None:
        """Say goodbye, as a clean stop does."""
        self._client.disconnect()
        self._client.loop_stop()

    def vanish(self) -> None:
        """Close the socket without a word, as a power cut does."""
        self._client.loop_stop()
        connection = self._client.socket()
        assert connection is not None
        connection.close()
        self._client.loop_misc()


Connect = Callable[..., Client]


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture
def connect(broker: EmbeddedBroker) -> Iterator[Connect]:
    opened: list[Client] = []

    def open_client(client_id: str, **options: object) -> Client:
        client = Client(client_id, broker.port, **options)  # type: ignore[arg-type]
        opened.append(client)
        return client

    yield open_client
    for client in opened:
        client.disconnect()


def payloads(messages: list[Message]) -> list[bytes]:
    return [bytes(message.payload) for message in messages]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_messages_arrive_in_order(connect: Connect) -> None:
    ingest, device = connect("ingest"), connect("device")
    ingest.subscribe("ig/#")
    sent = [str(number).encode() for number in range(300)]
    for payload in sent:
        device.publish("ig/pump-01/data", payload)
    assert payloads(ingest.receive(300)) == sent


def test_a_session_keeps_messages_for_a_subscriber_that_is_away(connect: Connect) -> None:
    ingest, device = connect("ingest"), connect("device")
    ingest.subscribe("ig/#")
    ingest.disconnect()
    time.sleep(1.5)  # the broker tidies sessions once a second; this one must survive it
    sent = [str(number).encode() for number in range(250)]
    for payload in sent:
        device.publish("ig/a", payload)
    received = connect("ingest").receive(250)
    assert payloads(received) == sent
    assert not any(message.retain for message in received)


def test_messages_not_acknowledged_come_again_after_a_lost_connection(connect: Connect) -> None:
    ingest, device = connect("ingest", acknowledges=False), connect("device")
    ingest.subscribe("ig/#")
    sent = [str(number).encode() for number in range(20)]
    for payload in sent:
        device.publish("ig/a", payload)
    ingest.receive(20)
    ingest.vanish()
    assert sorted(payloads(connect("ingest").receive(20))) == sorted(sent)


def test_a_session_taken_over_by_a_new_connection_keeps_its_messages(connect: Connect) -> None:
    ingest, device = connect("ingest", acknowledges=False), connect("device")
    ingest.subscribe("ig/#")
    device.publish("ig/a", b"1")
    ingest.receive(1)
    ingest._client.loop_stop()  # the socket stays open: the broker has not noticed yet
    assert payloads(connect("ingest").receive(1)) == [b"1"]


def test_a_retained_message_reaches_whoever_subscribes_later(connect: Connect) -> None:
    device = connect("device")
    device.publish("ig/pump-01/birth", b"old", retain=True)
    device.publish("ig/pump-01/birth", b"new", retain=True)
    page = connect("page")
    page.subscribe("ig/+/birth")
    (birth,) = page.receive(1)
    assert (birth.payload, birth.retain) == (b"new", True)


def test_an_empty_retained_message_clears_the_topic(connect: Connect) -> None:
    device, page = connect("device"), connect("page")
    device.publish("ig/a/birth", b"here", retain=True)
    device.publish("ig/a/birth", b"", retain=True)
    device.publish("ig/b/birth", b"here", retain=True)
    page.subscribe("ig/+/birth")
    assert page.receive(1)[0].topic == "ig/b/birth"


def test_a_will_is_published_and_retained_when_a_device_vanishes(connect: Connect) -> None:
    ingest = connect("ingest")
    ingest.subscribe("ig/#")
    device = connect("device", will="ig/pump-01/death")
    device.vanish()
    assert ingest.receive(1)[0].payload == b"gone"
    late = connect("late")
    late.subscribe("ig/#")
    assert late.receive(1)[0].retain


def test_no_will_is_published_after_a_goodbye(connect: Connect) -> None:
    ingest = connect("ingest")
    ingest.subscribe("ig/#")
    connect("device", will="ig/pump-01/death").disconnect()
    connect("other").publish("ig/mark", b"mark")
    assert ingest.receive(1)[0].topic == "ig/mark"


def test_a_device_that_comes_back_gets_no_retained_messages_of_others(connect: Connect) -> None:
    ingest, device = connect("ingest"), connect("device")
    ingest.subscribe("ig/+/birth")
    device.subscribe("ig/device/ack")
    device.publish("ig/device/birth", b"here", retain=True)
    ingest.receive(1)
    device.disconnect()
    back = connect("device")
    ingest.publish("ig/device/ack", b"7")
    assert payloads(back.receive(1)) == [b"7"]


def test_a_restarted_broker_starts_empty_on_the_same_port() -> None:
    first = EmbeddedBroker()
    first.start()
    device = Client("device", first.port)
    device.publish("ig/a/birth", b"here", retain=True)
    device.disconnect()
    first.stop()
    first.stop()
    with EmbeddedBroker(port=first.port) as second:
        page, device = Client("page", second.port), Client("device", second.port)
        page.subscribe("ig/#")
        device.publish("ig/a/data", b"1")
        assert payloads(page.receive(1)) == [b"1"]
        page.disconnect()
        device.disconnect()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "localhost", "example.org", ""])
def test_a_broker_that_admits_everybody_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1 only"):
        EmbeddedBroker(host)


def test_a_taken_port_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=f"{port}.*choose another --port"):
            EmbeddedBroker(port=port).start()
        assert main(["--port", str(port)]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("broker: the broker cannot listen")


@contextlib.contextmanager
def child(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


def test_the_child_process_says_when_it_is_ready_and_stops_on_sigterm(tmp_path: Path) -> None:
    command = broker_command(0, tmp_path)
    assert command[:3] == [sys.executable, "-m", "simulators.broker"]
    with child(command) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(READY_LINE)
        port = int(line.rsplit(":", 1)[1])
        client = Client("device", port)
        client.publish("ig/a", b"1")
        client.disconnect()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0
        assert errors == ""


def test_mosquitto_keeps_sessions_too(tmp_path: Path, mosquitto: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = broker_command(port, tmp_path, "mosquitto")
    assert command[0] == find_mosquitto() == mosquitto
    with child(command):
        wait_until(lambda: accepts(port))
        ingest, device = Client("ingest", port), Client("device", port)
        ingest.subscribe("ig/#")
        ingest.disconnect()
        sent = [str(number).encode() for number in range(1500)]
        for payload in sent:
            device.publish("ig/a", payload)
        device.disconnect()
        back = Client("ingest", port)
        assert payloads(back.receive(1500)) == sent
        back.disconnect()


def test_the_embedded_broker_takes_over_where_mosquitto_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "find_mosquitto", lambda: None)
    assert "simulators.broker" in broker_command(1883, tmp_path, "auto")
    with pytest.raises(ConfigError, match="not installed"):
        broker_command(1883, tmp_path, "mosquitto")
    with pytest.raises(ConfigError, match="choose embedded"):
        broker_command(1883, tmp_path, "emqx")
