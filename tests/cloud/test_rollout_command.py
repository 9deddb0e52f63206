"""`industrialguard cloud rollout` against a real API, as an operator types it."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.__main__ import main as cloud_main
from cloud.api.app import create_app
from cloud.api.server import ApiServer
from cloud.api.settings import ApiSettings
from cloud.api_client import KEY, KEY_FILE, ApiClient, read_key
from cloud.people import Role
from cloud.rollout_command import ABORTED, EXAMPLES, HALTED, build_parser, main, watch
from cloud.rollout_tables import bar, table
from cloud.store.database import Database
from contract.updates import UpdateState
from tests.cloud.listed_releases import Listed, open_listed
from tests.cloud.release_samples import NEW, OLD, Plant
from tests.edge_agent.wire import wait_until
from tests.ota.fault_server import FaultServer

Out = pytest.CaptureFixture[str]


@pytest.fixture
def plant(database: Database) -> Plant:
    return Plant(database)


@pytest.fixture
def listed(tmp_path: Path) -> Iterator[Listed]:
    with open_listed(tmp_path) as opened:
        yield opened


@pytest.fixture(autouse=True)
def api(database: Database, listed: Listed, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings = ApiSettings(port=0)
    app = create_app(settings, database, listed.catalogue())
    for variable, name in ((KEY, "Aylin"), ("OTHER_KEY", "Jo")):
        key = app.state.people.make_key(name, Role.ENGINEER, None, None, "a test")
        monkeypatch.setenv(variable, key)
    server = ApiServer(app, settings, takes_signals=False)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: bool(server.bound_port), "the API listens")
    monkeypatch.setenv("INDUSTRIALGUARD_API", f"http://127.0.0.1:{server.bound_port}")
    yield
    server.stop()
    thread.join(20)


def run(out: Out, *words: str, code: int = 0) -> str:
    assert main([*words]) == code, out.readouterr()
    return out.readouterr().out


def approve(out: Out, rollout_id: str) -> str:
    """By somebody else than the plan's author."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY, os.environ["OTHER_KEY"])
        return run(out, "approve", rollout_id)


def begin(out: Out, *flags: str) -> str:
    made = run(out, "plan", "pump", NEW.version, "--canary", "25%", "--json", *flags)
    rollout_id: str = json.loads(made)["id"]
    run(out, "start", rollout_id)
    return rollout_id


def test_from_plan_to_the_last_device(plant: Plant, capsys: Out) -> None:
    planned = run(
        capsys,
        *("plan", "pump", NEW.version, "--canary", "25%", "--back-to", OLD.version, "--needs-approval"),
    )
    rollout_id = planned.split()[0]
    assert (
        "awaiting approval" in planned
        and f"next: industrialguard cloud rollout approve {rollout_id}" in planned
    )
    assert "ready" in approve(capsys, rollout_id)
    assert "running" in run(capsys, "start", rollout_id)
    plant.go()
    plant.say(plant.assigned()[:1], UpdateState.CONFIRMED)
    plant.go()
    shown = run(capsys, "show", rollout_id)
    assert "waits for canary: 1 of 2 confirmed, 2 must be; 1 under way (1 assigned)" in shown
    assert "canary  [############============]  1 of 2 confirmed, 1 under way" in shown
    assert "rest    [........................]  0 of 6 confirmed, 6 to be told; not open yet" in shown
    plant.say(plant.assigned(), UpdateState.CONFIRMED)
    plant.go(rounds=2)
    plant.say(plant.devices, UpdateState.CONFIRMED)
    plant.go()
    assert "every group went through" in run(capsys, "show", rollout_id, "--watch")
    assert rollout_id in run(capsys, "list") and "completed" in run(capsys, "list", "--limit", "1")
    audit = run(capsys, "audit", rollout_id)
    assert "key Jo     approved" in audit and "group opened" in audit
    assert json.loads(run(capsys, "show", rollout_id, "--json"))["state"] == "completed"


