"""Every metric of the cloud: name, kind, unit and meaning.

Rule: the only importer of prometheus_client. Whoever works counts here, and nowhere else, once a batch;
without a registry nobody sees it. A label has few values that we choose, never a device's name. A delay is
that of the oldest message of a batch, so it is the worst case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST
BATCHES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""Bounds of batch sizes, in messages."""
DELAYS_S = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    3600.0,
    86_400.0,
)
"""Bounds of delays, in s; an outbox may be a day old."""
PREFIX = "industrialguard"


class IngestMetrics:
    """From the broker into the stream."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.received = _counter(registry, "ingest_received_messages", "Publications taken from the broker.")
        self.accepted = _counter(registry, "ingest_accepted_messages", "Messages appended to the stream.")
        self.dead_letters = _counter(
            registry, "ingest_dead_letters", "Publications that became dead letters, by error class.", "error"
        )
        self.append_failures = _counter(
            registry, "ingest_append_failures", "Appends that the stream refused; each is tried again."
        )
        self.batch = _batches(registry, "ingest_batch_messages", "Publications in one append.")
        self.append_delay = _delays(
            registry, "ingest_append_delay_seconds", "From the broker's hand to the stream's disk."
        )


class SinkMetrics:
    """From the stream into the store."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.stored = _counter(registry, "sink_stored_messages", "Messages stored for the first time.")
        self.redelivered = _counter(
            registry, "sink_redelivered_messages", "Messages that were stored already, and came again."
        )
        self.presence = _counter(registry, "sink_presence_messages", "Births and Deaths.")
        self.wrong_clocks = _counter(
            registry, "sink_wrong_clock_messages", "Messages stored whose device's clock cannot be right."
        )
        self.dead_letters = _counter(
            registry, "sink_dead_letters", "Records that became dead letters here, by error class.", "error"
        )
        self.stored_letters = _counter(registry, "sink_stored_dead_letters", "Dead letters stored.")
        self.dropped_letters = _counter(
            registry,
            "sink_dropped_dead_letters",
            "Dead letters of which only the number was kept, because their origin has too many.",
        )
        self.store_failures = _counter(
            registry,
            "sink_store_failures",
            "Times that store or stream failed the sink; each is tried again.",
        )
        self.batch = _batches(registry, "sink_batch_messages", "Records in one batch.")
        self.store_time = _delays(registry, "sink_store_seconds", "A transaction of the store.")
        self.stream_delay = _delays(
            registry, "sink_stream_delay_seconds", "From the append to the stream until stored."
        )
        self.event_delay = _delays(
            registry,
            "sink_event_delay_seconds",
            "From the event on the device until stored; as wrong as the device's clock, never below 0.",
        )


class AckMetrics:
    """Answers to the devices."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.sent = _counter(registry, "acks_sent", "Acknowledgements handed to the broker.")
        self.unsent = _counter(
            registry, "acks_unsent", "Acknowledgements that could not be sent; the devices ask again."
        )


class RulMetrics:
    """Forecasts of remaining useful life."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.rounds = _counter(registry, "rul_rounds", "Rounds of forecasts over all machines.")
        self.late_rounds = _counter(
            registry, "rul_late_rounds", "Rounds that ended after the next one was due."
        )
        self.failed_rounds = _counter(
            registry, "rul_failed_rounds", "Rounds that the store broke off; each is tried again."
        )
        self.round_time = _delays(registry, "rul_round_seconds", "A round of forecasts.")
        self.forecasts = _counter(registry, "rul_forecasts", "Forecasts stored.")
        self.beyond = _counter(registry, "rul_forecasts_beyond", "Of these, beyond the horizon.")
        self.unanswered = _counter(
            registry, "rul_unanswered_lives", "Lives of which the model's answer was no number."
        )
        self.undecodable = _counter(
            registry, "rul_undecodable_records", "Records that this version cannot read."
        )


class ReleaseMetrics:
    """Rollouts of models."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.rounds = _counter(registry, "releases_rounds", "Rounds over the rollouts that run.")
        self.failed_rounds = _counter(
            registry, "releases_failed_rounds", "Rounds that the store broke off; each is tried again."
        )
        self.unsigned = _counter(
            registry, "releases_unsigned_rounds", "Rounds that a key broke off; each is tried again."
        )
        self.assignments = _counter(registry, "releases_assignments", "Assignments signed and stored.")
        self.unsent_hints = _counter(
            registry, "releases_unsent_hints", "Hints that were not sent; the devices ask by themselves."
        )
        self.longest_wait = Gauge(
            f"{PREFIX}_releases_longest_wait_seconds",
            "How long a rollout has waited for what it waits for now, by kind; the longest of each.",
            ["kind"],
            registry=registry,
        )


class EamMetrics:
    """Work orders and the company's maintenance system."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.sent = _counter(registry, "eam_sent", "Things that the maintenance system was told.")
        self.failed = _counter(registry, "eam_failed", "Attempts that failed; each is tried again.")
        self.refused = _counter(registry, "eam_refused", "Things that it refused; a person has to look.")
        self.taken = _counter(registry, "eam_taken", "Things that it said and that were taken.")
        self.oldest_wait = Gauge(
            f"{PREFIX}_eam_oldest_wait_seconds",
            "How long the oldest thing that it has to be told has waited.",
            registry=registry,
        )
        self.dead_letters = Gauge(
            f"{PREFIX}_eam_refused_messages",
            "Things between it and us that a person has to look at.",
            registry=registry,
        )


