"""Rollouts through the API: every step a person takes, and every refusal in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.store.database import Database
from contract.updates import UpdateState
from tests.cloud.listed_releases import Listed, open_listed
from tests.cloud.release_samples import NEW, OLD, Plant
from tests.cloud.signed_in import SignedIn as TestClient
from tests.cloud.signed_in import by
from tests.ota.devices import TIMESTAMP
from tests.ota.fault_server import say
from tests.ota.small_repository import new_keys

OWN = "http://127.0.0.1"
IDLE_POLL_BYTES = 600
AUTHOR, OTHER = {"who": "Aylin Kaya"}, {"who": "Jo Brandt", "why": "because"}


PLAN: dict[str, Any] = {
    "family": NEW.family,
    "version": NEW.version,
    "back_to": OLD.version,
    "groups": [{"name": "canary", "share": 0.25, "success_share": 1, "error_share": 0}, {"name": "rest"}],
}


@pytest.fixture
def plant(database: Database) -> Plant:
    return Plant(database)


@pytest.fixture
def listed(tmp_path: Path) -> Iterator[Listed]:
    with open_listed(tmp_path) as opened:
        yield opened


@pytest.fixture
def client(database: Database, listed: Listed) -> Iterator[TestClient]:
    app = create_app(ApiSettings(), database, listed.catalogue())
    with TestClient(app, base_url=f"{OWN}/api/v1") as opened:
        yield opened


def ask(client: TestClient, path: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    headers = by(client.app, str(body.get("who", "Aylin Kaya")))
    sent = {name: value for name, value in body.items() if name != "who"}
    answer = client.post(f"/rollouts{path}", json=sent, headers=headers)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def begin(client: TestClient, **changes: Any) -> str:
    rollout_id: str = ask(client, "", PLAN | changes, 201)["id"]
    ask(client, f"/{rollout_id}/start", AUTHOR)
    return rollout_id


def test_from_plan_to_everybody(client: TestClient, plant: Plant) -> None:
    written = ask(client, "", PLAN | {"needs_approval": True}, 201)
    path = f"/{written['id']}"
    assert (written["state"], written["version"]) == ("awaiting_approval", NEW.version)
    assert "approval" in ask(client, f"{path}/start", AUTHOR, 409)["detail"]
    assert "somebody else" in ask(client, f"{path}/approve", AUTHOR, 409)["detail"]
    assert ask(client, f"{path}/approve", OTHER)["approved_by"] == "Jo Brandt"
    assert ask(client, f"{path}/start", AUTHOR)["state"] == "running"
    plant.go()
    plant.say(plant.assigned()[:1], UpdateState.CONFIRMED)
    plant.say(plant.assigned()[1:], UpdateState.REFUSED, reason_code="slow", reason="too slow")
    plant.go()
    found = client.get(f"/rollouts{path}").json()
    canary, rest = found["groups"]
    assert (canary["name"], canary["confirmed"], canary["failed"], canary["is_open"]) == (
        "canary",
        1,
        1,
        True,
    )
    assert (rest["members"], rest["is_open"]) == (6, False)
    assert found["state"] == "halted" and "1 of 2" in found["why"]
    (failed,) = client.get(f"/rollouts{path}/devices?state=refused").json()["devices"]
    assert (failed["group"], failed["reason"], failed["reason_code"]) == ("canary", "too slow", "slow")
    assert ask(client, f"{path}/retry-failed", OTHER)["groups"][0]["failed"] == 0
    assert ask(client, f"{path}/resume", OTHER)["state"] == "running"
    assert ask(client, f"{path}/pause", OTHER)["state"] == "paused"
    assert ask(client, f"{path}/abort", OTHER | {"send_back": True})["state"] == "aborted"
    trail = client.get(f"/rollouts{path}/audit").json()["events"]
    people = [(event["who"], event["what"]) for event in trail if event["who"] != "scheduler"]
    assert people[:3] == [("Aylin Kaya", "created"), ("Jo Brandt", "approved"), ("Aylin Kaya", "started")]
    assert people[-1] == ("Jo Brandt", "aborted, devices go back") and trail[-1]["why"] == "because"


def test_a_release_that_is_not_listed_any_more_is_not_begun(
    client: TestClient, plant: Plant, listed: Listed
) -> None:
    paused, ready = begin(client), ask(client, "", PLAN, 201)["id"]
    ask(client, f"/{paused}/pause", OTHER)
    listed.remove(OLD.version)
    for asked in (f"/{ready}/start", f"/{paused}/resume"):
        detail = ask(client, asked, AUTHOR, 409)["detail"]
        assert f"{OLD.version}, or not any more" in detail
    listed.server.always[TIMESTAMP] = say(503)
    assert "cannot be reached" in ask(client, f"/{ready}/start", AUTHOR, 503)["detail"]
    assert ask(client, f"/{paused}/abort", OTHER)["state"] == "aborted", "that needs no repository"


def test_without_a_repository_nothing_can_be_planned(database: Database) -> None:
    with TestClient(create_app(ApiSettings(), database), base_url=f"{OWN}/api/v1") as client:
        assert "--repository" in ask(client, "", PLAN, 409)["detail"]


def test_a_repository_that_lies_is_not_believed(client: TestClient, listed: Listed) -> None:
    listed.repository.keys["timestamp"] = new_keys()
    listed.repository.publish("timestamp")
    assert "not to be believed: timestamp" in ask(client, "", PLAN, 503)["detail"]


def test_it_says_what_it_waits_for_at_every_moment(client: TestClient, plant: Plant) -> None:
    rollout_id = ask(client, "", PLAN, 201)["id"]
    assert client.get(f"/rollouts/{rollout_id}").json()["why"] == "waits to be started"
    ask(client, f"/{rollout_id}/start", AUTHOR)
    plant.go()
    plant.say(plant.assigned()[:1], UpdateState.CONFIRMED)
    plant.go()
    found = client.get(f"/rollouts/{rollout_id}").json()
    assert found["why"].startswith("waits for canary: 1 of 2 confirmed, 2 must be; 1 under way")
    assert (found["waits_for"], found["back_to"]) == ("updates", OLD.version)
    (short,) = client.get("/rollouts").json()["rollouts"]
    assert short["why"] == "devices are being updated" and short["waits_since"]
    trail = client.get(f"/rollouts/{rollout_id}/audit").json()["events"]
    assert [event["what"] for event in trail].count("waits") == 1


def test_pages_of_devices_and_of_the_audit_trail(client: TestClient, plant: Plant) -> None:
    rollout_id = begin(client)
    plant.go()
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = client.get(f"/rollouts/{rollout_id}/devices?limit=3&after={after}").json()
        seen += [device["device_id"] for device in page["devices"]]
        after = page["next_after"]
    assert seen == plant.devices
    canary = client.get(f"/rollouts/{rollout_id}/devices?group=canary").json()["devices"]
    assert [device["device_id"] for device in canary] == plant.assigned()
    first = client.get(f"/rollouts/{rollout_id}/audit?limit=2").json()
    rest = client.get(f"/rollouts/{rollout_id}/audit?after={first['next_after']}").json()
    assert len(first["events"]) == 2 and rest["events"][0]["id"] > first["events"][-1]["id"]


def test_the_newest_comes_first_in_the_list(client: TestClient, plant: Plant) -> None:
    ids = [begin(client, who=name) for name in ("A", "B")]
    listed = client.get("/rollouts").json()["rollouts"]
    assert {each["id"] for each in listed} == set(ids) and listed[0]["groups"] == []


def test_an_assignment_is_fetched_once_and_an_idle_poll_is_small(client: TestClient, plant: Plant) -> None:
    begin(client)
    plant.go()
    device = plant.assigned()[0]
    answer = client.get(f"/devices/{device}/assignment")
    found = plant.assignment(device)
    assert found is not None and answer.content == found.envelope
    again = client.get(f"/devices/{device}/assignment", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get(f"/devices/{device}/assignment", headers={"If-None-Match": '"0-x"'})
    assert other.status_code == 200
    none = client.get("/devices/pump-99/assignment")
    assert none.status_code == 404 and len(none.content) <= IDLE_POLL_BYTES


def test_what_a_device_said_is_listed(client: TestClient, plant: Plant) -> None:
    plant.say(["pump-00"], UpdateState.DOWNLOADING)
    plant.say(["pump-00"], UpdateState.ROLLED_BACK, reason="crash loop")
    reports = client.get("/devices/pump-00/updates").json()["reports"]
    assert [report["state"] for report in reports] == ["rolled_back", "downloading"]
    assert reports[0]["in_charge"] == OLD.version and reports[0]["reason"] == "crash loop"
    older = client.get(f"/devices/pump-00/updates?before={reports[0]['id']}").json()["reports"]
    assert older == reports[1:]
    assert client.get("/devices/pump-77/updates").json() == {"reports": []}


def test_where_a_device_stands_is_kept_and_chooses_it(client: TestClient, plant: Plant) -> None:
    night = {"zone": "Europe/Berlin", "start": "22:00:00", "end": "04:00:00", "days": [4, 5]}
    place = {"labels": {"site": "north"}, "windows": [night]}
    assert client.get("/devices/pump-03/place").json() == {"labels": {}, "windows": []}
    assert client.put("/devices/pump-03/place", json=place).json() == place
    assert client.get("/devices/pump-03/place").json() == place
    rollout_id = begin(client, where={"site": ["north"]})
    plant.go()
    (device,) = client.get(f"/rollouts/{rollout_id}/devices").json()["devices"]
    assert (device["device_id"], device["state"]) == ("pump-03", "pending")
    night["zone"] = "Mars/Base"
    answer = client.put("/devices/pump-03/place", json=place)
    assert answer.status_code == 422 and "Europe/Berlin" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"groups": []}, "1 to 20 groups"),
        ({"timeouts_s": {"coffee": 1}}, "coffee"),
        ({"version": "9-dddddddddddd"}, f"not any more; choose one of {OLD.version}, {NEW.version}."),
        ({"back_to": "9-dddddddddddd"}, "9-dddddddddddd"),
        ({"family": "fan"}, "nothing of fan"),
        ({"family": "../etc"}, "achine family"),
        ({"sha256": "a" * 64}, "sha256"),
        ({"groups": [{"name": "a", "share": 2}]}, "share"),
        ({"author": "Mallory"}, "author"),
        ({"surprise": 1}, "surprise"),
    ],
    ids=[
        *("groups", "timeout", "version", "back_to", "family", "path", "sha256", "share", "author"),
        "unknown",
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_a_sentence(
    client: TestClient, changes: dict[str, Any], words: str
) -> None:
    assert words in ask(client, "", PLAN | changes, 422)["detail"]
    assert client.get("/rollouts").json() == {"rollouts": []}


@pytest.mark.parametrize("what", ["approve", "start", "pause", "resume", "abort", "retry-failed"])
def test_there_is_no_such_rollout_and_no_other_site_may_ask(client: TestClient, what: str) -> None:
    assert "r-9" in ask(client, f"/r-9/{what}", OTHER, 404)["detail"]
    answer = client.post(f"/rollouts/r-9/{what}", json={}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert client.post(f"/rollouts/r-9/{what}", json={"who": "Mallory"}).status_code == 422


def test_the_description_has_an_example_for_everything_that_is_asked(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    for name in ("PlanIn", "GroupIn", "Reason", "WindowIn"):
        fields = described["components"]["schemas"][name]["properties"].values()
        assert any("examples" in field for field in fields), name
    assert "/api/v1/rollouts/{rollout_id}/retry-failed" in described["paths"]
