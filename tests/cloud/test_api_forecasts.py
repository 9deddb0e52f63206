"""Forecasts over HTTP: the newest, and the past ones beside what happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.store.database import Database
from cloud.store.forecasts import store_forecasts
from cloud.store.machine_events import store_events
from cloud.store.writer import StoreWriter
from tests.cloud.life_samples import at, born, event, talk
from tests.cloud.signed_in import SignedIn as TestClient
from tests.cloud.store.test_forecasts import NUMBERS, made

URL = "/api/v1/machines/mix-1/forecasts"


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    StoreWriter(database).write([born(), *talk(2)])
    beyond = replace(NUMBERS, mean=200.0, p50=200.0, p90=200.0)
    with database.transaction() as session:
        store_forecasts(session, [made(10), made(40), made(70, forecast=beyond), made(20, "gear")], at(80))
        store_events(session, [event("failure", 60)], at(60))
    with TestClient(create_app(ApiSettings(), database), base_url="http://127.0.0.1") as client:
        yield client


def get(client: TestClient, path: str = "", code: int = 200) -> Any:
    answer = client.get(URL + path)
    assert answer.status_code == code, answer.text
    return answer.json()


def test_the_newest_of_each_component(client: TestClient) -> None:
    gear, machine = get(client)["forecasts"]
    assert gear == {
        "component": "gear",
        "made_at": "2026-03-01T20:00:00Z",
        "model_version": "1-abc",
        "time_unit": "h",
        "is_beyond": False,
        "mean": 50.0,
        "p10": 30.0,
        "p50": 50.0,
        "p90": 70.0,
        "horizon": 200.0,
    }
    assert (machine["component"], machine["is_beyond"], machine["p50"]) == ("machine", True, 200.0)


def test_past_forecasts_say_what_happened(client: TestClient) -> None:
    found = get(client, "/history")["forecasts"]
    assert [(f["component"], f["remaining"], f["is_covered"]) for f in found] == [
        ("machine", None, None),
        ("machine", 20.0, False),
        ("gear", None, None),
        ("machine", 50.0, True),
    ]
    assert found[1]["failed_at"] == "2026-03-03T12:00:00Z"


def test_history_comes_in_pages(client: TestClient) -> None:
    first = get(client, "/history?limit=2")["forecasts"]
    rest = get(client, f"/history?limit=2&before={first[-1]['made_at']}")["forecasts"]
    assert [f["made_at"] for f in first + rest] == [
        f["made_at"] for f in get(client, "/history")["forecasts"]
    ]


def test_a_machine_without_forecasts_has_an_empty_list(client: TestClient, database: Database) -> None:
    StoreWriter(database).write([born("mix-9")])
    assert client.get("/api/v1/machines/mix-9/forecasts").json() == {"forecasts": []}
    assert client.get("/api/v1/machines/mix-9/forecasts/history").json() == {"forecasts": []}


def test_what_is_not_there_or_cannot_be_asked_is_a_problem(client: TestClient) -> None:
    for path in ("/api/v1/machines/nobody/forecasts", "/api/v1/machines/nobody/forecasts/history"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
    get(client, "/history?limit=0", 422)
    get(client, "/history?before=yesterday", 422)
