"""One reading of a broker's URL, which never shows a password."""

from __future__ import annotations

import dataclasses
import doctest
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import broker_address
from contract.broker_address import BrokerAddress, parse_broker_url
from contract.errors import ConfigError


def test_examples_in_the_docstrings_hold() -> None:
    results = doctest.testmod(broker_address)
    assert results.attempted > 0 and results.failed == 0


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://localhost", BrokerAddress("localhost", 1883)),
        ("mqtt://10.0.0.7:18830/", BrokerAddress("10.0.0.7", 18830)),
        ("mqtts://broker.plant", BrokerAddress("broker.plant", 8883, is_tls=True)),
        ("mqtt://[::1]:1884", BrokerAddress("::1", 1884)),
        ("mqtt://press-7:p%40ss%2Fword@b:1999", BrokerAddress("b", 1999, "press-7", "p@ss/word")),
    ],
)
def test_url_gives_host_port_user_password_and_tls(url: str, expected: BrokerAddress) -> None:
    assert parse_broker_url(url) == expected


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_any_credentials_survive_a_url(username: str, password: str) -> None:
    url = f"mqtt://{quote(username, safe='')}:{quote(password, safe='')}@b"
    found = parse_broker_url(url)
    assert (found.username, found.password) == (username, password)


def test_password_of_the_url_wins_over_the_one_given() -> None:
    assert parse_broker_url("mqtt://u@b", "env").password == "env"
    assert parse_broker_url("mqtt://u:url@b", "env").password == "url"
    assert parse_broker_url("mqtt://b", "env").password == ""


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker",
        "b:1883",
        "http://hunter2@b",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://u:hunter2@b:x",
        "mqtt://u:hunter2@[::1",
        "mqtt://b/topic",
        "mqtt://b?topic=t",
        "mqtt://b#t",
        "mqtt://b:99999",
        "mqtt://b:0",
        "mqtt://:hunter2@b",
    ],
)
def test_what_is_no_address_is_refused_in_one_line_without_the_password(url: str) -> None:
    with pytest.raises(ConfigError, match="mqtt") as failure:
        parse_broker_url(url)
    assert "hunter2" not in str(failure.value) and "\n" not in str(failure.value)


@pytest.mark.parametrize("change", [{"host": ""}, {"host": "a b"}, {"port": 0}, {"password": "x"}])
def test_an_address_that_leads_nowhere_cannot_be_built(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="mqtt"):
        dataclasses.replace(BrokerAddress("b"), **change)


def test_it_shows_as_a_url_without_credentials() -> None:
    address = BrokerAddress("::1", 1884, "cloud", "hunter2", is_tls=True)
    assert str(address) == "mqtts://[::1]:1884"
    assert parse_broker_url(str(address)) == dataclasses.replace(address, username="", password="")
    assert "hunter2" not in f"{address!r} {address}"
