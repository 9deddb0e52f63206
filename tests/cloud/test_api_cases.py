"""Cases over the API: from an alarm to a finding that the maintenance log knows."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.store.database import Database
from cloud.store.machine_events import read_logs
from cloud.store.writer import StoreWriter
from contract.life_log import LogKind
from tests.cloud.samples import alarm, arrive
from tests.cloud.signed_in import SignedIn as TestClient

WHO: dict[str, Any] = {}
FOUND = WHO | {
    "verdict": "true",
    "mode": "VIB",
    "cause": "3.4",
    "activity": "1",
    "component": "bearing",
    "end": "replaced",
    "note": "metal in the grease",
}


@pytest.fixture
def client(database: Database, writer: StoreWriter) -> Iterator[TestClient]:
    writer.write(arrive(alarm(1, 7), alarm(1, 7, device="press-2")))
    with TestClient(create_app(ApiSettings(), database), base_url="http://127.0.0.1/api/v1") as opened:
        yield opened


def ask(
    client: TestClient, path: str, body: dict[str, Any], status: int = 200, **headers: str
) -> dict[str, Any]:
    answer = client.post(
        f"/cases/{path}", json=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def trail(client: TestClient, case_id: int = 1) -> list[tuple[str, str, str]]:
    entries = client.get(f"/cases/{case_id}/entries").json()["entries"]
    return [(each["what"], each["who"], each["why"]) for each in entries]


def test_a_case_goes_from_an_alarm_to_a_finding(client: TestClient, database: Database) -> None:
    (first,) = client.get("/cases", params={"device": "press-1"}).json()["cases"]
    assert (first["state"], first["symptom"], first["version"]) == ("new", "unknown", 1)
    assert ask(client, "1/acknowledge", WHO)["state"] == "acknowledged"
    assert ask(client, "1/assign", WHO | {"to": "Kim", "why": "knows it"})["assignee"] == "Kim"
    ask(client, "1/comments", WHO | {"text": "the bearing comes on Thursday"})
    closed = ask(client, "1/close", FOUND)
    assert closed["state"] == "closed" and closed["finding"]["end"] == "replaced"
    assert trail(client) == [
        ("opened", "system", ""),
        ("acknowledged", "Jo Brandt", ""),
        ("assigned", "Jo Brandt", "to Kim: knows it"),
        ("commented", "Jo Brandt", "the bearing comes on Thursday"),
        ("closed", "Jo Brandt", "true"),
    ]
    with database.session() as session:
        (event,) = read_logs(session)["press-1"]
    assert (event.kind, event.component, event.source) == (LogKind.REPLACEMENT, "bearing", "case 1")
    assert [each["id"] for each in client.get("/cases", params={"state": "new"}).json()["cases"]] == [2]
    again = ask(client, "1/reopen", WHO | {"why": "it hums again"})
    assert (again["state"], again["finding"]) == ("assigned", None)


def test_it_rests_until_it_is_told_to_work(client: TestClient) -> None:
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    found = ask(client, "1/snooze", WHO | {"until": until, "why": "parts come tomorrow"})
    assert found["snoozed_until"] is not None
    assert ask(client, "1/assign", WHO | {"to": "Kim"})["snoozed_until"] is None
    assert ask(client, "1/release", WHO)["assignee"] == ""


def test_who_looked_at_an_older_version_overrules_nobody(client: TestClient) -> None:
    seen = client.get("/cases/1").headers["ETag"]
    assert seen == '"1"'
    ask(client, "1/acknowledge", WHO, if_match=seen)
    refused = ask(client, "1/assign", WHO | {"to": "Kim"}, 412, if_match=seen)
    assert "has changed since you looked" in refused["detail"]
    assert "version of what is changed" in ask(client, "1/acknowledge", WHO, 412, if_match="abc")["detail"]
    assert ask(client, "1/assign", WHO | {"to": "Kim"}, if_match="*")["assignee"] == "Kim"


def test_many_at_once_all_get_their_turn(client: TestClient) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: ask(client, "1/comments", WHO | {"text": str(n)}), range(16)))
        list(threads.map(lambda n: ask(client, "1/assign", WHO | {"to": f"Kim {n}"}), range(8)))
    said = trail(client)
    assert sorted(int(why) for what, _, why in said if what == "commented") == list(range(16))
    assert sum(what == "assigned" for what, _, _ in said) == 8


@pytest.mark.parametrize(
    ("path", "body", "status", "detail"),
    [
        ("9/acknowledge", WHO, 404, "no case 9"),
        ("1/release", WHO, 409, "Nobody is on it"),
        ("1/reopen", WHO | {"why": "x"}, 409, "It is open"),
        ("1/close", WHO | {"verdict": "true"}, 422, "failure mode, cause and activity"),
        ("1/close", FOUND | {"component": "No Name!"}, 422, "up to 40 of"),
        ("1/close", WHO | {"verdict": "maybe"}, 422, "verdict"),
        ("1/acknowledge", {"who": "Mallory"}, 422, "who"),
        ("1/acknowledge", WHO | {"more": 1}, 422, "more"),
        ("1/snooze", WHO | {"until": "2026-03-09T06:00:00", "why": "x"}, 422, "until"),
    ],
    ids=range(9),
)
def test_what_cannot_be_done_is_said_and_not_done(
    client: TestClient, path: str, body: dict[str, Any], status: int, detail: str
) -> None:
    before = client.get("/cases/1").json()
    assert detail in ask(client, path, body, status)["detail"]
    assert client.get("/cases/1").json() == before and len(trail(client)) == 1


def test_pages_follow_each_other(client: TestClient) -> None:
    first = client.get("/cases", params={"limit": 1}).json()
    assert [each["id"] for each in first["cases"]] == [2] and first["next_before"] == 2
    last = client.get("/cases", params={"limit": 1, "before": 2}).json()
    assert [each["id"] for each in last["cases"]] == [1]
    ask(client, "1/acknowledge", WHO)
    page = client.get("/cases/1/entries", params={"limit": 1}).json()
    rest = client.get("/cases/1/entries", params={"after": page["next_after"]}).json()
    assert [each["what"] for each in page["entries"] + rest["entries"]] == ["opened", "acknowledged"]
