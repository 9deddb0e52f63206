"""The pages of the plant and of planning as the server renders them, and what their forms do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi import FastAPI

from cloud.api.app import create_app
from cloud.api.deps import utc_now
from cloud.api.settings import ApiSettings
from cloud.outcomes import MadeForecast
from cloud.people import Role
from cloud.store.assets import read_asset
from cloud.store.database import Database
from cloud.store.forecasts import store_forecasts
from cloud.store.planned_stops import list_stops
from cloud.store.writer import StoreWriter
from contract.forecast import Forecast
from tests.cloud.samples import arrive, birth
from tests.cloud.signed_in import SignedIn as TestClient
from tests.cloud.test_api_assets import become
from tests.cloud.test_web_pages import outline

LIST = "tag,site,area,line,name,device\nP-1,north,packing,L1,<b>Pump</b>,press-1\nP-2,south,,,,\n"


@pytest.fixture
def app(database: Database, writer: StoreWriter) -> FastAPI:
    writer.write(arrive(birth("press-1"), birth("press-2"), birth("press-3")))
    return create_app(ApiSettings(), database)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1") as opened:
        yield opened


def take(client: TestClient, text: str = LIST, do: str = "import") -> str:
    return str(client.post("/assets/import", data={"list": text, "do": do}).text)


def forecast(database: Database, device: str, days: float) -> None:
    hours = 24 * days
    made = MadeForecast(
        device, "seal", utc_now(), "1-a", "press", "h", Forecast(hours, hours, 2 * hours, 3 * hours, 2400)
    )
    with database.transaction() as session:
        store_forecasts(session, [made], utc_now())


def test_a_list_is_shown_before_it_is_taken_over(client: TestClient, database: Database) -> None:
    shown = take(client, do="preview")
    assert (
        "2 would be added" in shown and "add P-1 in north / packing / L1" in shown and "Take it over" in shown
    )
    with database.session() as session:
        assert client.get("/api/v1/assets").json()["assets"] == []
    assert "&lt;b&gt;Pump&lt;/b&gt;" in take(client)
    wrong = client.post("/assets/import", data={"list": LIST + "x y,north,,,,\n", "do": "import"})
    assert wrong.status_code == 422 and "line 4: tag" in wrong.text and "Take it over" not in wrong.text
    with database.session() as session:
        assert read_asset(session, "P-1").device_id == "press-1"


def test_what_is_mapped_nowhere_comes_first_and_is_mapped(client: TestClient, database: Database) -> None:
    take(client)
    text = client.get("/assets").text
    assert text.index("watch nothing that is known") < text.index("Machines by place")
    assert re.findall(r'name="device" value="([\w-]+)"', text) == ["press-2", "press-3"]
    client.post("/assets/map", data={"device": "press-2", "tag": "P-2"})
    with database.session() as session:
        assert read_asset(session, "P-2").device_id == "press-2"
    refused = client.post("/assets/map", data={"device": "press-3", "tag": "P-9"})
    assert refused.status_code == 422 and "There is no asset &#39;P-9&#39;" in refused.text
    client.post("/assets/map", data={"tag": "P-2"})
    text = client.get("/assets?show=unwatched").text
    assert "P-2" in text and 'class="name">P-1' not in text
    assert 'data-count="2" title="They watch no machine' in client.get("/").text
    assert 'data-count="1" title="Machines of the plant' in client.get("/").text


def test_whoever_may_not_change_is_shown_no_button(client: TestClient) -> None:
    take(client)
    become(client, Role.TECHNICIAN)
    assert "<form" not in client.get("/assets").text.partition("<main")[2]
    assert client.post("/assets/map", data={"tag": "P-1"}).status_code == 403
    assert client.post("/planning/stops", data={}).status_code == 403
    become(client, Role.ENGINEER, "south")
    text = client.get("/assets").text
    assert "P-2" in text and "P-1" not in text and "press-2" not in text
    assert client.post("/assets/map", data={"tag": "P-1"}).status_code == 403


def test_planning_shows_first_what_no_stop_catches(client: TestClient, database: Database) -> None:
    take(client)
    assert "No machine has a forecast yet" in client.get("/planning").text
    forecast(database, "press-1", 10)
    forecast(database, "press-2", 20)
    forecast(database, "press-3", 60)
    start = utc_now() + timedelta(days=7)
    form = {
        "site": "north",
        "starts_at": f"{start:%Y-%m-%dT%H:%M}",
        "ends_at": f"{start + timedelta(hours=8):%Y-%m-%dT%H:%M}",
        "note": "spring",
    }
    client.post("/planning/stops", data=form)
    text = client.get("/planning").text
    assert re.findall(r'<tr id="plan-([\w-]+)" data-level="(\w+)"', text) == [
        ("press-2", "none"),
        ("press-3", "none"),
        ("press-1", "stop"),
    ]
    assert "spring" in text and text.count('rect class="stop"') == 2
    riskless = client.get("/planning?risk=0.05").text
    assert ("press-1", "none") in re.findall(r'<tr id="plan-([\w-]+)" data-level="(\w+)"', riskless)
    assert client.get("/planning?risk=0.95").status_code == 422
    plans = client.get("/api/v1/planning", params={"limit": 1, "after": "press-3"}).json()
    assert (plans["plans"][0]["catch"], plans["plans"][0]["stop"]["note"], plans["next_after"]) == (
        "stop",
        "spring",
        None,
    )
    client.post("/planning/stops/1/remove")
    with database.session() as session:
        assert list_stops(session) == []


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"site": "north", "starts_at": "soon", "ends_at": "later"}, "is no time"),
        ({"starts_at": "2026-03-01T00:00", "ends_at": "2026-03-02T00:00"}, "of a place or of one machine"),
        ({"area": "x", "starts_at": "2026-03-01T00:00", "ends_at": "2026-03-02T00:00"}, "which site"),
    ],
    ids=range(3),
)
def test_a_stop_that_cannot_be_is_refused(client: TestClient, form: dict[str, str], said: str) -> None:
    answer = client.post("/planning/stops", data=form)
    assert answer.status_code == 422 and said in answer.json()["detail"]


def test_every_link_leads_somewhere(client: TestClient, database: Database) -> None:
    take(client)
    forecast(database, "press-1", 10)
    for path in (
        "/",
        "/?site=north",
        "/?show=silent",
        "/assets",
        "/assets?show=unwatched",
        "/assets/import",
        "/planning",
    ):
        parsed = outline(client, path)
        assert len(parsed.ids) == len(set(parsed.ids))
        for link in parsed.links - {"/assets/map", "/planning/stops"}:
            if not link.startswith("#") and not link.endswith("/remove"):
                assert client.get(link).status_code == 200, (path, link)
