"""A real Mosquitto as `industrialguard cloud broker-files` sets it up, and identities for it."""

from __future__ import annotations

import getpass
import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cloud.certificates import IssuedCertificate, Purpose
from cloud.pki.authority import Authority, Passphrases, Subject, make_authority, open_authority
from cloud.pki.broker_files import CONFIG_FILE, Listeners, write_broker_files, write_rules
from cloud.pki.keys import format_key, make_key
from contract.broker_address import BrokerAddress
from contract.identity import IdentityFolder
from edge_agent.mqtt import MQTT5, MqttLink, Will
from edge_agent.settings import MqttSettings
from tools.servers.mosquitto import HOW
from tools.servers.process import HOST, Server, free_port
from tools.servers.programs import require_program


def make_fleet_authority(folder: Path) -> Authority:
    """A root, and an issuing authority below it."""
    make_authority(folder / "root", folder / "ca", Passphrases(), datetime.now(UTC))
    return open_authority(folder / "ca", "")


class SecuredMosquitto(Server):
    """It asks everybody for a certificate.

    Args:
        folder: For its files.
        authority: Signs them.
        ports: Of the listeners for devices and services; None: any.
    """

    name = "mosquitto"

    def __init__(self, folder: Path, authority: Authority, ports: tuple[int, int] | None = None) -> None:
        self._program = require_program("mosquitto", how=HOW)
        super().__init__(folder)
        if ports is not None:
            self.port, self.services_port = ports
        else:
            self.services_port = free_port(self.port)
        self.authority = authority
        self.known: list[IssuedCertificate] = []

    @property
    def url(self) -> str:
        """Of the devices' listener."""
        return f"mqtts://localhost:{self.port}"

    @property
    def services_url(self) -> str:
        """Of the services' listener."""
        return f"mqtts://localhost:{self.services_port}"

    def version(self) -> str:
        """Not asked for."""
        return "any"

    @property
    def listeners(self) -> Listeners:
        """Where it listens."""
        return Listeners(("localhost",), (HOST, self.port), (HOST, self.services_port))

    def prepare(self) -> list[str]:
        """Write its files."""
        files = self.folder / "files"
        write_broker_files(files, self.authority, self.listeners, self.known, datetime.now(UTC))
        return self.command(files)

    def command(self, files: Path) -> list[str]:
        """Run it with files that are there, as whoever runs the tests."""
        config = self.folder / "local.conf"
        ours = f"user {getpass.getuser()}\nlog_dest stderr\nlog_type error\nlog_type warning\n"
        config.write_text(ours + (files / CONFIG_FILE).read_text())
        return [self._program, "-c", str(config)]

    def reload(self) -> None:
        """Write rules and revocations again, and tell it so; it reads them a moment later."""
        write_rules(self.folder / "files", self.authority, self.known, datetime.now(UTC))
        self.hang_up()

    def hang_up(self) -> None:
        """Tell it to read its files again."""
        os.kill(self.pid, signal.SIGHUP)


def give_identity(
    authority: Authority,
    folder: Path,
    name: str,
    purpose: Purpose = Purpose.DEVICE,
    now: datetime | None = None,
) -> tuple[IdentityFolder, IssuedCertificate]:
    """A whole identity in a folder, as of some moment."""
    key = make_key()
    issued = authority.issue(Subject(name, purpose), key.public_key(), now or datetime.now(UTC))
    identity = IdentityFolder(folder)
    folder.mkdir(parents=True)
    identity.pair.write_bytes(format_key(key) + (issued.pem + authority.chain).encode())
    identity.trust.write_text(authority.root)
    return identity, issued


def open_link(
    port: int,
    identity: IdentityFolder | None,
    client_id: str,
    topics: Sequence[str] = (),
    will_topic: str = "",
) -> MqttLink:
    """A connection with an identity."""
    settings = MqttSettings(
        BrokerAddress("localhost", port, is_tls=True), identity, connect_timeout_s=5.0, will_delay_s=0
    )
    link = MqttLink(settings, client_id, Will(will_topic or f"ig/v1/{client_id}/up/death", b""), MQTT5)
    try:
        link.open()
        for topic in topics:
            link.subscribe(topic)
    except BaseException:
        link.abandon()
        raise
    return link
