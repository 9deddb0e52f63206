"""Where a road of the benchmark runs: broker, stream and store.

Rule: an address is shown without its password, and nothing of a store that was given is dropped.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cloud.kafka_settings import SCHEME, KafkaAddress
from cloud.places import POSTGRESQL
from contract.broker_address import DEFAULT_PORTS, parse_broker_url
from contract.errors import ConfigError

EMBEDDED, SERVERS = "embedded", "servers"
MQTT, STREAM, STORE = "INDUSTRIALGUARD_MQTT", "INDUSTRIALGUARD_STREAM", "INDUSTRIALGUARD_STORE"


@dataclass(frozen=True, slots=True)
class Places:
    """One road's addresses; those that are None are embedded."""

    name: str
    mqtt: str | None = field(default=None, repr=False)
    stream: str | None = field(default=None, repr=False)
    store: str | None = field(default=None, repr=False)

    def ports(self) -> dict[str, tuple[str, int]]:
        """Host and port of each server, by stage."""
        found = {}
        if self.mqtt:
            broker = parse_broker_url(self.mqtt)
            found["broker"] = (broker.host, broker.port)
        if self.stream:
            host, _, port = KafkaAddress.parse(self.stream).servers.partition(",")[0].rpartition(":")
            found["Kafka"] = (host, int(port))
        if self.store:
            parts = urlsplit(self.store)
            found["PostgreSQL"] = (parts.hostname or "127.0.0.1", parts.port or 5432)
        return found

    def sentence(self) -> str:
        """Which servers these are, without credentials."""
        if self.name == EMBEDDED:
            return "Embedded: Mosquitto where it is installed, else the broker in Python; SQLite twice."
        servers = ", ".join(f"{stage} on port {port}" for stage, (_, port) in self.ports().items())
        return f"Servers: {servers}."


def read_places(mqtt: str | None, stream: str | None, store: str | None) -> Places:
    """The road through servers.

    The stream gets a prefix of its own, so that two runs do not read each other's records.

    Raises:
        ConfigError: an address that cannot be one, or one of the three is missing.
    """
    if not (mqtt and stream and store):
        raise ConfigError(
            f"the road through servers needs all three: --mqtt, --stream and --store (or {MQTT}, {STREAM}, "
            f"{STORE}); `make ingest` starts them"
        )
    if parse_broker_url(mqtt).is_tls:
        raise ConfigError(f"the benchmark measures without TLS; give mqtt://HOST:{DEFAULT_PORTS['mqtt']}")
    address = KafkaAddress.parse(stream)
    if not store.startswith(POSTGRESQL):
        raise ConfigError(f"--store: write {POSTGRESQL}USER:PASSWORD@HOST:PORT/NAME, an empty database")
    prefix = address.prefix or f"bench-{secrets.token_hex(4)}"
    return Places(SERVERS, mqtt, f"{SCHEME}{address.servers}/{prefix}", store)


def environment(places: Places) -> Mapping[str, str]:
    """What the cloud's processes are told."""
    given = {MQTT: places.mqtt, STREAM: places.stream, STORE: places.store}
    return {name: value or "" for name, value in given.items()}
