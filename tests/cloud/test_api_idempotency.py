"""The same key, the same answer, and nothing done twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI

from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.store.answers import KEPT, Answer, fill_place, leave_place, take_place
from cloud.store.database import Database
from cloud.store.writer import StoreWriter
from tests.cloud.samples import alarm, arrive
from tests.cloud.signed_in import SignedIn as TestClient
from tests.cloud.signed_in import by

COMMENTS = "/api/v1/cases/1/comments"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def client(database: Database, writer: StoreWriter) -> Iterator[TestClient]:
    writer.write(arrive(alarm(1, 7)))
    with TestClient(create_app(ApiSettings(), database), base_url="http://127.0.0.1") as opened:
        yield opened


def said(client: TestClient) -> list[str]:
    return [each["why"] for each in client.get("/api/v1/cases/1/entries").json()["entries"][1:]]


def test_asked_again_it_answers_again_and_does_nothing(client: TestClient) -> None:
    key = {"idempotency-key": "a"}
    first = client.post(COMMENTS, json={"text": "one"}, headers=key)
    again = client.post(COMMENTS, json={"text": "one"}, headers=key)
    assert first.status_code == again.status_code == 200 and first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers
    assert said(client) == ["one"]


def test_another_body_under_the_key_is_refused_and_another_callers_key_is_another(client: TestClient) -> None:
    key = {"idempotency-key": "a"}
    client.post(COMMENTS, json={"text": "one"}, headers=key)
    refused = client.post(COMMENTS, json={"text": "two"}, headers=key)
    assert refused.status_code == 422 and "new key" in refused.json()["detail"]
    assert isinstance(client.app, FastAPI)
    other = client.post(COMMENTS, json={"text": "two"}, headers=key | by(client.app, "Ada"))
    assert other.status_code == 200 and said(client) == ["one", "two"]


def test_a_refusal_is_an_answer_and_nobody_gets_none(client: TestClient) -> None:
    key = {"idempotency-key": "a"}
    for _ in range(2):
        assert client.post(COMMENTS, json={"text": ""}, headers=key).status_code == 422
    nobody = client.post(COMMENTS, json={"text": "x"}, headers=key | {"authorization": "Bearer x"})
    assert nobody.status_code == 401
    assert client.post(COMMENTS, json={}, headers={"idempotency-key": "x" * 201}).status_code == 400


def test_of_many_at_once_one_is_carried_out(client: TestClient) -> None:
    def post(_: int) -> int:
        answer = client.post(COMMENTS, json={"text": "one"}, headers={"idempotency-key": "a"})
        return int(answer.status_code)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(post, range(8))) <= {200, 409}
    assert said(client) == ["one"]


def test_a_secret_is_never_stored(client: TestClient) -> None:
    key = {"idempotency-key": "a"}
    made = {client.post("/api/v1/keys", json={"name": "mes"}, headers=key).json()["key"] for _ in range(2)}
    assert len(made) == 2


def test_a_place_is_kept_for_a_day_and_given_back(database: Database) -> None:
    place, body = b"p" * 32, b"b" * 32
    with database.transaction() as session:
        assert take_place(session, place, body, NOW) is None
        assert take_place(session, place, body, NOW) == Answer(body)
        fill_place(session, place, Answer(b"", 201, "text/plain", b"done"))
        assert take_place(session, place, b"", NOW) == Answer(body, 201, "text/plain", b"done")
        assert take_place(session, place, body, NOW + KEPT - timedelta(seconds=1)) is not None
        assert take_place(session, place, body, NOW + KEPT) is None
        leave_place(session, place)
        assert take_place(session, place, body, NOW) is None
