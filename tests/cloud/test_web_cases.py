"""The case pages: what they say, and what their buttons and forms do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.cases import CaseState, What
from cloud.outcomes import MadeForecast
from cloud.store.database import Database
from cloud.store.machine_events import read_logs
from cloud.store.writer import StoreWriter
from cloud.triage import Severity, Urgency
from cloud.web import case_views
from contract.forecast import Forecast
from contract.labels import ComponentEnd, Verdict
from contract.messages import AlarmKind
from tests.cloud.samples import alarm, arrive
from tests.cloud.signed_in import SignedIn as TestClient
from tests.cloud.test_web_pages import outline

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWN = "http://127.0.0.1"
ME: dict[str, str] = {}
FOUND = ME | {"verdict": "true", "mode": "VIB", "cause": "3.4", "activity": "1"}


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    with TestClient(create_app(ApiSettings(), database), base_url=OWN) as opened:
        yield opened


@pytest.fixture
def case(writer: StoreWriter) -> int:
    writer.write(arrive(alarm(1, 7)))
    return 1


def do(client: TestClient, action: str, status: int = 200, **fields: str) -> str:
    answer = client.post(f"/cases/1/{action}", data=ME | fields)
    assert answer.status_code == status, answer.text
    return str(answer.text)


def test_with_no_case_it_says_when_one_opens(client: TestClient) -> None:
    assert "Nothing to do" in client.get("/cases").text
    assert "No case was closed yet" in client.get("/cases?closed=true").text


def test_tags_nest_ids_are_unique_and_every_link_leads_somewhere(client: TestClient, case: int) -> None:
    for path in ("/cases", f"/cases/{case}", "/cases?closed=true"):
        parsed = outline(client, path)
        assert len(parsed.ids) == len(set(parsed.ids))
        for link in parsed.links:
            assert link.startswith("#") or client.get(link).status_code == 200, link


def test_what_is_most_urgent_stands_first_and_what_rests_last(
    client: TestClient, writer: StoreWriter
) -> None:
    writer.write(
        arrive(
            alarm(1, 7, score=0.6),
            alarm(1, 7, device="press-2", score=0.99),
            alarm(1, 7, device="press-3", kind=AlarmKind.DRIFT),
            alarm(1, 7, device="press-4", score=0.99),
        )
    )
    client.post("/cases/4/snooze", data=ME | {"until": "week", "why": "parts come"})
    text = client.get("/cases").text
    found = re.findall(r'href="/cases/\d+">(press-\d)', text)
    assert found[0] == "press-2" and found[-1] == "press-4" and set(found[1:3]) == {"press-1", "press-3"}
    assert "Act this week" in text and 'data-level="soon"' in text and "rests until" in text


def test_it_goes_from_seen_to_found(client: TestClient, database: Database, case: int) -> None:
    assert "Seen" in do(client, "acknowledge")
    assert "In work: Jo Brandt" in do(client, "claim")
    assert "it &lt;hums&gt;" in do(client, "comment", why="it <hums>")
    closed = do(client, "close", 200, **FOUND, component="bearing", end="replaced", why="metal in the grease")
    for said in (
        "The alarm was right",
        "Vibration (VIB)",
        "Wear and tear (3.4)",
        "Replaced before it failed",
    ):
        assert said in closed, said
    with database.session() as session:
        assert [each.component for each in read_logs(session)["press-1"]] == ["bearing"]
    assert "Nothing to do" in client.get("/cases").text
    closed_ones = client.get("/cases?closed=true").text
    assert "press-1: Vibrates more than usual" in closed_ones
    assert "The alarm was right, vibration, bearing: replaced before it failed" in closed_ones
    assert "In work" in do(client, "reopen", why="it hums again")


def test_who_looked_at_an_older_version_overrules_nobody(client: TestClient, case: int) -> None:
    do(client, "acknowledge", version="1")
    assert "has changed since you looked" in do(client, "claim", 409, version="1")
    assert "In work" in do(client, "claim", version="2")


@pytest.mark.parametrize(
    ("action", "fields", "status", "said"),
    [
        ("close", {"verdict": "true"}, 422, "failure mode, cause and activity"),
        ("close", {"verdict": "perhaps"}, 422, "perhaps"),
        ("close", FOUND | {"mode": "XXX"}, 422, "XXX"),
        ("snooze", {"until": "week"}, 409, "why it may rest"),
        ("comment", {"why": "x" * 20_000}, 413, "more than a form can hold"),
        ("explode", {}, 422, "action"),
    ],
    ids=range(6),
)
def test_what_cannot_be_done_is_said(
    client: TestClient, case: int, action: str, fields: dict[str, str], status: int, said: str
) -> None:
    before = client.get("/api/v1/cases/1").json()
    assert said in do(client, action, status, **fields)
    assert client.get("/api/v1/cases/1").json() == before


def test_no_other_site_may_press_a_button(client: TestClient, case: int) -> None:
    answer = client.post("/cases/1/claim", data=ME, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403


def test_there_is_no_such_case(client: TestClient) -> None:
    assert client.get("/cases/9", headers={"Accept": "text/html"}).status_code == 404


def test_every_state_and_code_has_its_word() -> None:
    assert set(case_views.STATES) == set(CaseState)
    assert set(case_views.URGENCIES) == set(Urgency) and set(case_views.SEVERITIES) == set(Severity)
    assert set(case_views.VERDICTS) == set(Verdict) and set(case_views.ENDS) == set(ComponentEnd)
    assert set(case_views._WHATS) == set(What)


def test_a_case_shows_what_speaks_for_it_and_what_it_was_before(
    client: TestClient, writer: StoreWriter, case: int
) -> None:
    do(client, "close", 200, **FOUND, component="bearing", end="replaced")
    writer.write(arrive(alarm(2, 7, "cleared"), alarm(40, 8)))
    text = client.get("/cases/2").text
    assert "Spectrum when it was raised" in text and "What deviates" in text
    assert "It looked the same before" in text and "right in 1 of 1 that somebody checked" in text
    assert "bearing: replaced before it failed" in text
    assert '<option value="bearing">' in text, "the log's components are there to pick from"
    assert "mapped to no machine" in text


def test_the_inbox_can_be_narrowed(client: TestClient, writer: StoreWriter, case: int) -> None:
    writer.write(arrive(alarm(1, 7, device="press-2", score=0.95)))

    def shown(query: str) -> list[str]:
        return re.findall(r'href="/cases/\d+">(press-\d)', client.get(f"/cases?{query}").text)

    assert shown("") == ["press-2", "press-1"]
    assert shown("urgency=soon") == ["press-2"]
    assert shown("urgency=&device=press-1") == ["press-1"]
    assert "No such case." in client.get("/cases?urgency=now").text
    assert client.get("/cases?urgency=never").status_code == 422


def test_how_long_it_lasts_is_said_in_words() -> None:
    made = MadeForecast("press-1", "main_bearing", NOON, "3", "press", "h", Forecast(60, 24, 48, 200, 200))
    view = case_views.life_view(made, NOON + timedelta(hours=30))
    assert (view.component, view.soonest, view.median) == ("main bearing", "over by now", "18 h 0 min")
    assert view.latest == "more than 7 d 2 h"
    cycles = replace(made, time_unit="cycle")
    assert case_views.life_view(cycles, NOON).median == "48 cycle"
