"""Settings refuse what cannot be right, and never show a password."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cloud.kafka_settings import KafkaAddress, KafkaStreamConfig
from cloud.settings import CloudSettings, MqttSettings, parse_http_address
from contract.broker_address import BrokerAddress
from contract.errors import ConfigError


def test_a_password_does_not_show() -> None:
    settings = CloudSettings(Path("x"), MqttSettings(BrokerAddress("broker", 1883, "cloud", "hunter2")))
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        (":0", ("127.0.0.1", 0)),
        ("[::1]:80", ("::1", 80)),
        ("plant:65535", ("plant", 65535)),
    ],
)
def test_http_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_http_address(text) == address


@pytest.mark.parametrize("text", ["", "8080", "host", "host:", "host:x", "host:65536", "host:-1", "host:²"])
def test_wrong_http_addresses(text: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        parse_http_address(text)


@pytest.mark.parametrize(
    "change",
    [
        {"partitions": 0},
        {"partitions": 2000},
        {"ingest_batch": 0},
        {"sink_batch": 10**6},
        {"ingest_wait_s": -1.0},
        {"retention_s": -1.0},
    ],
)
def test_settings_that_cannot_be_right(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        CloudSettings(Path("x"), **change)


@pytest.mark.parametrize("change", [{"max_unacknowledged": 0}, {"backoff_base_s": 9.0}])
def test_mqtt_settings_that_cannot_be_right(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="mqtt"):
        MqttSettings(**change)


def test_stream_and_store_lie_in_the_data_folder() -> None:
    settings = CloudSettings(Path("d"), partitions=3, retention_s=7.0, max_stream_bytes=10**6)
    stream = settings.sqlite_stream
    assert stream.path == Path("d/stream.db")
    assert (stream.partitions, stream.retention_s, stream.max_bytes) == (3, 7.0, 10**6)
    assert settings.kafka_stream is None
    assert settings.store_url == "sqlite:///d/store.db"


def test_kafka_and_postgresql_take_the_places_of_what_is_embedded() -> None:
    url = "postgresql://guard:secret@db/guard"
    settings = CloudSettings(
        Path("d"), partitions=3, retention_s=7.0, kafka=KafkaAddress("k:9092"), store=url, member="s1"
    )
    assert settings.kafka_stream == KafkaStreamConfig(KafkaAddress("k:9092"), 3, 1, 7.0, "s1")
    assert settings.store_url == url
    assert "secret" not in repr(settings)
