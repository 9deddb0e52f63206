"""What the cloud counts: named as Prometheus asks, with few labels, and cheap."""

from __future__ import annotations

import re

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from cloud.metrics import GROUPS, IngestMetrics, LinkMetrics, count_of, expose, metric_names, process_registry

UNITS = ("_total", "_seconds", "_messages", "_records", "_connected", "_paused")
LABELS = {"error", "group", "topic", "link", "status", "kind", "le"}


class Link:
    """A link to a broker, as it looks from outside."""

    is_connected, is_paused, waiting, connections = True, False, 3, 2


def full_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    for make in GROUPS.values():
        make(registry)
    return registry


@pytest.mark.parametrize(("name", "meaning"), list(metric_names()), ids=lambda text: text.split()[0])
def test_a_metric_says_its_unit_and_its_meaning(name: str, meaning: str) -> None:
    assert re.fullmatch(r"industrialguard_[a-z]+(_[a-z]+)+", name)
    assert name.endswith(UNITS)
    assert meaning.endswith(".")


def test_no_label_can_hold_a_device() -> None:
    """The labels of what is declared, before anything was counted."""
    declared = {label for metric in full_registry()._names_to_collectors.values() for label in labels(metric)}
    assert declared | {"link", "le"} == LABELS


def labels(metric: object) -> tuple[str, ...]:
    found: tuple[str, ...] = getattr(metric, "_labelnames", ())
    return found


def test_counts_show_in_the_registry_and_to_us() -> None:
    registry = process_registry()
    metrics = IngestMetrics(registry)
    metrics.accepted.inc(5)
    metrics.dead_letters.labels("DecodeError").inc()
    metrics.dead_letters.labels("TopicError").inc(2)
    assert (count_of(metrics.accepted), count_of(metrics.dead_letters)) == (5, 3)
    families = {f.name: f for f in text_string_to_metric_families(expose(registry).decode())}
    assert families["industrialguard_ingest_accepted_messages"].samples[0].value == 5
    assert "process_start_time_seconds" in families
    assert not [name for name in families if name.endswith("_created")]


def test_without_a_registry_nobody_sees_what_is_counted() -> None:
    metrics = IngestMetrics()
    metrics.accepted.inc()
    assert count_of(metrics.accepted) == 1


def test_links_are_asked_when_somebody_looks() -> None:
    registry = CollectorRegistry()
    link = Link()
    LinkMetrics(registry).watch("ingest", link)
    assert registry.get_sample_value("industrialguard_mqtt_connections_total", {"link": "ingest"}) == 2
    link.waiting = 7
    assert registry.get_sample_value("industrialguard_mqtt_waiting_messages", {"link": "ingest"}) == 7
