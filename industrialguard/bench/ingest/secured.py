"""A broker that asks everybody for a certificate of the fleet, and identities for all who connect.

Rule: authority, broker files and identities are made by the code that an operator's commands run. Only the
load has more than anybody has in earnest: one identity that may write and read for every device, and so the
services' listener, where a name may have many connections.
"""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path

from cloud.certificates import Purpose
from cloud.pki.authority import Authority, Passphrases, Subject, make_authority, open_authority
from cloud.pki.broker_files import CONFIG_FILE, RULES_FILE, Listeners, write_broker_files
from cloud.pki.keys import format_key, make_key
from contract.archive import write_atomically
from contract.errors import ConfigError
from contract.identity import PRIVATE, IdentityFolder
from industrialguard.bench.ingest.places import INGEST_STAGE, SINK_STAGE, BrokerPlace
from simulators.broker import find_mosquitto

LOAD = "bench.load"
RULES = f"\nuser {LOAD}\ntopic readwrite ig/#\ntopic readwrite bench/#\n"


def make_secured_broker(folder: Path, ports: tuple[int, int]) -> tuple[list[str], BrokerPlace]:
    """Make all files of a broker on 127.0.0.1.

    Args:
        folder: For them.
        ports: For services and for devices.

    Returns:
        The broker's command line, and how it is reached.

    Raises:
        ConfigError: there is no Mosquitto, or the files cannot be made.
    """
    program, now, host = find_mosquitto(), datetime.now(UTC), "127.0.0.1"
    if program is None:
        raise ConfigError("--tls needs Mosquitto, and it is not installed: apt install mosquitto")
    make_authority(folder / "root", folder / "ca", Passphrases(), now)
    authority, files = open_authority(folder / "ca", ""), folder / "broker"
    listeners = Listeners((host,), (host, ports[1]), (host, ports[0]))
    write_broker_files(files, authority, listeners, (), now)
    with (files / RULES_FILE).open("a", encoding="utf-8") as rules:
        rules.write(RULES)
    config = folder / "mosquitto-tls.conf"
    ours = f"user {getpass.getuser()}\nlog_dest stderr\nlog_type error\nlog_type warning\n"
    config.write_text(ours + (files / CONFIG_FILE).read_text("utf-8"), "utf-8")
    stages = {INGEST_STAGE: "cloud.ingest", SINK_STAGE: "cloud.sink"}
    identities = {stage: _identify(authority, folder, name) for stage, name in stages.items()}
    place = BrokerPlace(f"mqtts://{host}:{ports[0]}", _identify(authority, folder, LOAD), identities)
    return [program, "-c", str(config)], place


def _identify(authority: Authority, folder: Path, name: str) -> Path:
    """An identity of a service, in a folder below this one."""
    key, identity = make_key(), IdentityFolder(folder / "identities" / name)
    issued = authority.issue(Subject(name, Purpose.SERVICE), key.public_key(), datetime.now(UTC))
    identity.path.mkdir(parents=True)
    write_atomically(identity.pair, format_key(key) + (issued.pem + authority.chain).encode(), PRIVATE)
    write_atomically(identity.trust, authority.root.encode())
    return identity.path
