"""What the cloud can be told.

Rule: frozen, typed, with units; built once in `__main__` from flags and environment and passed down. Secrets
come from the environment or the URL and are never shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cloud.api.settings import ApiSettings
from cloud.eam.settings import EamSettings
from cloud.kafka_settings import KafkaAddress, KafkaStreamConfig
from cloud.keeping import Keeping
from cloud.sqlite_stream import SqliteStreamConfig
from contract.broker_address import BrokerAddress
from contract.errors import ConfigError
from contract.identity import IdentityFolder

MAX_BATCH = 10_000
LOCAL_BROKER = BrokerAddress("127.0.0.1")


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Which broker, and as whom."""

    broker: BrokerAddress = LOCAL_BROKER
    identity: IdentityFolder | None = None
    """Who this process is, and whom it trusts; None: nobody in particular, and the system's authorities."""
    client_id: str = "industrialguard"
    """Fixed, because the broker keeps the session under it; each process appends its role."""
    keepalive_s: int = 30
    max_unacknowledged: int = 2000
    """Publications taken from the broker and not yet in the stream; reading pauses at this many."""
    backoff_base_s: float = 0.5
    backoff_cap_s: float = 5.0
    """Longest wait before connecting again; it is drawn between 0 and a bound that doubles up to this."""

    def __post_init__(self) -> None:
        if self.identity is not None and not self.broker.is_tls:
            raise ConfigError("mqtt: an identity needs mqtts://")
        if not 1 <= self.max_unacknowledged <= 65_535:
            raise ConfigError("mqtt: max_unacknowledged must lie between 1 and 65535")
        if not 0 < self.backoff_base_s <= self.backoff_cap_s:
            raise ConfigError("mqtt: needs 0 < backoff_base_s <= backoff_cap_s")


@dataclass(frozen=True, slots=True)
class RepositorySettings:
    """Where releases are, and whom to believe about them."""

    address: str
    """`https://HOST/PATH`, or a folder."""
    root: Path
    """The repository's `metadata/1.root.json`, as devices are given it."""


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """Everything a cloud process needs to know."""

    data_dir: Path
    """Holds what is embedded, stream or store; made when absent."""
    mqtt: MqttSettings = MqttSettings()
    api: ApiSettings = field(default_factory=ApiSettings)
    partitions: int = 8
    """Of the stream; fixed when it is made."""
    ingest_batch: int = 500
    """Publications appended in one transaction, at most."""
    ingest_wait_s: float = 0.02
    """How long ingest waits for a batch to fill once it has something, in s."""
    sink_batch: int = 500
    """Records stored in one transaction, at most."""
    retention_s: float = 86_400.0
    """How long the stream keeps what has been consumed, in s."""
    max_stream_bytes: int | None = None
    """Size at which the stream refuses more; None: no bound but the disk."""
    kafka: KafkaAddress | None = None
    """The Kafka that is the stream; None: the embedded one."""
    kafka_replicas: int = 1
    """Of each partition of a topic that is made here."""
    member: str | None = None
    """Which member of its groups a process is, the same after a restart; None: a new one each time."""
    store: str | None = field(default=None, repr=False)
    """URL of the PostgreSQL that is the store, with its password; None: the embedded one."""
    is_shared: bool = False
    """Whether several ingest processes share what devices say; needs a broker with shared subscriptions."""
    keeping: Keeping = field(default_factory=Keeping)
    """What the store keeps, and for how long."""
    director_keys: tuple[str, ...] = ()
    """URIs of the keys that sign assignments (`ota.keys`); none: this process carries out no rollouts."""
    repository: RepositorySettings | None = None
    """Of releases, for planning rollouts; None: none can be planned here."""
    eam: EamSettings | None = None
    """The company's maintenance system; None: orders wait here."""
    metrics: tuple[str, int] | None = None
    """Host and port that answer /healthz, /readyz and /metrics; None: nowhere."""

    signing_key: bytes | None = field(default=None, repr=False)
    """Signs access tokens; None: the one in the data folder, which is made there."""

    def __post_init__(self) -> None:
        if not 1 <= self.partitions <= 1024:
            raise ConfigError(f"partitions must lie between 1 and 1024, not {self.partitions}")
        if not (1 <= self.ingest_batch <= MAX_BATCH and 1 <= self.sink_batch <= MAX_BATCH):
            raise ConfigError(f"batches hold 1 to {MAX_BATCH} messages")
        if self.ingest_wait_s < 0 or self.retention_s < 0:
            raise ConfigError("ingest_wait_s and retention_s must not be negative")

    @property
    def kafka_stream(self) -> KafkaStreamConfig | None:
        """Kafka, where it is the stream."""
        if self.kafka is None:
            return None
        return KafkaStreamConfig(
            self.kafka, self.partitions, self.kafka_replicas, self.retention_s, self.member
        )

    @property
    def sqlite_stream(self) -> SqliteStreamConfig:
        """The embedded stream."""
        path = self.data_dir / "stream.db"
        return SqliteStreamConfig(path, self.partitions, self.retention_s, self.max_stream_bytes)

    @property
    def catalogue_folder(self) -> Path:
        """What is known of the repository of releases."""
        return self.data_dir / "repository"

    @property
    def signing_key_path(self) -> Path:
        """What signs access tokens, where nothing else was named."""
        return self.data_dir / "signing.key"

    def make_data_dir(self) -> None:
        """Make the folder of what is embedded, where it is not there.

        Raises:
            ConfigError: it cannot be made.
        """
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"the data folder {self.data_dir} cannot be made: {error.strerror}") from error

    def prepare_store(self) -> str:
        """Where the store lies, in a folder that is there; with its password, so never for a log.

        Raises:
            ConfigError: the folder of an embedded store cannot be made.
        """
        if self.store is None:
            self.make_data_dir()
        return self.store_url

    @property
    def store_url(self) -> str:
        """Where the store lies; with its password, so never for a log."""
        return self.store or sqlite_url(self.store_path)

    @property
    def store_path(self) -> Path:
        """The embedded store."""
        return self.data_dir / "store.db"


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{path}"


def parse_http_address(text: str) -> tuple[str, int]:
    """Read `HOST:PORT`, `:PORT` or `[IPV6]:PORT`; port 0 lets the system choose.

    >>> parse_http_address(":8080")
    ('127.0.0.1', 8080)

    Raises:
        ConfigError: anything else.
    """
    host, separator, port = text.rpartition(":")
    if not separator or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ConfigError(
            f"not an address to listen on: {text[:80]!r}; write HOST:PORT, for example 127.0.0.1:8080"
        )
    return host.strip("[]") or "127.0.0.1", int(port)
