"""Work orders over the API and on pages: from a case to the maintenance system and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.eam.http import Address
from cloud.eam.settings import EamSettings
from cloud.eam.signing import HEADER, LIFETIME, sign
from cloud.eam.worker import EamWorker, WorkerSettings
from cloud.errors import EamRefusedError
from cloud.store.database import Database
from cloud.store.writer import StoreWriter
from cloud.work_orders import OrderState
from tests.cloud.order_samples import FakeEam, open_cases
from tests.cloud.signed_in import SignedIn as TestClient
from tests.cloud.test_web_pages import outline

OWN = "http://127.0.0.1"
API = "/api/v1"
SECRET = "calls in with this"
WHO = {"who": "Jo Brandt"}


@pytest.fixture
def eam() -> FakeEam:
    return FakeEam(lambda: datetime.now(UTC))


@pytest.fixture
def worker(database: Database, eam: FakeEam) -> EamWorker:
    return EamWorker(database, eam, WorkerSettings("fake"), eam.clock)


@pytest.fixture
def client(database: Database, writer: StoreWriter) -> Iterator[TestClient]:
    open_cases(writer, 2)
    connected = EamSettings("webhook", "fake", Address("https://eam.plant"), inbox_secret=SECRET)
    app = create_app(ApiSettings(), database, maintenance=connected)
    with TestClient(app, base_url=OWN) as opened:
        yield opened


def post(client: TestClient, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = client.post(f"{API}{path}", json=body, headers=named)
    assert answer.status_code == status, answer.text
    return answer.json()


def call_in(
    client: TestClient, said: dict[str, Any], status: int = 202, secret: str = SECRET, **when: Any
) -> Any:
    body = json.dumps(said).encode()
    signed_at = when.get("signed_at", datetime.now(UTC))
    headers = {HEADER: sign(secret, body, signed_at), "Content-Type": "application/json"}
    answer = client.post(f"{API}/eam/inbox", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def suggest(client: TestClient, case: int = 1) -> Any:
    return post(client, "/work-orders", {"case_id": case}, 201)


def test_a_case_leads_to_an_order_that_says_why(client: TestClient) -> None:
    order = suggest(client)
    assert (order["state"], order["key"], order["case_id"]) == ("suggested", "ig-1-1", 1)
    assert order["title"] == "press-1: is unlike itself"
    assert "score" in order["text"] and "close case 1" in order["text"]
    assert suggest(client) == order, "a case has one order that is not over"
    page = client.get(f"{API}/work-orders", params={"case": 1}).json()
    assert page == {"orders": [order], "next_before": None}
    assert client.get(f"{API}/work-orders", params={"state": "done"}).json()["orders"] == []


def test_who_has_not_seen_the_newest_overrules_nobody(client: TestClient) -> None:
    order = suggest(client)
    seen = f'"{order["version"]}"'
    answer = client.get(f"{API}/work-orders/{order['id']}")
    assert answer.headers["ETag"] == seen
    post(client, "/work-orders/1/approve", If_Match=seen)
    refused = post(client, "/work-orders/1/decline", {"why": "no"}, 412, If_Match=seen)
    assert "changed since you looked" in refused["detail"]
    post(client, "/work-orders/1/decline", {"why": "no"}, 409)
    post(client, "/work-orders/1/decline", {"why": "no"}, 412, If_Match="eleven")
    post(client, "/work-orders/9/approve", None, 404)


def test_declining_says_why_and_another_may_follow(client: TestClient) -> None:
    suggest(client)
    post(client, "/work-orders/1/decline", {}, 409)
    assert post(client, "/work-orders/1/decline", {"why": "done in May"})["why"] == "done in May"
    assert suggest(client)["key"] == "ig-1-2"
    trail = client.get(f"{API}/work-orders/1/entries").json()["entries"]
    assert trail[0]["what"] == "suggested"
    assert trail[1]["why"] == "done in May"


def test_it_is_refused_tried_again_and_placed(client: TestClient, worker: EamWorker, eam: FakeEam) -> None:
    suggest(client)
    post(client, "/work-orders/1/approve")
    eam.fails_before = EamRefusedError("no such asset")
    worker.step()
    (waiting,) = client.get(f"{API}/eam").json()["waiting"]
    assert (waiting["is_dead"], waiting["problem"]) == (True, "no such asset")
    eam.fails_before = None
    post(client, "/work-orders/1/retry")
    worker.step()
    order = client.get(f"{API}/work-orders/1").json()
    assert (order["state"], order["eam"], order["eam_id"]) == ("placed", "fake", "WO-1")
    post(client, "/work-orders/1/close", {"why": "greased"})
    worker.step()
    worker.step()
    assert client.get(f"{API}/work-orders/1").json()["state"] == "done"


SAID = {
    "id": "evt-1",
    "key": "ig-1-1",
    "order_id": "WO-1",
    "status": "started",
    "said_at": "2027-03-09T06:00:00Z",
}


def test_the_system_calls_in_once_however_often_it_does(client: TestClient, worker: EamWorker) -> None:
    suggest(client)
    post(client, "/work-orders/1/approve")
    worker.step()
    assert call_in(client, SAID) == {"is_new": True}
    assert call_in(client, SAID) == {"is_new": False}
    worker.step()
    assert client.get(f"{API}/work-orders/1").json()["state"] == "started"


def test_who_cannot_sign_is_not_heard(client: TestClient) -> None:
    call_in(client, SAID, 401, "guessed")
    old = datetime.now(UTC) - LIFETIME - timedelta(seconds=5)
    assert "too old" in call_in(client, SAID, 401, signed_at=old)["detail"]
    for header in ("", "t=1", "t=²,v1=0", "v1=0", "t=99999999999999,v1=0"):
        answer = client.post(f"{API}/eam/inbox", content=b"{}", headers={HEADER: header.encode("latin-1")})
        assert answer.status_code == 401, header
    call_in(client, SAID | {"status": "approved"}, 422)
    call_in(client, SAID | {"said_at": "2027-03-09T06:00:00"}, 422)
    call_in(client, SAID | {"url": "x" * 20_000}, 413)


def test_what_nobody_could_take_is_tried_again(client: TestClient, worker: EamWorker) -> None:
    call_in(client, SAID)
    worker.step()
    (letter,) = client.get(f"{API}/eam").json()["letters"]
    assert letter["problem"] == "there is no order ig-1-1 here"
    suggest(client)
    post(client, "/work-orders/1/approve")
    worker.step()
    assert client.post(f"{API}/eam/letters/{letter['id']}/retry").status_code == 204
    worker.step()
    assert client.get(f"{API}/eam").json()["letters"] == []
    assert client.post(f"{API}/eam/letters/99/retry").status_code == 404


def test_without_a_secret_nobody_calls_in(database: Database) -> None:
    with TestClient(create_app(ApiSettings(), database), base_url=OWN) as bare:
        assert bare.post(f"{API}/eam/inbox", content=b"{}").status_code == 404


# -- pages --------------------


def test_pages_nest_and_every_link_leads_somewhere(
    client: TestClient, worker: EamWorker, eam: FakeEam
) -> None:
    assert "Nothing is ordered" in client.get("/orders").text
    assert "None is connected" in client.get("/orders").text
    suggest(client)
    suggest(client, 2)
    post(client, "/work-orders/2/approve")
    eam.fails_before = EamRefusedError("no such asset")
    worker.step()
    for path in ("/orders", "/orders?over=true", "/orders/1", "/orders/2", "/cases/1", "/cases/2"):
        parsed = outline(client, path)
        assert len(parsed.ids) == len(set(parsed.ids)), path
        for link in parsed.links:
            assert link.startswith("#") or client.get(link).status_code == 200, link


def test_from_the_case_to_done_and_back(client: TestClient, worker: EamWorker, eam: FakeEam) -> None:
    assert "Suggest a work order" in client.get("/cases/1").text
    assert "To decide" in client.post("/cases/1/orders/suggest", data=WHO).text
    form = WHO | {"order": "1", "order_version": "1"}
    assert "No maintenance system is connected" in client.post("/cases/1/orders/approve", data=form).text
    assert client.post("/cases/1/orders/decline", data=form | {"why": "x"}).status_code == 409
    worker.step()
    page = client.get("/cases/1").text
    assert 'href="https://eam.example/0"' in page and "Ordered" in page
    eam.tell("WO-1", OrderState.DONE)
    worker.step()
    assert "say what it was, and close the case" in client.get("/cases/1").text
    assert "fake WO-1" in client.get("/orders?over=true").text


def test_an_address_that_is_no_web_page_is_no_link(
    client: TestClient, worker: EamWorker, eam: FakeEam
) -> None:
    suggest(client)
    post(client, "/work-orders/1/approve")
    worker.step()
    call_in(client, SAID | {"url": "javascript:alert(1)", "order_id": "<script>"})
    worker.step()
    assert "javascript:" not in client.get("/orders/1").text
    letters = client.get("/orders").text
    assert "&lt;script&gt;" in letters and "<script>alert" not in letters
