"""Which Kafka, and how much it keeps.

Rule: nothing is loaded here; whoever has no Kafka needs no client for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from contract.errors import ConfigError

PREFIX_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")
SCHEME = "kafka://"


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """Where a Kafka is, and what is ours in it."""

    servers: str
    """`HOST:PORT`, several separated by commas."""
    prefix: str = ""
    """Before the names of topics and groups, so that several installations can share a Kafka; empty: none."""

    @classmethod
    def parse(cls, url: str) -> KafkaAddress:
        """Read `kafka://HOST:PORT[,HOST:PORT][/PREFIX]`.

        >>> KafkaAddress.parse("kafka://a:9092,b:9092/plant-1")
        KafkaAddress(servers='a:9092,b:9092', prefix='plant-1')

        Raises:
            ConfigError: anything else.
        """
        servers, _, prefix = url.removeprefix(SCHEME).partition("/")
        parts = [part.rpartition(":") for part in servers.split(",")]
        is_sound = url.startswith(SCHEME) and all(host and port.isdigit() for host, _, port in parts)
        if not is_sound or (prefix and not PREFIX_PATTERN.fullmatch(prefix)):
            raise ConfigError(
                f"not a Kafka address: {url[:80]!r}; write kafka://HOST:PORT, several with commas, and "
                "/PREFIX (letters, digits, _ and -) where it is shared"
            )
        return cls(servers, prefix)

    def name(self, what: str) -> str:
        """What a topic or a group of ours is called there."""
        return f"{self.prefix}.{what}" if self.prefix else what


@dataclass(frozen=True, slots=True)
class KafkaStreamConfig:
    """Which Kafka, and how much it keeps."""

    address: KafkaAddress
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