class ApiMetrics:
    """Whoever asks the API and the page."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.requests = _counter(
            registry, "api_requests", "Requests answered, by the first digit of the status.", "status"
        )
        self.answer_time = _delays(registry, "api_answer_seconds", "Until an answer begins.")


class StreamMetrics:
    """Consumers of the stream."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.lag = Gauge(
            f"{PREFIX}_stream_lag_records",
            "Records that wait in the stream for this process, by consumer group and topic.",
            ["group", "topic"],
            registry=registry,
        )


class LinkState(Protocol):
    """What is asked of an MQTT link."""

    @property
    def is_connected(self) -> bool:
        """Whether publications flow now."""
        ...

    @property
    def is_paused(self) -> bool:
        """Whether nothing more is read from the broker for now."""
        ...

    @property
    def waiting(self) -> int:
        """Publications that nobody has taken yet."""
        ...

    @property
    def connections(self) -> int:
        """Times the broker has accepted us."""
        ...


class LinkMetrics(Collector):
    """The connections to the broker, asked when somebody looks."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._links: dict[str, LinkState] = {}
        registry.register(self)

    def watch(self, role: str, link: LinkState) -> None:
        """Show this link, under its role."""
        self._links[role] = link

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        yield self._gauge("mqtt_connected", "Whether the broker is connected.", lambda x: x.is_connected)
        yield self._gauge(
            "mqtt_paused", "Whether reading rests because the stream falls behind.", lambda x: x.is_paused
        )
        yield self._gauge(
            "mqtt_waiting_messages", "Publications received and not in the stream yet.", lambda x: x.waiting
        )
        connections = CounterMetricFamily(
            f"{PREFIX}_mqtt_connections", "Times the broker has accepted us.", labels=["link"]
        )
        for role, link in self._links.items():
            connections.add_metric([role], link.connections)
        yield connections

    def _gauge(self, name: str, meaning: str, read: Callable[[LinkState], float]) -> GaugeMetricFamily:
        family = GaugeMetricFamily(f"{PREFIX}_{name}", meaning, labels=["link"])
        for role, link in self._links.items():
            family.add_metric([role], read(link))
        return family


def process_registry() -> CollectorRegistry:
    """A registry that shows the process itself: start, CPU time, memory, open files."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a line for each counter that nobody reads
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def expose(registry: CollectorRegistry) -> bytes:
    """Everything in a registry, in Prometheus' text format."""
    return generate_latest(registry)


def count_of(counter: Counter) -> int:
    """What a counter has come to, over all its labels."""
    return int(sum(s.value for m in counter.collect() for s in m.samples if s.name.endswith("_total")))


def metric_names() -> Iterator[tuple[str, str]]:
    """Every metric of ours as it is exposed, with its meaning."""
    registry = CollectorRegistry()
    for make in GROUPS.values():
        make(registry)
    for metric in registry.collect():
        yield f"{metric.name}_total" if metric.type == "counter" else metric.name, metric.documentation


GROUPS: Mapping[str, Callable[[CollectorRegistry], object]] = {
    "ingest": IngestMetrics,
    "sink": SinkMetrics,
    "acks": AckMetrics,
    "rul": RulMetrics,
    "releases": ReleaseMetrics,
    "eam": EamMetrics,
    "api": ApiMetrics,
    "stream": StreamMetrics,
    "mqtt": LinkMetrics,
}


def _counter(registry: CollectorRegistry | None, name: str, meaning: str, *labels: str) -> Counter:
    return Counter(f"{PREFIX}_{name}", meaning, labels, registry=registry)


def _batches(registry: CollectorRegistry | None, name: str, meaning: str) -> Histogram:
    return Histogram(f"{PREFIX}_{name}", meaning, buckets=BATCHES, registry=registry)


def _delays(registry: CollectorRegistry | None, name: str, meaning: str) -> Histogram:
    return Histogram(f"{PREFIX}_{name}", meaning, buckets=DELAYS_S, registry=registry)
