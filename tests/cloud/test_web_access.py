"""Coming in and going: the door's own pages, and what is tried at them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from cloud.api.access import COOKIE
from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.people import Role
from cloud.store.database import Database
from cloud.web.access_pages import local_path

OWN = "http://127.0.0.1"
PASSWORD = "correct horse battery"
HTML = {"accept": "text/html"}
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def app(database: Database) -> FastAPI:
    return create_app(ApiSettings(), database)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=OWN, follow_redirects=False, headers={"origin": OWN}) as opened:
        yield opened


@pytest.fixture
def aylin(app: FastAPI) -> int:
    person = app.state.people.add("Aylin Kaya", Role.ADMIN, None)
    app.state.people.set_password(person.id, PASSWORD)
    return int(person.id)


def sign_in(client: TestClient, name: str = "Aylin Kaya", next_path: str = "/") -> str:
    """Sign in; returns where to go."""
    form = {"name": name, "password": PASSWORD, "next": next_path}
    answer = client.post("/sign-in", data=form)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_from_the_first_start_to_an_administrator(app: FastAPI, client: TestClient) -> None:
    link = f"/setup?token={app.state.people.make_setup_link()}"
    assert "first administrator" in client.get(link).text
    token = link.partition("=")[2]
    form = {"token": token, "name": "Aylin Kaya", "password": "short"}
    refused = client.post("/setup", data=form)
    assert refused.status_code == 422 and "12 to 128" in refused.text and "Aylin Kaya" in refused.text
    assert client.post("/setup", data=form | {"password": PASSWORD}).status_code == 303
    assert "Aylin Kaya" in client.get("/").text
    assert client.get(link).status_code == 404
    assert client.post("/setup", data=form | {"password": PASSWORD, "name": "Mallory"}).status_code == 404


def test_the_cookie_is_kept_from_scripts_and_other_sites(client: TestClient, aylin: int) -> None:
    sent = client.post("/sign-in", data={"name": "Aylin Kaya", "password": PASSWORD}).headers["set-cookie"]
    assert "HttpOnly" in sent and "SameSite=lax" in sent and "Path=/" in sent and "Secure" not in sent
    encrypted = TestClient(client.app, base_url="https://127.0.0.1", follow_redirects=False)
    answer = encrypted.post(
        "/sign-in",
        data={"name": "Aylin Kaya", "password": PASSWORD},
        headers={"origin": "https://127.0.0.1"},
    )
    assert "Secure" in answer.headers["set-cookie"]


def test_a_session_that_was_put_upon_a_browser_is_nobodys(client: TestClient, aylin: int) -> None:
    client.cookies.set(COOKIE, "chosen by mallory")
    sign_in(client)
    mine = client.cookies.get(COOKIE, domain="127.0.0.1")
    assert mine != "chosen by mallory"
    other = TestClient(client.app, base_url=OWN, cookies={COOKIE: "chosen by mallory"})
    assert other.get("/api/v1/me").status_code == 401


def test_signing_out_ends_the_session_and_not_only_the_cookie(client: TestClient, aylin: int) -> None:
    sign_in(client)
    kept = {"cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
    assert client.get("/api/v1/me", headers=kept).status_code == 200
    assert client.post("/sign-out").headers["location"] == "/sign-in"
    assert COOKIE not in client.cookies
    assert client.get("/api/v1/me", headers=kept).status_code == 401


def test_whoever_is_not_signed_in_comes_back_to_where_they_were(client: TestClient, aylin: int) -> None:
    away = client.get("/alerts?status=open", headers=HTML)
    assert away.headers["location"] == "/sign-in?next=%2Falerts%3Fstatus%3Dopen"
    assert 'value="/alerts?status=open"' in client.get(away.headers["location"]).text
    assert sign_in(client, next_path="/alerts?status=open") == "/alerts?status=open"
    part = TestClient(client.app, base_url=OWN).get(
        "/fragments/fleet", headers={"hx-request": "true", "hx-current-url": f"{OWN}/cases"}
    )
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/sign-in?next=%2Fcases")


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/a\nSet-Cookie: x",
        "///evil.example",
        "",
    ],
    ids=range(9),
)
def test_nobody_is_sent_elsewhere(client: TestClient, aylin: int, wanted: str) -> None:
    assert local_path(wanted) == "/"
    assert sign_in(client, next_path=wanted) == "/"


def test_a_wrong_password_is_said_on_the_page_and_guessing_slows_down(client: TestClient, aylin: int) -> None:
    form = {"name": "Aylin Kaya", "password": "wrong" * 3}
    refused = client.post("/sign-in", data=form)
    assert refused.status_code == 401 and "Name or password is not right." in refused.text
    assert "wrong" * 3 not in refused.text and COOKIE not in client.cookies
    for _ in range(4):
        client.post("/sign-in", data=form)
    assert client.post("/sign-in", data=form | {"password": PASSWORD}).status_code == 429


FORGED = [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {},
]


@pytest.mark.parametrize("headers", FORGED, ids=range(5))
@pytest.mark.parametrize("path", ["/people", "/keys", "/sign-out", "/account/sign-ins/end", "/api/v1/keys"])
def test_a_browser_changes_nothing_for_another_sites_page(
    app: FastAPI, client: TestClient, aylin: int, path: str, headers: dict[str, str]
) -> None:
    client.cookies.set(COOKIE, app.state.access.begin_session(aylin, "a test"))
    browser = TestClient(app, base_url=OWN, cookies=dict(client.cookies))
    answer = browser.post(path, data={"name": "Mallory", "role": "admin"}, headers=headers)
    assert answer.status_code == 403, answer.text
    assert browser.get("/api/v1/me").status_code == 200
    assert [each["name"] for each in client.get("/api/v1/people").json()["people"]] == ["Aylin Kaya"]


@pytest.mark.parametrize("path", ["/sign-in", "/setup", "/password", "/api/v1/tokens"])
def test_another_sites_page_signs_nobody_in(client: TestClient, aylin: int, path: str) -> None:
    form = {"name": "Aylin Kaya", "password": PASSWORD}
    assert client.post(path, data=form, headers={"origin": "http://evil.example"}).status_code == 403


def test_an_administrator_invites_and_a_name_is_never_markup(client: TestClient, aylin: int) -> None:
    sign_in(client)
    invited = client.post("/people", data={"name": SCRIPT, "role": "engineer", "sites": " north, south"})
    assert f"{OWN}/password?token=" in invited.text
    client.post("/keys", data={"name": "<b>mes", "role": "viewer"})
    for path in ("/people", "/audit", "/account"):
        text = client.get(path).text
        assert SCRIPT not in text and "<b>mes" not in text
    assert "&lt;script&gt;" in client.get("/people").text and "north, south" in client.get("/people").text
    token = invited.text.partition("/password?token=")[2].partition("<")[0]
    other = TestClient(client.app, base_url=OWN, headers={"origin": OWN})
    page = other.post("/password", data={"token": token, "password": PASSWORD})
    assert page.status_code == 200 and SCRIPT not in page.text and "&lt;script&gt;" in page.text
    assert SCRIPT not in client.get("/audit").text


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": "aylin kaya", "role": "viewer"}, "is called"),
        ({"name": "Jo", "role": "king"}, "from the list"),
        ({"name": "Jo", "role": "admin", "sites": "north"}, "all sites"),
        ({"role": "viewer"}, "1 to 80"),
    ],
    ids=["taken", "role", "sites", "nameless"],
)
def test_what_cannot_be_is_said_on_the_page(
    client: TestClient, aylin: int, form: dict[str, str], said: str
) -> None:
    sign_in(client)
    answer = client.post("/people", data=form)
    assert answer.status_code == 422 and said in answer.text


def test_locking_oneself_out_is_refused_and_another_is_out_at_once(
    app: FastAPI, client: TestClient, aylin: int
) -> None:
    sign_in(client)
    out = {"role": "admin", "sites": "", "state": "out"}
    assert "another administrator first" in client.post(f"/people/{aylin}", data=out).text
    jo = app.state.people.add("Jo", Role.VIEWER, None)
    other = TestClient(app, base_url=OWN)
    other.get(f"/enter?token={app.state.people.make_entry(jo.id)}")
    assert other.get("/api/v1/me").json()["name"] == "Jo"
    assert client.post(f"/people/{jo.id}", data=out | {"role": "viewer"}).status_code == 303
    assert other.get("/api/v1/me").status_code == 401


def test_a_new_password_needs_the_old_one_and_ends_what_else_is_signed_in(
    app: FastAPI, client: TestClient, aylin: int
) -> None:
    sign_in(client)
    other = app.state.access.begin_session(aylin, "elsewhere")
    change = {"old": "wrong" * 3, "password": "another good password"}
    assert "not right" in client.post("/account/password", data=change).text
    assert app.state.access.by_session(other) is not None
    assert "is changed" in client.post("/account/password", data=change | {"old": PASSWORD}).text
    assert app.state.access.by_session(other) is None
    assert client.get("/account").status_code == 200
    app.state.access.begin_session(aylin, "elsewhere")
    assert "Sign out everywhere else" in client.get("/account").text
    assert client.post("/account/sign-ins/end").status_code == 303
    assert "Sign out everywhere else" not in client.get("/account").text