def test_a_halt_is_watched_to_its_end_and_looked_into(plant: Plant, capsys: Out) -> None:
    rollout_id = begin(capsys)
    plant.go()
    plant.say(plant.assigned(), UpdateState.REFUSED, reason="too slow")
    plant.go()
    assert "2 of 2 reachable devices failed" in run(capsys, "show", rollout_id, "--watch", code=HALTED)
    refused = run(capsys, "devices", rollout_id, "--state", "refused")
    assert refused.count("too slow") == 2
    assert len(json.loads(run(capsys, "devices", rollout_id, "--group", "canary", "--json"))["devices"]) == 2
    assert "halted" in run(capsys, "retry-failed", rollout_id, "--why", "new disk")
    assert "running" in run(capsys, "resume", rollout_id)
    assert "paused" in run(capsys, "pause", rollout_id, "--why", "shift change")
    aborted = run(capsys, "abort", rollout_id, "--why", "eno\x1b[31mugh")
    assert "aborted: eno [31mugh" in aborted, "what somebody says steers no terminal"
    run(capsys, "show", rollout_id, "--watch", code=ABORTED)
    device = plant.assigned()[0]
    assert run(capsys, "audit", rollout_id, "--device", device).count(device) > 2


def test_watching_prints_what_is_new_and_nothing_twice(plant: Plant, capsys: Out) -> None:
    rollout_id = begin(capsys)
    plant.go()
    polls = itertools.count(1)

    def live_on(_: float) -> None:
        """Nothing, then the canary confirms, then everybody."""
        number = next(polls)
        if number == 2:
            plant.say(plant.assigned(), UpdateState.CONFIRMED)
            plant.go(rounds=2)
        if number == 4:
            plant.say(plant.devices, UpdateState.CONFIRMED)
            plant.go()

    arguments = build_parser().parse_args(["show", rollout_id, "--watch"])
    assert watch(ApiClient(os.environ["INDUSTRIALGUARD_API"], read_key(os.environ)), arguments, live_on) == 0
    printed = capsys.readouterr().out
    assert printed.count("2 of 2 confirmed") == 2 and printed.count(rollout_id) == 3


def test_refusals_are_the_apis_own_sentence(plant: Plant, listed: Listed, capsys: Out) -> None:
    assert main(["plan", "pump", "9-x"]) == 1
    said = capsys.readouterr().err
    assert said == (
        "industrialguard cloud rollout: The repository does not list pump 9-x, or not any more; "
        f"choose one of {OLD.version}, {NEW.version}\n"
    )
    assert main(["start", "r-9"]) == 1
    assert "no rollout 'r-9'" in capsys.readouterr().err
    assert main(["plan", "pump"]) == 2 and "FAMILY and VERSION" in capsys.readouterr().err


def test_without_a_key_it_says_how_to_get_one_and_a_file_may_hold_it(
    capsys: Out, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(os.environ[KEY] + "\n")
    monkeypatch.delenv(KEY)
    assert main(["list"]) == 1
    assert "cloud people key" in capsys.readouterr().err
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "key"))
    assert main(["list"]) == 0
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "none"))
    assert main(["list"]) == 2 and "cannot be read as a key" in capsys.readouterr().err


def test_where_no_api_answers_it_says_what_to_start(capsys: Out) -> None:
    assert main(["list", "--api", "http://127.0.0.1:1"]) == 1
    assert "http://127.0.0.1:1" in (said := capsys.readouterr().err) and "cloud api" in said
    with FaultServer() as stranger:
        stranger.files["/api/v1/rollouts?limit=20"] = b"<html>hello</html>"
        assert main(["list", "--api", stranger.url]) == 1
    assert "is not the API" in capsys.readouterr().err
    assert main(["list", "--api", "nowhere"]) == 2


def test_the_cloud_command_knows_it_and_its_examples_can_be_typed(capsys: Out) -> None:
    assert cloud_main(["rollout", "list"]) == 0
    assert "no rollouts yet" in capsys.readouterr().out
    text = EXAMPLES.replace("\\\n", " ").split("environment:")[0]
    for line in text.splitlines():
        if line.strip().startswith("industrialguard"):
            typed = line.split("  ", 1)[1] if line.startswith("  ") else line
            words = shlex.split(typed.strip().split("        ")[0].split("   ")[0])
            build_parser().parse_args(words[3:])


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_a_bar_shows_whoever_counts_and_is_as_wide(done: int, at_it: int, failed: int, left: int) -> None:
    group = {"members": done + at_it + failed + left, "confirmed": done, "under_way": at_it, "failed": failed}
    text = bar(group)
    assert len(text) == 24
    for mark, number in (("#", done), ("=", at_it)):
        assert (mark in text) == (number > 0)


def test_columns_are_as_wide_as_they_have_to_be() -> None:
    assert table(("A", "B"), [["x", "1"], ["long", "2"]]) == ["A     B", "x     1", "long  2"]
