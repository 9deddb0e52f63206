from __future__ import annotations

import getpass
import socket
import subprocess
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from contract.broker_address import BrokerAddress
from contract.identity import IdentityFolder
from edge_agent.errors import LinkError, VersionRefusedError
from edge_agent.mqtt import MESSAGE_S, MQTT5, MQTT311, MqttLink, Will
from edge_agent.settings import MqttSettings
from simulators.broker import EmbeddedBroker
from tests.conftest import require
from tests.edge_agent.wire import wait_until
from tools.servers.mosquitto import Mosquitto
from tools.servers.process import free_port
from tools.servers.programs import find_program

WILL = Will("test/will", b"gone")
Version = MQTTProtocolVersion
both_versions = pytest.mark.parametrize("version", [MQTT5, MQTT311], ids=["5", "3.1.1"])


def settings(port: int, username: str = "", password: str = "", will_delay_s: int = 0) -> MqttSettings:
    address = BrokerAddress("127.0.0.1", port, username, password)
    return MqttSettings(address, connect_timeout_s=2.0, will_delay_s=will_delay_s)


def connect(
    port: int, client_id: str, topic: str = "", version: Version = MQTT5, will_delay_s: int = 0
) -> MqttLink:
    will = Will("test/will", client_id.encode())
    link = MqttLink(settings(port, will_delay_s=will_delay_s), client_id, will, version)
    link.open()
    if topic:
        link.subscribe(topic)
    return link


def collect(link: MqttLink, count: int, timeout_s: float = 10.0) -> list[bytes]:
    arrived: list[bytes] = []

    def has_all() -> bool:
        arrived.extend(payload for _, payload in link.poll(0.05))
        return len(arrived) >= count

    wait_until(has_all, f"{count} messages", timeout_s)
    return arrived


@both_versions
def test_what_one_link_publishes_arrives_at_another_in_order(broker: Mosquitto, version: Version) -> None:
    receiver = connect(broker.port, "r", "test/data", version)
    sender = connect(broker.port, "s", version=version)
    payloads = [bytes([i]) * 2000 for i in range(200)]
    for payload in payloads:
        sender.publish("test/data", payload)
    assert sender.settle(10.0)

    assert collect(receiver, 200) == payloads
    sender.close()
    receiver.close()


@both_versions
def test_messages_that_arrive_while_waiting_are_not_lost(broker: Mosquitto, version: Version) -> None:
    link = connect(broker.port, "a", "test/echo", version)
    link.publish("test/echo", b"1")
    assert link.settle(5.0)
    time.sleep(0.1)
    link.subscribe("test/other")

    assert collect(link, 1) == [b"1"]
    link.close()


@both_versions
def test_an_abandoned_link_leaves_its_will_retained_and_a_closed_one_does_not(
    broker: Mosquitto, version: Version
) -> None:
    watcher = connect(broker.port, "w", "test/will", version)
    connect(broker.port, "polite", version=version).close()

    connect(broker.port, "rude", version=version).abandon()
    assert collect(watcher, 1) == [b"rude"]
    late = connect(broker.port, "late", "test/will", version)
    assert collect(late, 1) == [b"rude"]
    watcher.close()
    late.close()


def test_a_device_that_comes_back_soon_was_never_gone(broker: Mosquitto) -> None:
    watcher = connect(broker.port, "w", "test/will")
    connect(broker.port, "flapping", will_delay_s=1).abandon()
    back = connect(broker.port, "flapping", will_delay_s=1)
    connect(broker.port, "gone", will_delay_s=1).abandon()  # later, so its will would be the second

    assert collect(watcher, 1) == [b"gone"]
    back.close()
    watcher.close()


def test_the_broker_keeps_what_comes_for_a_device_that_is_away_for_a_moment(broker: Mosquitto) -> None:
    connect(broker.port, "device", "test/ack", will_delay_s=60).abandon()
    other = connect(broker.port, "other")
    other.publish("test/ack", b"stored")
    assert other.settle(5.0)

    back = connect(broker.port, "device", will_delay_s=60)
    assert collect(back, 1) == [b"stored"]
    back.close()
    other.close()


def test_a_copy_expires_and_what_is_retained_does_not(broker: Mosquitto) -> None:
    seen: list[paho.MQTTMessage] = []
    watcher = paho.Client(CallbackAPIVersion.VERSION2, client_id="w", protocol=MQTT5)
    watcher.on_connect = lambda client, *_: client.subscribe("test/#", 1)
    watcher.on_message = lambda _, __, message: seen.append(message)
    subscribed = threading.Event()
    watcher.on_subscribe = lambda *_: subscribed.set()
    watcher.connect("127.0.0.1", broker.port)
    watcher.loop_start()
    assert subscribed.wait(10)
    link = connect(broker.port, "a")
    link.publish("test/copy", b"1")
    link.publish("test/birth", b"2", retain=True)
    assert link.settle(5.0)
    wait_until(lambda: len(seen) == 2, "both")

    expiries = [getattr(each.properties, "MessageExpiryInterval", None) for each in seen]
    assert expiries[0] is not None and 0 < expiries[0] <= MESSAGE_S and expiries[1] is None
    link.close()
    watcher.disconnect()
    watcher.loop_stop()


