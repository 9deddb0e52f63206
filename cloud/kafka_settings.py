"""Which Kafka, and how much it keeps.

Rule: nothing is loaded here; whoever has no Kafka needs no client for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from contract.errors import ConfigError


@dataclass(frozen=True, slots=True)
class KafkaStreamConfig:
    """Which Kafka, and how much it keeps."""

    servers: str
    """`HOST:PORT`, several separated by commas."""
    partitions: int = 8
    """Of each topic, when it is made here; bounds how many consumers of a group share the work."""
    replicas: int = 1
    """Of each partition, when a topic is made here; 3 in earnest, of which 2 must be in sync."""
    retention_s: float = 86_400.0
    """How long records stay, consumed or not, in s."""
    member: str | None = None
    """Which member of its groups this process is, the same after a restart; None: a new one each time."""
    session_s: float = 10.0
    """How long a group waits for a member that is silent, in s."""
    request_s: float = 10.0
    """How long a request may take, in s."""
    max_record_bytes: int = 16 * 2**20
    """Largest record: a dead letter holds the payload that was too large."""


def parse_kafka_url(url: str) -> str:
    """Bootstrap servers of `kafka://HOST:PORT[,HOST:PORT]`.

    >>> parse_kafka_url("kafka://a:9092,b:9092")
    'a:9092,b:9092'

    Raises:
        ConfigError: anything else.
    """
    scheme, _, servers = url.partition("://")
    parts = servers.rstrip("/").split(",")
    if scheme != "kafka" or not all(
        host and port.isdigit() for host, _, port in (p.rpartition(":") for p in parts)
    ):
        raise ConfigError(f"not a Kafka address: {url[:80]!r}; write kafka://HOST:PORT, several with commas")
    return servers.rstrip("/")
