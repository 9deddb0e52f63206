from __future__ import annotations

import getpass
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from contract.broker_address import BrokerAddress
from edge_agent.errors import LinkError
from edge_agent.mqtt import MqttLink, Will
from edge_agent.settings import MqttSettings
from tests.conftest import require
from tests.edge_agent.wire import wait_until
from tools.servers.mosquitto import Mosquitto
from tools.servers.process import free_port
from tools.servers.programs import find_program

WILL = Will("test/will", b"gone")


def settings(port: int, username: str = "", password: str = "") -> MqttSettings:
    return MqttSettings(BrokerAddress("127.0.0.1", port, username, password), connect_timeout_s=2.0)


def connect(port: int, client_id: str, topic: str = "") -> MqttLink:
    link = MqttLink(settings(port), client_id, WILL)
    link.open()
    if topic:
        link.subscribe(topic)
    return link


def collect(link: MqttLink, count: int, timeout_s: float = 10.0) -> list[bytes]:
    arrived: list[bytes] = []

    def has_all() -> bool:
        arrived.extend(link.poll(0.05))
        return len(arrived) >= count

    wait_until(has_all, f"{count} messages", timeout_s)
    return arrived


def test_what_one_link_publishes_arrives_at_another_in_order(broker: Mosquitto) -> None:
    receiver, sender = connect(broker.port, "r", "test/data"), connect(broker.port, "s")
    payloads = [bytes([i]) * 2000 for i in range(200)]
    for payload in payloads:
        sender.publish("test/data", payload)
    assert sender.settle(10.0)

    assert collect(receiver, 200) == payloads
    sender.close()
    receiver.close()


def test_messages_that_arrive_while_waiting_are_not_lost(broker: Mosquitto) -> None:
    link = connect(broker.port, "a", "test/echo")
    link.publish("test/echo", b"1")
    assert link.settle(5.0)
    time.sleep(0.1)
    link.subscribe("test/other")

    assert collect(link, 1) == [b"1"]
    link.close()


def test_an_abandoned_link_leaves_its_will_retained_and_a_closed_one_does_not(
    broker: Mosquitto,
) -> None:
    polite, watcher = connect(broker.port, "polite"), connect(broker.port, "w", "test/will")
    polite.close()
    assert watcher.poll(0.3) == []

    connect(broker.port, "rude").abandon()
    assert collect(watcher, 1) == [b"gone"]
    late = connect(broker.port, "late", "test/will")
    assert collect(late, 1) == [b"gone"]
    watcher.close()
    late.close()


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
    lines = [f"cafile {cert}", f"certfile {cert}", f"keyfile {key}", "require_certificate true"]
    with Mosquitto(lines=[f"user {getpass.getuser()}", *lines]) as broker:
        trusting = MqttSettings(
            BrokerAddress("localhost", broker.port, is_tls=True), ca_file=cert, cert_file=cert, key_file=key
        )
        link = MqttLink(trusting, "a", WILL)
        link.open()
        link.subscribe("test/echo")
        link.publish("test/echo", b"x" * 100_000)
        assert collect(link, 1) == [b"x" * 100_000]
        link.close()
        for distrusting in (
            MqttSettings(BrokerAddress("localhost", broker.port, is_tls=True)),
            MqttSettings(BrokerAddress("127.0.0.1", broker.port, is_tls=True), ca_file=cert),
        ):
            stranger = MqttLink(distrusting, "b", WILL)
            with pytest.raises(LinkError, match="no connection"):
                stranger.open()
            stranger.abandon()
