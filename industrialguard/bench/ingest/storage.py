"""How much a machine's messages take on the disk.

Rule: what the database and the log say of themselves, before and after; where they cannot be asked there is
no figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cloud.kafka_settings import KafkaAddress
from industrialguard.bench.ingest.places import KAFKA_STAGE
from industrialguard.bench.ingest.reader import StoreReader
from industrialguard.bench.ingest.road import Road
from industrialguard.bench.ingest.usage import Stages

DAY_S = 86_400.0
_POSTGRESQL = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('information_schema', 'pg_catalog', 'pg_toast') AND c.relkind IN ('r', 'm')
"""
_SQLITE = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"


@dataclass(frozen=True, slots=True)
class Storage:
    """Sizes at one moment; None: it cannot be asked."""

    store_bytes: int
    """Tables with their indexes, without the write-ahead log."""
    log_bytes: int | None


def read_storage(road: Road) -> Storage:
    """Ask store and log."""
    with StoreReader(road.store_url) as reader:
        ((size,),) = reader.ask(_SQLITE if reader.is_sqlite else _POSTGRESQL)
    log_bytes = road.log_bytes()
    if road.places.stream:
        log_bytes = _kafka_bytes(road.stages(), KafkaAddress.parse(road.places.stream))
    return Storage(int(size), log_bytes)


def per_machine_day(before: int | None, after: int | None, messages: int, interval_s: float) -> float | None:
    """Bytes that a machine with a message an interval writes in a day.

    >>> per_machine_day(0, 2_000_000, 1000, 10.0)
    17280000.0
    """
    if before is None or after is None or messages == 0:
        return None
    return (after - before) / messages * DAY_S / interval_s


def _kafka_bytes(stages: Stages, address: KafkaAddress) -> int | None:
    """The log of our topics, where Kafka runs on this machine with a configuration that we may read."""
    process = stages.process(KAFKA_STAGE)
    if process is None:
        return None
    properties = Path(process.cmdline()[-1])
    try:
        lines = properties.read_text("utf-8").splitlines()
    except OSError:
        return None
    settings = dict(line.split("=", 1) for line in lines if "=" in line)
    folders = Path(settings.get("log.dirs", "")).glob(f"{address.name('')}*")
    return sum(path.stat().st_size for folder in folders for path in folder.glob("*.log"))
