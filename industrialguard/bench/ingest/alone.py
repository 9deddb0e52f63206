"""One process of the cloud alone: messages wait for it, and nothing else works meanwhile.

Rule: what it has done is counted where it puts it, never by itself: records by Kafka's offsets, rows in the
store's tables. Each mode has topics and devices of its own.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cloud.kafka_settings import KafkaAddress
from cloud.sink import GROUP
from cloud.store.rows import DeviceCounts
from cloud.stream import MESSAGES
from contract.errors import ConfigError
from contract.topics import PREFIX
from industrialguard.bench.ingest import kafka_bare
from industrialguard.bench.ingest.alone_rows import Alone
from industrialguard.bench.ingest.ceilings import Ceilings
from industrialguard.bench.ingest.clients import PUBLISH
from industrialguard.bench.ingest.course import Course, Stretch
from industrialguard.bench.ingest.messages import device_names, make_messages
from industrialguard.bench.ingest.mqtt_bare import PAHO, BareLoad, measure_mqtt, measure_waiting, run_client
from industrialguard.bench.ingest.parts import Parts
from industrialguard.bench.ingest.places import (
    BROKER_STAGE,
    INGEST_STAGE,
    KAFKA_STAGE,
    POSTGRESQL_STAGE,
    SINK_STAGE,
    Places,
)
from industrialguard.bench.ingest.plan import BRIDGE, SINK, Plan
from industrialguard.bench.ingest.road import count_devices
from industrialguard.bench.ingest.store_bare import measure_copy
from industrialguard.bench.report import Machine, Report, Run

BAR_PER_S = 4000.0
"""Messages/s that one bridge process is to move."""
SENTENCES = {
    BRIDGE: (
        "Messages of the load fleet wait at the broker in the session of one `cloud ingest`, which moves "
        "them into Kafka (all replicas) and acknowledges them. sent is what the broker took, stored what is "
        "in Kafka.",
    ),
    SINK: (
        "Records of the load fleet wait in Kafka; one `cloud sink` stores them, commits its offsets, which "
        "are watched, and acknowledges to devices, none of which listens.",
    ),
}
PROTOCOL = (
    "The process is started as an operator would and works alone. messages_per_s: from the first look at the "
    "offsets that finds something done (they are asked every 0.1 s) to the last message; its start is left "
    "out. cpu_us_per_message: of the process itself, in the same time.",
    "Ceilings: bare libraries in a loop, with the same messages, batches, settings and durability, in this "
    "run. bare_cpu_s_per_1000: what the ceilings' processes needed for the same stage.",
)


class AloneBench:
    """Measures processes one by one.

    Args:
        places: Where their servers are.
        plan: What.
        folder: For files.

    Raises:
        ConfigError: the stream is not Kafka.
    """

    def __init__(self, places: Places, plan: Plan, folder: Path) -> None:
        if places.stream is None or places.store is None:
            raise ConfigError(f"{BRIDGE} and {SINK} are measured with Kafka and PostgreSQL: --road servers")
        self._places, self._plan, self._folder = places, plan, folder
        self._stream, self._store = places.stream, places.store

    def reports(self) -> Iterator[Report]:
        """One mode after the other."""
        for mode, measure in ((BRIDGE, self._bridge), (SINK, self._sink)):
            if mode in self._plan.modes:
                print(f"{self._places.name}: {mode}", file=sys.stderr, flush=True)
                started, stream = datetime.now(UTC), f"{self._stream}-{mode}"
                folder = self._folder / mode
                folder.mkdir()
                with Parts(replace(self._places, stream=stream), folder) as parts:
                    alone = measure(parts, KafkaAddress.parse(stream))
                protocol = (self._places.sentence(), *SENTENCES[mode], *alone.sentences(), *PROTOCOL)
                dataset, run = f"{self._places.name}/{mode}", Run.since(started)
                yield Report("ingest", dataset, protocol, (1,), tuple(alone.rows()), run)

    def _bridge(self, parts: Parts, address: KafkaAddress) -> Alone:
        """From the broker into Kafka."""
        count, load = self._plan.messages, self._load(parts)
        stretch, found = move_waiting(parts, address, replace(load, root=PREFIX))
        stored = DeviceCounts(len(set(found)), len(found) - len(set(found)))
        bare, stages = self._load(parts), parts.stages()
        passing, taken = measure_mqtt(bare, stages), measure_waiting(bare, stages)
        produced, _ = kafka_bare.measure_kafka(address, make_messages(bare.prefix, count), stages)
        servers = frozenset({BROKER_STAGE, KAFKA_STAGE})
        own = Ceilings((taken, produced), Machine.this().cores, servers)
        shown = replace(own, shown=(*passing, taken, produced))
        return Alone("broker to Kafka", INGEST_STAGE, stretch, (count, stored), (shown, own), BAR_PER_S)

    def _sink(self, parts: Parts, address: KafkaAddress) -> Alone:
        """From Kafka into the store."""
        count, prefix = self._plan.messages, _name()
        messages = make_messages(prefix, count)
        kafka_bare.fill_topic(address, address.name(MESSAGES), messages)
        parts.start(SINK_STAGE, SINK_STAGE)
        course = Course(parts, 0)
        kafka_bare.follow_commits(address, address.name(GROUP), count, course.note)
        parts.stop(SINK_STAGE)
        stored, stages = count_devices(self._store, device_names(prefix)), parts.stages()
        _, consumed = kafka_bare.measure_kafka(address, messages, stages)
        servers = frozenset({KAFKA_STAGE, POSTGRESQL_STAGE})
        found = Ceilings((consumed, *measure_copy(self._store, stages)), Machine.this().cores, servers)
        return Alone("Kafka to row", SINK_STAGE, course.stretch(), (count, stored), (found, found))

    def _load(self, parts: Parts) -> BareLoad:
        broker = parts.broker
        return BareLoad(broker.url, _name(), self._plan.messages, broker.load_identity)


def move_waiting(parts: Parts, address: KafkaAddress, load: BareLoad) -> tuple[Stretch, list[bytes]]:
    """Let messages wait for `cloud ingest`, and let it move them.

    Returns:
        How fast it was, and the payloads that are in Kafka then.
    """
    topic, session = address.name(MESSAGES), f"{INGEST_STAGE}-session"
    kafka_bare.make_topic(address, topic)
    parts.start(INGEST_STAGE, session)
    parts.wait_ready(session)
    parts.stop(session)  # what is published now waits for it
    run_client(load, PAHO, PUBLISH)
    base = kafka_bare.count_records(address, topic)
    parts.start(INGEST_STAGE, INGEST_STAGE)
    course, until = Course(parts, base), base + load.messages
    while True:
        kafka_bare.follow_ends(address, topic, until, course.note)
        found = kafka_bare.read_payloads(address, topic, f"{load.prefix}-")
        if len(found) >= load.messages:
            break
        until += load.messages - len(found)  # a broker that was used before gives retained messages, too
    parts.stop(INGEST_STAGE)
    return course.stretch(), found


def _name() -> str:
    """Of devices that no other run has."""
    return f"alone-{secrets.token_hex(4)}"
