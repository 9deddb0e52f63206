"""Ingest, sink, API and forecasts as processes of their own: each says whether it is ready, and counts."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cloud.metrics import metric_names
from tests.cloud.collector import Collector
from tests.cloud.samples import deliver, summary
from tests.cloud.test_processes import (  # noqa: F401 - fixtures
    CloudProcess,
    Fleet,
    Start,
    counts,
    data,
    fleet,
    start,
    until,
)
from tests.conftest import obtain
from tools.servers.kafka import Kafka
from tools.servers.mosquitto import Mosquitto
from tools.servers.postgresql import PostgreSql

COMMANDS = ("ingest", "sink", "api", "rul")
NEEDS = {
    "broker": {"ingest", "sink"},
    "kafka": {"ingest", "sink", "rul"},
    "postgresql": {"sink", "api", "rul"},
}
OURS = frozenset(name for name, _ in metric_names())
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Probed:
    """A process and the address of its probes."""

    process: CloudProcess
    address: str

    def parts(self) -> tuple[bool, dict[str, str]]:
        """Whether it is ready, and what each of its parts says."""
        try:
            with urllib.request.urlopen(f"{self.address}/readyz", timeout=20) as answer:
                return True, json.load(answer)["parts"]
        except urllib.error.HTTPError as refusal:
            with refusal:
                assert refusal.code == 503
                return False, json.load(refusal)["parts"]

    def is_alive(self) -> bool:
        with urllib.request.urlopen(f"{self.address}/healthz", timeout=20) as answer:
            return bool(answer.status == 200)

    def metrics(self) -> dict[str, float]:
        """Each of our metrics with the sum over its labels; of a histogram the count."""
        with urllib.request.urlopen(f"{self.address}/metrics", timeout=20) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        found: dict[str, float] = {}
        for family in families:
            for sample in family.samples:
                name = sample.name.removesuffix("_count") if family.type == "histogram" else sample.name
                if name in OURS:
                    found[name] = found.get(name, 0.0) + sample.value
        return found


class Cloud:
    """All four processes."""

    def __init__(self, start: Start, *places: str) -> None:  # noqa: F811
        self._start, self._places = start, places
        self.processes = {command: self.start(command) for command in COMMANDS}
        for probed in self.processes.values():
            until(lambda probed=probed: probed.parts()[0])  # type: ignore[misc]

    def start(self, command: str) -> Probed:
        http = ("--http", "127.0.0.1:0") if command == "api" else ()
        process = self._start(command, "--metrics", "127.0.0.1:0", *self._places, *http)
        return Probed(process, str(process.wait_for("probes")["address"]))

    def ready(self) -> set[str]:
        return {command for command, probed in self.processes.items() if probed.parts()[0]}

    def metrics(self) -> dict[str, float]:
        return {k: v for probed in self.processes.values() for k, v in probed.metrics().items()}

    def end(self) -> None:
        """Each finishes its batch and leaves in order, whatever is away."""
        for probed in self.processes.values():
            assert probed.process.end() == 0


def send(fleet: Fleet, first: int, last: int) -> None:  # noqa: F811
    for number in range(first, last + 1):
        delivery = deliver(summary(number))
        fleet.publish(delivery.topic, delivery.payload)


@pytest.fixture
def own_kafka() -> Iterator[Kafka]:
    """One that can be stopped."""
    with obtain(Kafka) as running:
        yield running


@pytest.fixture
def own_postgresql() -> Iterator[PostgreSql]:
    """One that can be stopped."""
    with obtain(PostgreSql) as running:
        yield running


def test_four_processes_over_files(start: Start, fleet: Fleet, broker: Mosquitto, data: Path) -> None:  # noqa: F811
    cloud = Cloud(start)
    before = cloud.metrics()
    send(fleet, 1, 300)
    fleet.publish("ig/v1/noisy/up/summary", b"rubbish")
    until(lambda: len(fleet.stored) == 300)
    until(lambda: counts(data).total.dead_lettered == 1)
    after = cloud.metrics()
    moved = {name: after[name] - before.get(name, 0.0) for name in after}
    assert moved["industrialguard_ingest_received_messages_total"] == 301
    assert moved["industrialguard_ingest_accepted_messages_total"] == 300
    assert moved["industrialguard_ingest_dead_letters_total"] == 1
    assert moved["industrialguard_sink_stored_messages_total"] == 300
    assert moved["industrialguard_acks_sent_total"] >= 1
    for histogram in ("ingest_append_delay", "sink_store", "sink_stream_delay", "sink_event_delay"):
        assert moved[f"industrialguard_{histogram}_seconds"] >= 1
    not_yet = {"industrialguard_sink_dead_letters_total", "industrialguard_api_requests_total"}
    elsewhere = ("industrialguard_releases_", "industrialguard_eam_")  # other processes
    others = {name for name in OURS if name.startswith(elsewhere)}
    assert after.keys() == OURS - not_yet - others  # a label shows when it has happened
    broker.stop()
    until(lambda: cloud.ready() == set(COMMANDS) - NEEDS["broker"])
    assert "no connection to the broker" in cloud.processes["ingest"].parts()[1]["broker (ingest)"]
    broker.start()
    until(lambda: cloud.ready() == set(COMMANDS))
    cloud.end()


def test_four_processes_over_kafka_and_postgresql(
    start: Start,  # noqa: F811
    fleet: Fleet,  # noqa: F811
    own_kafka: Kafka,
    own_postgresql: PostgreSql,
) -> None:
    """Each is ready only while what it needs answers; nothing that was accepted is lost on the way."""
    servers = {"kafka": own_kafka, "postgresql": own_postgresql}
    cloud = Cloud(start, "--stream", f"kafka://{own_kafka.url}", "--store", own_postgresql.url)
    send(fleet, 1, 100)
    until(lambda: len(fleet.stored) == 100)
    for number, (name, server) in enumerate(servers.items(), 1):
        server.stop()
        until(lambda name=name: cloud.ready() == set(COMMANDS) - NEEDS[name])  # type: ignore[misc]
        assert all(probed.is_alive() for probed in cloud.processes.values())
        send(fleet, 100 * number + 1, 100 * number + 100)
        server.start()
        until(lambda: cloud.ready() == set(COMMANDS))
        until(lambda number=number: len(fleet.stored) == 100 * number + 100)  # type: ignore[misc]
    own_postgresql.stop()
    until(lambda: cloud.ready() == {"ingest"})
    send(fleet, 301, 400)
    until(lambda: cloud.metrics()["industrialguard_sink_store_failures_total"] >= 1)
    until(lambda: cloud.metrics()["industrialguard_ingest_accepted_messages_total"] >= 400)
    cloud.end()
    own_postgresql.start()
    cloud.start("sink")
    until(lambda: len(fleet.stored) == 400)
    found = counts(own_postgresql.url).total
    assert (found.stored, found.duplicated) == (400, 0)


def test_a_sink_that_is_told_to_stop_finishes_its_batch(start: Start, fleet: Fleet, data: Path) -> None:  # noqa: F811
    """What it has not stored is not committed, and what it has stored does not come again."""
    ingest, first = start("ingest"), start("sink")
    ingest.wait_for("ready")
    first.wait_for("ready")
    send(fleet, 1, 2000)
    until(lambda: len(fleet.stored) > 100)
    assert first.end() == 0
    second = start("sink")
    until(lambda: len(fleet.stored) == 2000)
    assert (second.end(), ingest.end()) == (0, 0)
    found = counts(data).total
    assert (found.stored, found.redelivered) == (2000, 0)


def test_a_trace_crosses_processes(start: Start, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    with Collector() as collector:
        monkeypatch.setitem(os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        ingest, sink = start("ingest"), start("sink")
        ingest.wait_for("ready")
        sink.wait_for("ready")
        send(fleet, 1, 1)
        until(lambda: len(fleet.stored) == 1)
        assert (ingest.end(), sink.end()) == (0, 0)
        (taken,), (stored,) = collector.named("ingest"), collector.named("sink")
    assert (taken.service, stored.service) == ("industrialguard-ingest", "industrialguard-sink")
    assert (stored.trace_id, stored.parent_id) == (taken.trace_id, taken.span_id)


def test_logs_of_a_traced_batch_name_its_span(
    start: Start,  # noqa: F811
    fleet: Fleet,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Collector() as collector:
        monkeypatch.setitem(os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        ingest = start("ingest")
        ingest.wait_for("ready")
        fleet.publish("ig/v1/noisy/up/summary", b"rubbish")
        line = ingest.wait_for("dead letter")
        assert ingest.end() == 0
        (span,) = collector.named("ingest")
    assert (line["trace_id"], line["span_id"]) == (span.trace_id, span.span_id)
