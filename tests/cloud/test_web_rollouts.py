"""The rollout pages: what they say, and what their buttons do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.store.database import Database
from cloud.web.rollout_views import ACTIONS, LABELS
from contract.updates import UpdateState
from ota.rollout import RolloutState
from tests.cloud.release_samples import Plant, plan
from tests.cloud.signed_in import SignedIn as TestClient
from tests.cloud.test_web_pages import outline

OWN = "http://127.0.0.1"
ME = {"who": "Jo Brandt"}


@pytest.fixture
def plant(database: Database) -> Plant:
    return Plant(database)


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    with TestClient(create_app(ApiSettings(), database), base_url=OWN) as opened:
        yield opened


def halted(plant: Plant) -> str:
    rollout_id = plant.begin()
    plant.go()
    plant.say(plant.assigned()[:1], UpdateState.CONFIRMED)
    plant.say(plant.assigned()[1:], UpdateState.REFUSED, reason_code="slow", reason="too <slow>")
    plant.go()
    return rollout_id


def test_with_no_rollout_it_says_how_to_plan_one(client: TestClient) -> None:
    assert "cloud rollout plan" in client.get("/rollouts").text


def test_tags_nest_ids_are_unique_and_every_link_leads_somewhere(client: TestClient, plant: Plant) -> None:
    rollout_id = halted(plant)
    plant.people.create(plan(needs_approval=True))
    for path in ("/rollouts", f"/rollouts/{rollout_id}"):
        parsed = outline(client, path)
        assert len(parsed.ids) == len(set(parsed.ids))
        for link in parsed.links:
            assert link.startswith("#") or client.get(link).status_code == 200, link


def test_a_halt_is_told_with_its_reason_its_devices_and_what_to_do(client: TestClient, plant: Plant) -> None:
    text = client.get(f"/rollouts/{halted(plant)}").text
    assert "Halted: group canary: 1 of 2 reachable devices failed; look at its devices" in text
    assert "1 of 2 confirmed · 1 failed" in text and "too &lt;slow&gt;" in text
    assert text.index('data-level="failed"') < text.index(">pending<"), "failures stand first"
    assert 'id="do-resume"' in text and 'id="do-start"' not in text
    listed = client.get("/rollouts").text
    assert 'data-level="halted"' in listed and "1 of 8 confirmed · 1 failed" in listed


def test_a_rollout_that_is_stuck_does_not_look_like_one_at_work(client: TestClient, plant: Plant) -> None:
    rollout_id = plant.begin()
    plant.go()
    assert "stuck" not in client.get("/rollouts").text
    heard, plant.devices = plant.devices, []
    plant.go(seconds=3600)
    plant.devices = heard
    assert 'data-level="stuck"' in client.get("/rollouts").text
    assert "none of its 2 counts now; 2 not heard for" in client.get(f"/rollouts/{rollout_id}").text


def test_buttons_do_what_they_say_and_are_kept_under_a_name(client: TestClient, plant: Plant) -> None:
    rollout_id = plant.people.create(plan(needs_approval=True)).id
    for action, label in (
        *(("approve", "Ready"), ("start", "Running"), ("pause", "Paused")),
        *(("resume", "Running"), ("abort", "Aborted")),
    ):
        answer = client.post(f"/rollouts/{rollout_id}/{action}", data=ME)
        assert answer.status_code == 200 and f">{label}</span>" in answer.text, action
    assert "<b>approved</b>" in answer.text and "Jo Brandt" in answer.text
    refused = client.post(f"/rollouts/{rollout_id}/start", data=ME)
    assert refused.status_code == 409 and "aborted" in refused.json()["detail"]
    assert client.post(f"/rollouts/{rollout_id}/explode", data=ME).status_code == 422


def test_no_other_site_may_press_them(client: TestClient, plant: Plant) -> None:
    rollout_id = plant.begin()
    answer = client.post(f"/rollouts/{rollout_id}/pause", data=ME, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403


def test_there_is_no_such_rollout(client: TestClient) -> None:
    assert client.get("/rollouts/r-9", headers={"Accept": "text/html"}).status_code == 404


@pytest.mark.parametrize("state", list(RolloutState))
def test_every_state_has_a_word_and_its_actions(state: RolloutState) -> None:
    assert LABELS[state] and state in ACTIONS
