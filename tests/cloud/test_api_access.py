"""Who may ask what: every route by every role, every site, and by nobody."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.order_desk import OrderDesk
from cloud.people import Permission, Principal, Role
from cloud.store import queries
from cloud.store.asset_tables import AssetRow
from cloud.store.database import Database
from cloud.store.writer import StoreWriter
from contract.logs import JsonFormatter
from tests.cloud.routes import Known, known_routes
from tests.cloud.samples import alarm, arrive, birth, summary
from tests.cloud.signed_in import by

OWN = "http://127.0.0.1"
OPEN = {
    "GET /api/v1/devices/{device_id}/assignment": "signed, and fetched by devices",
    "GET /api/v1/openapi.json": "what there is, and nothing of what is in it",
    "GET /enter": "brings a link that works once",
    "GET /healthz": "probes",
    "GET /password": "brings a link that works once",
    "GET /readyz": "probes",
    "GET /setup": "brings a link that works once",
    "GET /sign-in": "the door",
    "POST /api/v1/eam/inbox": "signed by the maintenance system",
    "POST /api/v1/tokens": "brings a password",
    "POST /api/v1/tokens/refresh": "brings a refresh token",
    "POST /password": "brings a link that works once",
    "POST /setup": "brings a link that works once",
    "POST /sign-in": "brings a password",
}
"""Routes that ask nobody who they are, and why."""
FIRST = {  # the first role that may, where that is not the viewer; the first line that fits counts
    "admin": (
        *("/people", "/keys", "GET /audit", "GET /api/v1/audit", "POST /api/v1/assets/", "POST /assets/"),
        *("PUT /api/v1/assets/", "DELETE /api/v1/assets/"),
    ),
    "engineer": (
        *("PUT /api/v1/devices/", "POST /rollouts", "POST /api/v1/rollouts", "POST /planning/stops"),
        *("POST /api/v1/planned-stops", "DELETE /api/v1/planned-stops/", "POST /api/v1/work-orders"),
        *("POST /orders/", "POST /cases/{case_id}/orders/", "/letters/{letter_id}/retry"),
    ),
    "technician": ("POST /cases/", "POST /api/v1/cases/", "POST /api/v1/maintenance-log"),
}
OWN_AFFAIRS = {
    "POST /account/password",
    "POST /account/sign-ins/end",
    "POST /sign-out",
    "DELETE /api/v1/tokens",
}
"""Changes that everybody makes to what is theirs."""


@pytest.fixture
def app(database: Database, writer: StoreWriter) -> FastAPI:
    """Two machines, each at a site of its own, each with an alert and a case."""
    for device in ("press-1", "press-2"):
        writer.write(arrive(birth(device), summary(1, device), alarm(2, 7, device=device)))
    with database.transaction() as session:
        for number, site in ((1, "north"), (2, "south")):
            session.add(_asset(f"P-{number}", site, f"press-{number}"))
    for number in (1, 2):
        OrderDesk(database).suggest(number, "Ada")
    return create_app(ApiSettings(), database)


def _asset(tag: str, site: str, device: str) -> AssetRow:
    empty = {"area": "", "line": "", "name": "", "kind": "PU", "eam_ref": ""}
    return AssetRow(tag=tag, site=site, criticality=1, components=[], device_id=device, **empty)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=OWN, follow_redirects=False) as opened:
        yield opened


def path_of(route: Known, number: int = 1) -> str:
    """With something that is there in each place."""
    given = {
        "device_id": f"press-{number}",
        "alert_id": str(number),
        "case_id": str(number),
        "rollout_id": "r-0",
        "person_id": "99",
        "key_id": "none",
        "letter_id": "99",
        "order_id": str(number),
        "stop_id": "99",
        "tag": f"P-{number}",
        "action": "explode",
    }
    return route.path.format_map(given)


def first_role(route: Known) -> Role:
    for role, parts in FIRST.items():
        if any(part in route.name for part in parts):
            return Role(role)
    return Role.VIEWER


def test_every_route_asks_for_one_permission_or_is_open_for_a_reason(app: FastAPI) -> None:
    routes = known_routes(app)
    assert {each.name for each in routes if not each.needs} == set(OPEN)
    assert [each.name for each in routes if len(each.needs) > 1] == []
    assert len(routes) > 60


def test_changes_ask_for_more_than_reading_does(app: FastAPI) -> None:
    for route in known_routes(app):
        if route.needs and route.method != "GET" and route.name not in OWN_AFFAIRS:
            assert route.needs[0][0] is not Permission.READ, route.name


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_what_the_table_says(app: FastAPI, client: TestClient, role: Role) -> None:
    signed = by(app, f"a {role}", role)
    for route in known_routes(app):
        if route.name in OPEN or route.name in OWN_AFFAIRS or route.path == "/api/v1/events":
            continue
        may = list(Role).index(role) >= list(Role).index(first_role(route))
        answer = client.request(route.method, path_of(route), headers=signed)
        assert (answer.status_code == 403) is not may, f"{route.name} by {role}: {answer.status_code}"
        assert answer.status_code not in (401, 500), route.name


def test_nobody_gets_anything_but_a_way_to_sign_in(app: FastAPI, client: TestClient) -> None:
    for route in known_routes(app):
        if route.name in OPEN:
            continue
        program = client.request(route.method, path_of(route))
        assert program.status_code == 401 and "press-" not in program.text, route.name
        assert program.headers["content-type"] == "application/problem+json"
        person = client.request(route.method, path_of(route), headers={"accept": "text/html"})
        if route.method == "GET" and not route.path.startswith("/api/"):
            assert person.status_code == 303 and person.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer x.y.z"},
        {"authorization": "Bearer "},
        {"authorization": "Basic YTpi"},
        {"x-api-key": "ig_0a1b_secret"},
        {"x-api-key": ""},
        {"cookie": "industrialguard=stolen"},
    ],
    ids=["token", "empty token", "basic", "key", "empty key", "cookie"],
)
def test_what_is_made_up_lets_nobody_in(client: TestClient, headers: dict[str, str]) -> None:
    assert client.get("/api/v1/machines", headers=headers).status_code == 401


def test_whoever_belongs_to_a_site_sees_nothing_of_another(app: FastAPI, client: TestClient) -> None:
    signed = by(app, "Jo", Role.ENGINEER, ["north"])
    for route in known_routes(app):
        if route.name in OPEN or route.method != "GET" or route.path == "/api/v1/events":
            continue
        own, other = path_of(route, 1), path_of(route, 2)
        assert "press-2" not in client.get(own, headers=signed).text, own
        answer = client.get(other, headers=signed)
        if "{" in route.path:
            assert answer.status_code in (403, 404), f"{other}: {answer.status_code}"
            if "r-0" not in other:
                assert client.get(own, headers=signed).status_code in (200, 403), own
    assert [m["device_id"] for m in client.get("/api/v1/machines", headers=signed).json()["machines"]] == [
        "press-1"
    ]


def test_whoever_belongs_to_a_site_changes_nothing_of_another(app: FastAPI, client: TestClient) -> None:
    signed = by(app, "Jo", Role.ENGINEER, ["north"])
    before = client.get("/api/v1/cases/2", headers=by(app, "Ada")).json()
    assert client.post("/api/v1/cases/2/acknowledge", json={}, headers=signed).status_code == 404
    assert client.put("/api/v1/devices/press-2/place", json={}, headers=signed).status_code == 404
    assert client.post("/api/v1/rollouts", json={}, headers=signed).status_code == 403
    assert client.get("/api/v1/cases/2", headers=by(app, "Ada")).json() == before
    assert client.post("/api/v1/cases/1/acknowledge", json={}, headers=signed).status_code == 200


def test_a_machine_of_no_site_is_seen_by_whoever_sees_all(app: FastAPI, writer: StoreWriter) -> None:
    writer.write(arrive(birth("press-3")))
    client = TestClient(app, base_url=f"{OWN}/api/v1")
    assert client.get("/machines/press-3", headers=by(app, "Ada")).status_code == 200
    assert client.get("/machines/press-3", headers=by(app, "Jo", Role.VIEWER, ["north"])).status_code == 404


def test_the_trail_names_whoever_is_signed_in(app: FastAPI, client: TestClient) -> None:
    key = app.state.people.make_key("mes", Role.TECHNICIAN, None, None, "a test")
    assert client.post("/api/v1/cases/1/acknowledge", json={}, headers={"x-api-key": key}).status_code == 200
    (_, entry) = client.get("/api/v1/cases/1/entries", headers=by(app, "Ada")).json()["entries"]
    assert entry["who"] == "key mes"
    changes = client.get("/api/v1/audit", headers=by(app, "Ada")).json()["entries"]
    assert [(each["who"], each["what"], each["status"]) for each in changes] == [
        ("key mes", "POST /api/v1/cases/1/acknowledge", 200)
    ]


def test_a_key_counts_until_it_is_revoked(app: FastAPI, client: TestClient) -> None:
    ada = by(app, "Ada")
    key = client.post("/api/v1/keys", json={"name": "mes"}, headers=ada).json()["key"]
    assert client.get("/api/v1/me", headers={"x-api-key": key}).json()["name"] == "key mes"
    (listed,) = client.get("/api/v1/keys", headers=ada).json()["keys"]
    assert key.split("_", 2)[2] not in str(listed)
    assert client.delete(f"/api/v1/keys/{listed['id']}", headers=ada).json()["revoked_at"]
    assert client.get("/api/v1/me", headers={"x-api-key": key}).status_code == 401


def test_more_than_one_caller_may_ask_is_refused(database: Database) -> None:
    app = create_app(ApiSettings(requests_per_s=0.5), database)
    client = TestClient(app, base_url=OWN)
    signed = by(app, "Ada")
    assert client.get("/api/v1/me", headers=signed).status_code == 200
    refused = client.get("/api/v1/me", headers=signed)
    assert refused.status_code == 429 and refused.headers["retry-after"] == "1"
    assert client.get("/api/v1/me", headers=by(app, "Jo")).status_code == 200


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_refused_as_a_problem(database: Database, announced: bool) -> None:
    app = create_app(ApiSettings(max_body_bytes=1000), database)
    parts = [b"x" * 600, b"x" * 600]
    content = b"".join(parts) if announced else iter(parts)
    answer = TestClient(app, base_url=OWN).post("/api/v1/tokens", content=content)
    assert answer.status_code == 413 and answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-security-policy"]


def test_no_secret_reaches_a_log(app: FastAPI, client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    password = "correct horse battery"
    ada = by(app, "Ada")
    made = client.post("/api/v1/people", json={"name": "Jo"}, headers=ada).json()
    token = made["link"].partition("token=")[2]
    origin = {"origin": OWN}
    entered = client.post("/password", data={"token": token, "password": password}, headers=origin)
    cookie = entered.cookies["industrialguard"]
    client.cookies.clear()
    client.post("/sign-in", data={"name": "Jo", "password": "wrong " + password}, headers=origin)
    signed = client.post("/api/v1/tokens", json={"name": "Jo", "password": password}).json()
    renewed = client.post("/api/v1/tokens/refresh", json={"refresh_token": signed["refresh_token"]}).json()
    key = client.post("/api/v1/keys", json={"name": "mes"}, headers=ada).json()["key"]
    secrets = [password, token, cookie, key, key.rpartition("_")[2]]
    secrets += [each[name] for each in (signed, renewed) for name in ("access_token", "refresh_token")]
    said = "\n".join(JsonFormatter().format(record) for record in caplog.records)
    said += client.get("/api/v1/audit", headers=ada).text
    assert len(secrets) == 9 and not [each for each in secrets if each in said]


def test_what_a_principal_sees_is_what_the_store_shows(app: FastAPI, database: Database) -> None:
    principal = Principal("Jo", Role.VIEWER, frozenset({"north"}))
    with database.seen_by(principal.sites).session() as session:
        assert [each.device_id for each in queries.list_machines(session)] == ["press-1"]
        assert [each.device_id for each in queries.list_alerts(session)] == ["press-1"]
    with database.session() as session:
        assert len(queries.list_machines(session)) == 2
