"""The broker's configuration, in a real Mosquitto: who may say what, and as whom."""

from __future__ import annotations

import getpass
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from contract.messages import Kind
from contract.topics import AckTopic, UpTopic
from tests.conftest import obtain, require
from tests.deploy.manifests import DEPLOY
from tools.servers.mosquitto import Mosquitto
from tools.servers.process import free_port
from tools.servers.programs import find_program

RULES = DEPLOY / "mosquitto"
PASSWORD = "a password of this test"
WAIT_S = 30.0
pytestmark = pytest.mark.slow


class DeployedBroker(Mosquitto):
    """Runs the deployed files, with this machine's ports and folders in place of the container's."""

    def prepare(self) -> list[str]:
        """See `Server.prepare`."""
        self.tls_port = free_port(self.port)
        secrets = self.folder / "secrets"
        secrets.mkdir(exist_ok=True)
        make_certificates(secrets)
        passwords = secrets / "passwords"
        passwords.touch(0o600)
        call("mosquitto_passwd", "-b", str(passwords), "cloud", PASSWORD)
        text = (RULES / "mosquitto.conf").read_text()
        for told, here in {
            "listener 8883": f"user {getpass.getuser()}\nlistener {self.tls_port} 127.0.0.1",
            "listener 1883": f"listener {self.port} 127.0.0.1",
            "/mosquitto/config": str(RULES),
            "/mosquitto/secrets": str(secrets),
            "/mosquitto/data": str(self.folder),
        }.items():
            assert told in text
            text = text.replace(told, here)
        config = self.folder / "mosquitto.conf"
        config.write_text(text)
        return [self._program, "-c", str(config)]


def call(program: str, *arguments: str) -> None:
    """Run a program to its end."""
    found = find_program(program)
    require(found is not None, f"{program} is not installed: apt-get install {program.partition('_')[0]}")
    subprocess.run([str(found), *arguments], check=True, capture_output=True)


def make_certificates(folder: Path) -> None:
    """An authority, and what it signed for the broker and for a device."""
    new = ("-newkey", "rsa:2048", "-nodes", "-keyout")
    call(
        *("openssl", "req", "-x509", *new, f"{folder}/ca.key", "-out", f"{folder}/ca.crt"),
        *("-days", "2", "-subj", "/CN=plant authority"),
    )
    for name, subject in (("broker", "localhost"), ("device", "press-07")):
        request, signed = f"{folder}/{name}.csr", f"{folder}/{name}.crt"
        call("openssl", "req", *new, f"{folder}/{name}.key", "-out", request, "-subj", f"/CN={subject}")
        extension = folder / f"{name}.ext"
        extension.write_text(f"subjectAltName=DNS:{subject}\n")
        call(
            *("openssl", "x509", "-req", "-in", request, "-out", signed, "-days", "2"),
            *("-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key", "-CAcreateserial"),
            *("-extfile", str(extension)),
        )


class Client:
    """Connected, with what it hears."""

    def __init__(self, client: paho.Client, port: int, *topics: str) -> None:
        self.heard: Queue[str] = Queue()
        self._ready: Queue[object] = Queue()
        self._client = client
        client.on_message = lambda _, __, message: self.heard.put(message.topic)
        client.on_subscribe = lambda *_: self._ready.put(None)
        client.connect("localhost", port)
        client.loop_start()
        for topic in topics:
            client.subscribe(topic, 1)
            self._ready.get(timeout=WAIT_S)

    def publish(self, topic: str) -> None:
        self._client.publish(topic, b"x", qos=1).wait_for_publish(WAIT_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def deployed() -> Iterator[DeployedBroker]:
    with obtain(DeployedBroker) as running:
        yield running


@pytest.fixture
def cloud(deployed: DeployedBroker) -> Iterator[Client]:
    client = paho.Client(CallbackAPIVersion.VERSION2, "cloud")
    client.username_pw_set("cloud", PASSWORD)
    connected = Client(client, deployed.port, "ig/v1/+/up/+")
    yield connected
    connected.close()


@pytest.fixture
def device(deployed: DeployedBroker) -> Iterator[Client]:
    secrets = deployed.folder / "secrets"
    client = paho.Client(CallbackAPIVersion.VERSION2, "device")
    context = ssl.create_default_context(cafile=str(secrets / "ca.crt"))
    context.load_cert_chain(secrets / "device.crt", secrets / "device.key")
    client.tls_set_context(context)
    connected = Client(client, deployed.tls_port, "ig/v1/+/down/#")
    yield connected
    connected.close()


def test_a_device_speaks_and_hears_under_its_own_name_alone(cloud: Client, device: Client) -> None:
    own, other = (str(UpTopic(name, Kind.SUMMARY)) for name in ("press-07", "press-08"))
    device.publish(other)
    device.publish(str(AckTopic("press-07")))
    device.publish(own)
    assert cloud.heard.get(timeout=WAIT_S) == own
    cloud.publish(str(AckTopic("press-08")))
    cloud.publish(str(AckTopic("press-07")))
    assert device.heard.get(timeout=WAIT_S) == str(AckTopic("press-07"))
    for client in (cloud, device):
        with pytest.raises(Empty):
            client.heard.get_nowait()


def test_whoever_has_no_name_is_refused(deployed: DeployedBroker) -> None:
    refusals: Queue[bool] = Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2, "stranger")
    client.on_connect = lambda _, __, ___, reason, ____: refusals.put(reason.is_failure)
    client.connect("localhost", deployed.port)
    client.loop_start()
    assert refusals.get(timeout=WAIT_S)
    client.loop_stop()
    client.disconnect()
