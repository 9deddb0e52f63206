from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from contract.broker_address import BrokerAddress
from contract.errors import ConfigError
from contract.identity import IdentityFolder
from edge_agent.settings import AgentSettings, MqttSettings, UpdatePace


@pytest.mark.parametrize(
    "change",
    [
        {"least_s": 0.0},
        {"poll_s": 5.0},
        {"poll_s": float("inf")},
        {"first_retry_s": 0.0},
        {"last_retry_s": 1.0},
        {"first_s": -1.0},
        {"hint_spread_s": -1.0},
    ],
    ids=str,
)
def test_a_pace_without_a_pause_cannot_be_built(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="updates: "):
        UpdatePace(**change)


def test_password_never_shows() -> None:
    mqtt = MqttSettings(BrokerAddress("b", 1883, "u", "hunter2"))

    assert "hunter2" not in repr(AgentSettings("a", Path(), mqtt))


@pytest.mark.parametrize(
    "change",
    [
        {"identity": IdentityFolder(Path("x"))},
        {"will_delay_s": -1},
        {"keepalive_s": 1},
        {"connect_timeout_s": 0.0},
    ],
)
def test_impossible_broker_settings_cannot_be_built(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        dataclasses.replace(MqttSettings(BrokerAddress("b")), **change)


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
        {"min_backoff_s": 61.0},
        {"max_backoff_s": float("inf")},
        {"drain_s": -1.0},
        {"status_interval_s": 0.0},
        {"state_every_windows": 0},
        {"accelerator": "gpu"},
    ],
)
def test_impossible_agent_settings_cannot_be_built(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        dataclasses.replace(AgentSettings("press-7", Path()), **change)


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        AgentSettings("a", Path()).device_id = "b"  # type: ignore[misc]
