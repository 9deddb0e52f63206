"""What every response promises a browser, and who may change something."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.api.app import create_app
from cloud.api.security import host_name
from cloud.api.settings import ApiSettings
from cloud.settings import sqlite_url
from cloud.store.database import open_database
from tests.browser.seeded_fleet import SeededFleet
from tests.cloud.signed_in import SignedIn as TestClient
from tests.cloud.signed_in import by

OWN = "http://127.0.0.1:8080"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    database = open_database(sqlite_url(tmp_path / "store.db"))
    SeededFleet(database).raise_alarm("pump-01")
    with TestClient(create_app(ApiSettings(), database), base_url=OWN) as opened:
        yield opened
    database.close()


@pytest.mark.parametrize(
    "path",
    ["/", "/alerts", "/machines/pump-01", "/nothing", "/static/css/base.css", "/api/v1/machines", "/healthz"],
)
def test_every_response_may_load_from_this_server_only(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'self'") and "unsafe" not in policy and "http" not in policy
    assert "frame-ancestors 'none'" in policy and headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "server" not in headers


@pytest.mark.parametrize("path", ["/", "/alerts", "/machines/pump-01", "/machines/pump-99"])
def test_no_page_has_inline_code_or_style_or_a_foreign_address(client: TestClient, path: str) -> None:
    text = client.get(path, headers={"accept": "text/html"}).text
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"\s(style|on\w+)=", text) and "<style" not in text
    for address in re.findall(r'(?:src|href|action|hx-\w+|sse-connect)="([^"]*)"', text):
        assert not re.match(r"(https?:)?//", address), address


def test_pages_are_not_kept_and_vendored_files_are(client: TestClient) -> None:
    assert client.get("/").headers["cache-control"] == "no-store"
    assert client.get("/static/css/base.css").headers["cache-control"] == "no-cache"
    assert "immutable" in client.get("/static/vendor/htmx-2.0.11/htmx.min.js").headers["cache-control"]


def test_no_file_outside_the_package_is_served(client: TestClient) -> None:
    for path in ("/static/../pages.py", "/static/%2e%2e/pages.py", "/static/vendor/%2e%2e/%2e%2e/pages.py"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
def test_another_name_for_this_server_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/api/v1/machines", headers={"host": host})
    assert answer.status_code == 400 and "allowed_hosts" in answer.json()["detail"]
    assert answer.headers["content-security-policy"]


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "LOCALHOST"])
def test_its_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_host_name_strips_the_port() -> None:
    assert host_name("[::1]:80") == "[::1]"
    assert host_name("Plant:8080") == "plant"


FOREIGN = [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:9999"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "same-origin", "origin": "http://evil.example"},
]
OWN_HEADERS = [
    {},
    {"origin": OWN},
    {"sec-fetch-site": "same-origin", "origin": OWN},
    {"sec-fetch-site": "none"},
]


@pytest.mark.parametrize("path", ["/api/v1/cases/1/acknowledge", "/cases/1/acknowledge"])
@pytest.mark.parametrize("headers", FOREIGN)
def test_a_change_that_another_site_asks_for_is_refused(
    client: TestClient, path: str, headers: dict[str, str]
) -> None:
    answer = client.post(path, json={}, headers=headers)
    assert answer.status_code == 403 and "own pages" in answer.json()["detail"]
    assert client.get("/api/v1/cases/1").json()["state"] == "new"


@pytest.mark.parametrize("headers", OWN_HEADERS)
def test_a_change_from_its_own_pages_or_a_program_is_taken(
    client: TestClient, headers: dict[str, str]
) -> None:
    answer = client.post("/api/v1/cases/1/acknowledge", json={}, headers=headers)
    assert answer.status_code == 200


def test_names_from_people_and_devices_are_escaped(client: TestClient) -> None:
    evil = "<script>alert(1)</script>"
    client.post("/api/v1/cases/1/acknowledge", json={}, headers=by(client.app, evil))
    client.post("/api/v1/cases/1/comments", json={"text": evil})
    text = client.get("/cases/1").text
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text
    assert "<b>x" not in client.get("/?q=%3Cb%3Ex").text
