from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from contract.errors import ConfigError
from edge_agent.settings import AgentSettings, MqttSettings, parse_mqtt_url


def test_url_gives_host_port_user_and_password() -> None:
    mqtt = parse_mqtt_url("mqtt://press-7:p%40ss@broker.local:1999")

    assert (mqtt.host, mqtt.port, mqtt.username, mqtt.password) == ("broker.local", 1999, "press-7", "p@ss")
    assert not mqtt.is_tls


def test_each_scheme_has_its_port() -> None:
    assert parse_mqtt_url("mqtt://b").port == 1883
    assert parse_mqtt_url("mqtts://b").port == 8883
    assert parse_mqtt_url("mqtts://b").is_tls
    assert parse_mqtt_url("mqtt://[::1]:7").host == "::1"


def test_password_of_the_url_wins_over_the_one_given() -> None:
    assert parse_mqtt_url("mqtt://u@b", "env").password == "env"
    assert parse_mqtt_url("mqtt://u:url@b", "env").password == "url"
    assert parse_mqtt_url("mqtt://b", "env").password == ""


@pytest.mark.parametrize(
    "url",
    [
        "",
        "b:1883",
        "http://b",
        "mqtt://",
        "mqtt://u:hunter2@b:x",
        "mqtt://b/topic",
        "mqtt://b:99999",
        "mqtt://b:0",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_the_password(url: str) -> None:
    with pytest.raises(ConfigError) as failure:
        parse_mqtt_url(url)

    assert "hunter2" not in str(failure.value)


def test_password_never_shows() -> None:
    mqtt = parse_mqtt_url("mqtt://u:hunter2@b")

    assert "hunter2" not in repr(AgentSettings("a", Path(), mqtt))


@pytest.mark.parametrize(
    "change",
    [
        {"host": ""},
        {"host": "a b"},
        {"port": 0},
        {"password": "x", "username": ""},
        {"ca_file": Path("ca.pem")},
        {"is_tls": True, "cert_file": Path("c.pem")},
        {"keepalive_s": 1},
        {"connect_timeout_s": 0.0},
    ],
)
def test_impossible_broker_settings_cannot_be_built(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        dataclasses.replace(MqttSettings("b"), **change)


@pytest.mark.parametrize(
    "change",
    [
        {"device_id": "a/b"},
        {"device_id": ""},
        {"outbox_max_bytes": 10},
        {"outbox_max_age_s": 0.0},
        {"inflight_limit": 3},
        {"ack_timeout_s": 0.0},
        {"ack_timeout_s": 61.0},
        {"min_backoff_s": 31.0},
        {"max_backoff_s": float("inf")},
        {"drain_s": -1.0},
        {"status_interval_s": 0.0},
        {"state_every_windows": 0},
    ],
)
def test_impossible_agent_settings_cannot_be_built(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        dataclasses.replace(AgentSettings("press-7", Path()), **change)


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        AgentSettings("a", Path()).device_id = "b"  # type: ignore[misc]
