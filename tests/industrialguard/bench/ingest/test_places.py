"""Addresses of a road are read once, and shown without passwords."""

from __future__ import annotations

import pytest

from contract.errors import ConfigError
from industrialguard.bench.ingest.places import EMBEDDED, Places, read_places

MQTT, STREAM, STORE = "mqtt://127.0.0.1:1883", "kafka://k:9092", "postgresql://u:s3cret@db:5433/name"


def test_a_road_through_servers_has_topics_of_its_own() -> None:
    one, other = (read_places(MQTT, STREAM, STORE) for _ in range(2))
    assert one.stream != other.stream
    assert read_places(MQTT, f"{STREAM}/mine", STORE).stream == f"{STREAM}/mine"


def test_its_servers_are_known_by_host_and_port() -> None:
    ports = read_places(MQTT, STREAM, STORE).ports()
    assert ports == {"broker": ("127.0.0.1", 1883), "Kafka": ("k", 9092), "PostgreSQL": ("db", 5433)}
    assert Places(EMBEDDED).ports() == {}


def test_with_certificates_the_broker_is_the_roads_own() -> None:
    places = read_places(None, STREAM, STORE, is_secured=True)
    assert places.ports().keys() == {"Kafka", "PostgreSQL"}
    assert "certificates" in places.sentence()
    assert read_places(MQTT, STREAM, STORE, is_secured=True).mqtt is None
    assert "certificates" in Places(EMBEDDED, is_secured=True).sentence()


def test_no_password_is_shown() -> None:
    places = read_places("mqtt://user:s3cret@h", STREAM, STORE)
    assert "s3cret" not in repr(places) + places.sentence()


@pytest.mark.parametrize(
    "given",
    [
        (None, STREAM, STORE),
        (MQTT, None, STORE),
        (MQTT, STREAM, None),
        ("mqtts://h", STREAM, STORE),
        (MQTT, "k:9092", STORE),
        (MQTT, STREAM, "sqlite:///s3cret"),
    ],
    ids=["no broker", "no stream", "no store", "tls", "no kafka", "no postgresql"],
)
def test_what_is_no_road_is_one_clear_line(given: tuple[str | None, str | None, str | None]) -> None:
    with pytest.raises(ConfigError) as refused:
        read_places(*given)
    assert "s3cret" not in str(refused.value)
