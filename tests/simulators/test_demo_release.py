"""The demo's release through the real API, over a real store, with a scheduler that steps when it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.settings import sqlite_url
from cloud.store.database import Database, open_database
from contract.updates import UpdateState
from simulators.demo_release import Ask, ReleaseShow
from simulators.release_plan import ReleasePlan
from simulators.spoil import Spoil
from tests.cloud.listed_releases import open_listed
from tests.cloud.release_samples import NEW, OLD, Plant
from tests.cloud.signed_in import SignedIn as TestClient

WARM_S = 255.0
PAGE = "http://127.0.0.1:8080/"
PUMPS = tuple(f"pump-{number:02}" for number in range(8))


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    database: Database = open_database(sqlite_url(tmp_path / "store.db"))
    yield Plant(database)
    database.close()


@pytest.fixture
def ask(plant: Plant, tmp_path: Path) -> Iterator[Ask]:
    with ExitStack() as opened:
        listed = opened.enter_context(open_listed(tmp_path))
        app = create_app(ApiSettings(), plant.database, listed.catalogue())
        api = opened.enter_context(TestClient(app, base_url="http://127.0.0.1/api/v1"))

        def send(path: str, body: dict[str, Any] | None) -> dict[str, Any] | None:
            answer = api.get(path) if body is None else api.post(path, json=body)
            assert answer.is_success, answer.text
            found: dict[str, Any] = answer.json()
            return found

        yield send


class Watched:
    """A show, and what it says."""

    def __init__(self, ask: Ask, canaries: int = 2, spoil: Spoil | None = None) -> None:
        self.lines: list[str] = []
        plan = ReleasePlan("pump", PUMPS, PUMPS[:canaries], WARM_S, spoil)
        versions = OLD.version, NEW.version
        self.show = ReleaseShow(plan, versions, PAGE, ask, lambda line: self.lines.append(line.text))

    def look(self, machine_s: float = WARM_S) -> None:
        self.show.look(machine_s)


def rollouts(ask: Ask) -> list[dict[str, Any]]:
    answer = ask("rollouts", None)
    assert answer is not None
    found: list[dict[str, Any]] = answer["rollouts"]
    return found


def test_nothing_is_asked_before_machines_are_warm(ask: Ask) -> None:
    watched = Watched(ask)
    watched.look(WARM_S - 1)

    assert rollouts(ask) == [] and watched.lines == []


def test_a_good_release_is_told_to_its_end(ask: Ask, plant: Plant) -> None:
    watched = Watched(ask)
    watched.look()
    plant.go()
    assert plant.assigned() == list(PUMPS[:2]), "those that the plan puts first"
    plant.say(PUMPS[:2], UpdateState.PROBATION)
    plant.go()
    watched.look()
    plant.say(PUMPS[:2], UpdateState.CONFIRMED)
    plant.go(rounds=2)
    watched.look()
    plant.say(PUMPS[2:], UpdateState.CONFIRMED)
    plant.go(rounds=2)
    watched.look()
    watched.look()

    assert [state["state"] for state in rollouts(ask)] == ["completed"]
    assert watched.lines[0].startswith(f"A release, {NEW.version} for {OLD.version}")
    assert watched.lines[1] == f"Watch it: {PAGE}rollouts/{watched.show.rollout_id}"
    assert watched.lines[-1].endswith(f"8 of 8 run {NEW.version}.")
    assert len(watched.lines) == len(set(watched.lines)), "each is said once"


def test_a_spoiled_one_is_called_off_when_it_halts(ask: Ask, plant: Plant) -> None:
    watched = Watched(ask, canaries=1, spoil=Spoil.ALARM)
    watched.look()
    plant.go()
    plant.say(
        PUMPS[:1], UpdateState.ROLLED_BACK, reason_code="all_anomalous", reason="it finds all anomalous"
    )
    plant.go()
    watched.look()
    watched.look()
    plant.go(rounds=3)

    (rollout,) = rollouts(ask)
    assert rollout["state"] == "aborted"
    assert plant.assigned() == [PUMPS[0]]
    assert watched.lines[-4:] == [
        f"pump-00: back on {OLD.version} by itself, it finds all anomalous",
        "The rollout halts by itself: group canary: 1 of 1 reachable devices failed.",
        "The rollout is called off.",
        "Only pump-00 ever tried it; the other 7 were never told of it.",
    ]


def test_a_server_that_is_away_is_asked_again_and_never_twice(ask: Ask, plant: Plant) -> None:
    """Each answer in turn is lost, after the server has done what it was asked."""
    lost: list[int] = []

    def fails_at(number: int) -> Ask:
        asked: list[str] = []

        def send(path: str, body: dict[str, Any] | None) -> dict[str, Any] | None:
            answer = ask(path, body)
            asked.append(path)
            if len(asked) == number:
                lost.append(number)
                return None
            return answer

        return send

    for number in range(1, 5):
        watched = Watched(fails_at(number))
        watched.look()
        watched.look()
        assert [each["state"] for each in rollouts(ask)] == ["running"]
        assert len(watched.lines) == 2, watched.lines
    assert lost == [1, 2, 3, 4]


def test_an_api_that_never_answers_is_no_end(plant: Plant) -> None:
    nobody: Callable[[str, dict[str, Any] | None], None] = lambda _path, _body: None  # noqa: E731
    watched = Watched(nobody)
    watched.look()

    assert watched.show.rollout_id == "" and watched.lines == []