def test_a_refused_message_says_so_and_why(broker: Mosquitto, tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic read #\n")
    broker.stop()
    broker.lines = (f"user {getpass.getuser()}", f"acl_file {rules}")
    broker.start()
    link = connect(broker.port, "a")
    link.publish("test/data", b"x")
    with pytest.raises(LinkError, match="refused a message: Not authorized; check its access rules"):
        link.settle(5.0)
    link.abandon()


def test_a_broker_that_says_goodbye_is_quoted() -> None:
    """Mosquitto 2.0.11 hangs up without a word, others do not."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(1024)
                peer.sendall(b"\x20\x03\x00\x00\x00" + b"\xe0\x02\x8b\x00")  # CONNACK, DISCONNECT

        thread = threading.Thread(target=answer)
        thread.start()
        link = MqttLink(settings(server.getsockname()[1]), "a", WILL)
        with pytest.raises(LinkError, match="ended the connection: Server shutting down"):
            link.open()
            link.poll(5.0)
        thread.join()
        link.abandon()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_broker_that_speaks_only_the_older_version_says_so() -> None:
    with EmbeddedBroker() as embedded:
        link = MqttLink(settings(embedded.port), "a", WILL)
        with pytest.raises(VersionRefusedError, match="does not speak MQTTv5"):
            link.open()
        link.abandon()
        older = connect(embedded.port, "a", "test/echo", MQTT311)
        older.publish("test/echo", b"x")
        assert collect(older, 1) == [b"x"]
        older.close()


def test_an_unreachable_broker_is_a_retriable_link_error() -> None:
    link = MqttLink(settings(free_port()), "a", WILL)
    with pytest.raises(LinkError, match=r"no connection to mqtt://127\.0\.0\.1:\d+: ") as failure:
        link.open()
    assert failure.value.retriable


def test_an_unknown_host_is_a_link_error() -> None:
    link = MqttLink(MqttSettings(BrokerAddress("no-such-host.invalid"), connect_timeout_s=2.0), "a", WILL)
    with pytest.raises(LinkError, match="no-such-host"):
        link.open()


def test_a_server_that_accepts_and_says_nothing_runs_into_the_timeout() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        address = BrokerAddress("127.0.0.1", mute.getsockname()[1])
        link = MqttLink(MqttSettings(address, connect_timeout_s=0.3), "a", WILL)
        with pytest.raises(LinkError, match="did not accept"):
            link.open()
        link.abandon()


def test_a_broker_that_dies_is_noticed(broker: Mosquitto) -> None:
    link = connect(broker.port, "a")
    broker.kill()
    with pytest.raises(LinkError):
        for _ in range(50):
            link.poll(0.1)
    with pytest.raises(LinkError):
        link.poll(0.0)
        link.publish("test/data", b"x")
        link.poll(0.0)
    link.abandon()


def test_a_server_that_speaks_no_mqtt_is_a_link_error() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        link = MqttLink(settings(server.getsockname()[1]), "a", WILL)
        server.settimeout(5)

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 50)
                time.sleep(0.5)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(LinkError):
            link.open()
        thread.join()
        link.abandon()


@pytest.mark.usefixtures("mosquitto")
def test_a_wrong_password_says_what_to_check() -> None:
    with Mosquitto(allows_anonymous=False) as refusing:
        link = MqttLink(settings(refusing.port, username="press", password="hunter2"), "a", WILL)
        with pytest.raises(LinkError, match=r"refused us.*check user, password") as failure:
            link.open()
        assert "hunter2" not in str(failure.value)
        link.abandon()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A throw-away certificate for localhost and its key."""
    openssl = find_program("openssl")
    require(openssl is not None, "openssl is not installed: apt-get install openssl")
    assert openssl is not None
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


# After a refused handshake paho leaves its socket to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.usefixtures("mosquitto")
def test_tls_carries_messages_and_refuses_a_broker_it_cannot_trust(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    identity = IdentityFolder(cert.parent / "identity")
    identity.path.mkdir()
    identity.pair.write_bytes(key.read_bytes() + cert.read_bytes())
    identity.trust.write_bytes(cert.read_bytes())
    lines = [f"cafile {cert}", f"certfile {cert}", f"keyfile {key}", "require_certificate true"]
    with Mosquitto(lines=[f"user {getpass.getuser()}", *lines]) as broker:
        trusting = MqttSettings(BrokerAddress("localhost", broker.port, is_tls=True), identity)
        link = MqttLink(trusting, "a", WILL)
        link.open()
        link.subscribe("test/echo")
        link.publish("test/echo", b"x" * 100_000)
        assert collect(link, 1) == [b"x" * 100_000]
        link.close()
        for distrusting in (
            MqttSettings(BrokerAddress("localhost", broker.port, is_tls=True)),
            MqttSettings(BrokerAddress("127.0.0.1", broker.port, is_tls=True), identity),
        ):
            stranger = MqttLink(distrusting, "b", WILL)
            with pytest.raises(LinkError, match="no connection"):
                stranger.open()
            stranger.abandon()
