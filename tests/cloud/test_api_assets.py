"""The plant over the API: assets, mapping, lists, planned stops and the maintenance log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.people import Role
from cloud.store.database import Database
from cloud.store.writer import StoreWriter
from tests.cloud.samples import arrive, birth
from tests.cloud.signed_in import SignedIn as TestClient
from tests.cloud.signed_in import by

LIST = "tag,site,area,device\nP-101,north,packing,press-1\nM-1,south,,\n"
CSV = {"Content-Type": "text/csv"}
LOG = "machine,component,time,kind,code\npress-1,bearing,2026-03-01T10:30:00Z,failure,\n"
ENTRY = {"machine": "press-1", "time": "2026-03-01T12:00:00+01:00", "kind": "maintenance", "code": "oiled"}
STOP = {"starts_at": "2026-03-14T06:00:00Z", "ends_at": "2026-03-14T18:00:00Z", "place": {"site": "north"}}


@pytest.fixture
def app(database: Database, writer: StoreWriter) -> FastAPI:
    writer.write(arrive(birth("press-1"), birth("press-2")))
    return create_app(ApiSettings(), database)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1/api/v1") as opened:
        yield opened


def become(client: TestClient, role: Role, *sites: str) -> None:
    client.headers.update(by(client.app, " ".join(["Åse Lie", role, *sites]), role, sites or None))


def take(client: TestClient, text: str = LIST, **query: Any) -> dict[str, Any]:
    answer = client.post("/assets/import", content=text, headers=CSV, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_list_is_tried_taken_over_and_found_the_same(client: TestClient) -> None:
    tried = take(client, dry_run=True)
    assert (tried["added"], tried["is_dry_run"]) == (["P-101", "M-1"], True)
    assert client.get("/assets").json()["assets"] == []
    assert take(client)["added"] == ["P-101", "M-1"]
    assert take(client)["n_same"] == 2
    (fault,) = take(client, LIST + "x y,north,,\n")["faults"]
    assert (fault["line"], "tag 'x y'" in fault["detail"]) == (4, True)
    page = client.get("/assets", params={"limit": 1}).json()
    assert page["next_after"] == "M-1"
    (last,) = client.get("/assets", params={"after": "M-1"}).json()["assets"]
    assert (last["tag"], last["device_id"], last["criticality"]) == ("P-101", "press-1", "medium")


def test_one_asset_and_what_watches_it(client: TestClient) -> None:
    take(client)
    body = {
        "site": "north",
        "kind": "PU",
        "criticality": "high",
        "components": ["seal"],
        "device_id": "press-2",
    }
    assert client.put("/assets/P-102", json=body).json()["kind"] == "PU"
    mapping = client.get("/assets/mapping").json()
    assert (mapping["assets"], mapping["unwatched"], mapping["unmapped_devices"]) == (3, 1, [])
    assert client.put("/assets/P-102/device", json={"device_id": None}).json()["device_id"] is None
    assert client.get("/assets/mapping").json()["unmapped_devices"] == ["press-2"]
    refused = client.put("/assets/P-102/device", json={"device_id": "press-1"})
    assert (refused.status_code, "watches P-101 already" in refused.json()["detail"]) == (409, True)
    assert client.put("/assets/P-103", json=body | {"device_id": "press-9"}).status_code == 409
    assert client.delete("/assets/P-102").status_code == 204
    assert client.delete("/assets/P-102").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "said"),
    [
        ("PUT", "/assets/P-1", {"json": {"site": "a/b"}}, 422, "Site 'a/b'"),
        ("PUT", "/assets/P-1", {"json": {"site": "north", "criticality": "x"}}, 422, "low, medium, high"),
        ("PUT", "/assets/P-1", {"json": {"site": "north", "who": "me"}}, 422, "who"),
        ("PUT", "/assets/..%2F1", {"json": {"site": "north"}}, 404, ""),
        ("GET", "/assets/P-9", {}, 404, "no asset 'P-9'"),
        ("POST", "/assets/import", {"content": LIST}, 415, "text/csv"),
        ("POST", "/assets/import", {"content": b"tag\xff", "headers": CSV}, 422, "not UTF-8 from byte 3"),
        ("POST", "/planned-stops", {"json": STOP | {"tag": "P-9"}}, 422, "of a place or of one machine"),
        ("POST", "/planned-stops", {"json": STOP | {"tag": "P-9", "place": None}}, 404, "no asset"),
        ("POST", "/planned-stops", {"json": STOP | {"ends_at": STOP["starts_at"]}}, 422, "ends after"),
        ("DELETE", "/planned-stops/7", {}, 404, "no planned stop 7"),
        ("POST", "/maintenance-log", {"json": {"entries": []}}, 422, "at least 1"),
        ("POST", "/maintenance-log", {"json": {"entries": [ENTRY | {"code": ""}]}}, 422, "needs a code"),
        ("POST", "/maintenance-log/import", {"content": LOG + "x\n", "headers": CSV}, 422, "line 3"),
    ],
    ids=range(14),
)
def test_what_cannot_be_is_said(
    client: TestClient, method: str, path: str, sent: dict[str, Any], status: int, said: str
) -> None:
    answer = client.request(method, path, **sent)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"] and answer.headers["content-type"] == "application/problem+json"


def test_stops_are_planned_and_called_off(client: TestClient) -> None:
    take(client)
    first = client.post("/planned-stops", json=STOP | {"note": "spring"})
    assert (first.status_code, first.json()["who"], first.json()["site"]) == (201, "Jo Brandt", "north")
    client.post("/planned-stops", json=STOP | {"tag": "M-1", "place": None})
    page = client.get("/planned-stops", params={"limit": 1}).json()
    assert [stop["note"] for stop in page["stops"]] == ["spring"] and page["next_after"] == first.json()["id"]
    over = {"ending_after": "2026-03-15T00:00:00Z"}
    assert client.get("/planned-stops", params=over).json()["stops"] == []
    assert client.delete(f"/planned-stops/{first.json()['id']}").status_code == 204
    assert [stop["tag"] for stop in client.get("/planned-stops").json()["stops"]] == ["M-1"]


def test_the_log_is_the_one_of_the_command_line(client: TestClient) -> None:
    taken = client.post("/maintenance-log/import", content=LOG, headers=CSV).json()
    assert taken == {"n_read": 1, "n_new": 1, "n_known": 0}
    become(client, Role.TECHNICIAN)
    assert client.post("/maintenance-log", json={"entries": [ENTRY, ENTRY]}).json()["n_new"] == 1
    newest, oldest = client.get("/maintenance-log", params={"machine": "press-1"}).json()["entries"]
    assert (newest["code"], newest["source"], newest["time"]) == (
        "oiled",
        "by _se Lie technician",
        "2026-03-01T11:00:00Z",
    )
    assert (oldest["kind"], oldest["component"]) == ("failure", "bearing")
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    refused = client.post("/maintenance-log", json={"entries": [ENTRY | {"time": later}]})
    assert (refused.status_code, "lies in the future" in refused.json()["detail"]) == (422, True)


def test_each_role_does_its_part(client: TestClient) -> None:
    take(client)
    put = {"json": {"site": "north"}}
    asks: list[tuple[str, str, dict[str, Any], Role]] = [
        ("GET", "/assets", {}, Role.VIEWER),
        ("GET", "/assets/mapping", {}, Role.VIEWER),
        ("GET", "/planned-stops", {}, Role.VIEWER),
        ("GET", "/maintenance-log", {}, Role.VIEWER),
        ("POST", "/maintenance-log", {"json": {"entries": [ENTRY]}}, Role.TECHNICIAN),
        ("POST", "/planned-stops", {"json": STOP}, Role.ENGINEER),
        ("PUT", "/assets/P-5", put, Role.ADMIN),
        ("PUT", "/assets/P-5/device", {"json": {"device_id": None}}, Role.ADMIN),
        ("POST", "/assets/import", {"content": LIST, "headers": CSV}, Role.ADMIN),
        ("DELETE", "/assets/P-5", {}, Role.ADMIN),
    ]
    roles = list(Role)
    for method, path, sent, first in asks:
        for role in roles:
            become(client, role)
            is_let = client.request(method, path, **sent).status_code != 403
            assert is_let == (roles.index(role) >= roles.index(first)), (method, path, role)


def test_whoever_belongs_to_a_site_sees_and_touches_that_one(client: TestClient) -> None:
    take(client)
    client.post("/planned-stops", json=STOP)
    client.post("/maintenance-log", json={"entries": [ENTRY, ENTRY | {"machine": "press-2"}]})
    become(client, Role.ENGINEER, "south")
    assert [asset["tag"] for asset in client.get("/assets").json()["assets"]] == ["M-1"]
    assert client.get("/assets/P-101").status_code == 404
    assert client.get("/assets", params={"site": "north"}).status_code == 403
    assert client.get("/assets/mapping").json()["unmapped_devices"] == []
    assert client.get("/planned-stops").json()["stops"] == []
    assert client.get("/maintenance-log").json()["entries"] == []
    for method, path, sent in (
        ("PUT", "/assets/P-101", {"json": {"site": "south"}}),
        ("PUT", "/assets/P-7", {"json": {"site": "north"}}),
        ("PUT", "/assets/P-101/device", {"json": {"device_id": None}}),
        ("POST", "/planned-stops", {"json": STOP}),
        ("DELETE", "/planned-stops/1", {}),
        ("POST", "/maintenance-log", {"json": {"entries": [ENTRY]}}),
    ):
        assert client.request(method, path, **sent).status_code == 403, path
