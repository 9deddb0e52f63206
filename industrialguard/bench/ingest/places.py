"""Where a road of the benchmark runs: broker, stream and store.

Rule: an address is shown without its password, and nothing of a store that was given is dropped.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cloud.kafka_settings import SCHEME, KafkaAddress
from cloud.places import POSTGRESQL
from contract.broker_address import DEFAULT_PORTS, parse_broker_url
from contract.errors import ConfigError

EMBEDDED, SERVERS = "embedded", "servers"
GENERATOR_STAGE, BROKER_STAGE, INGEST_STAGE = "generator", "broker", "ingest"
KAFKA_STAGE, SINK_STAGE, POSTGRESQL_STAGE = "Kafka", "sink", "PostgreSQL"
MQTT, STREAM, STORE = "INDUSTRIALGUARD_MQTT", "INDUSTRIALGUARD_STREAM", "INDUSTRIALGUARD_STORE"
_SECURED = (
    "Load, broker and cloud know each other by the fleet's certificates (TLS both ways); the broker is a "
    "Mosquitto of this run's own, with the files that `cloud broker-files` writes."
)


@dataclass(frozen=True, slots=True)
class Places:
    """One road's addresses; those that are None are embedded."""

    name: str
    mqtt: str | None = field(default=None, repr=False)
    stream: str | None = field(default=None, repr=False)
    store: str | None = field(default=None, repr=False)
    is_secured: bool = False
    """Whether a broker of the benchmark's own asks everybody for a certificate."""

    def ports(self) -> dict[str, tuple[str, int]]:
        """Host and port of each server, by stage."""
        found = {}
        if self.mqtt:
            broker = parse_broker_url(self.mqtt)
            found[BROKER_STAGE] = (broker.host, broker.port)
        if self.stream:
            host, _, port = KafkaAddress.parse(self.stream).servers.partition(",")[0].rpartition(":")
            found[KAFKA_STAGE] = (host, int(port))
        if self.store:
            parts = urlsplit(self.store)
            found[POSTGRESQL_STAGE] = (parts.hostname or "127.0.0.1", parts.port or 5432)
        return found

    def sentence(self) -> str:
        """Which servers these are, without credentials."""
        if self.name == EMBEDDED:
            which = "Embedded: Mosquitto where it is installed, else the broker in Python; SQLite twice."
        else:
            servers = ", ".join(f"{stage} on port {port}" for stage, (_, port) in self.ports().items())
            which = f"Servers: {servers}."
        return f"{which} {_SECURED}" if self.is_secured else which


@dataclass(frozen=True, slots=True)
class BrokerPlace:
    """Where a road's broker is, and as whom its clients come."""

    url: str = field(repr=False)
    load_identity: Path | None = None
    """Of the load and of bare clients; None: as nobody."""
    identities: Mapping[str, Path] = field(default_factory=dict)
    """Of the cloud's processes, by stage."""


def read_places(mqtt: str | None, stream: str | None, store: str | None, is_secured: bool = False) -> Places:
    """The road through servers.

    The stream gets a prefix of its own, so that two runs do not read each other's records.

    Args:
        mqtt: Of a broker that lets everybody in; not used where one of its own asks for certificates.
        stream: Of Kafka.
        store: Of PostgreSQL.
        is_secured: Whether it has such a broker.

    Raises:
        ConfigError: an address that cannot be one, or one of the three is missing.
    """
    if not ((mqtt or is_secured) and stream and store):
        raise ConfigError(
            f"the road through servers needs all three: --mqtt, --stream and --store (or {MQTT}, {STREAM}, "
            f"{STORE}); `make ingest` starts them"
        )
    if mqtt and parse_broker_url(mqtt).is_tls:
        raise ConfigError(
            f"--mqtt: give mqtt://HOST:{DEFAULT_PORTS['mqtt']}; what TLS costs is measured with --tls, on a "
            "broker of the benchmark's own"
        )
    address = KafkaAddress.parse(stream)
    if not store.startswith(POSTGRESQL):
        raise ConfigError(f"--store: write {POSTGRESQL}USER:PASSWORD@HOST:PORT/NAME, an empty database")
    prefix = address.prefix or f"bench-{secrets.token_hex(4)}"
    own = f"{SCHEME}{address.servers}/{prefix}"
    return Places(SERVERS, None if is_secured else mqtt, own, store, is_secured)


def environment(places: Places) -> Mapping[str, str]:
    """What the cloud's processes are told."""
    given = {MQTT: places.mqtt, STREAM: places.stream, STORE: places.store}
    return {name: value or "" for name, value in given.items()}
