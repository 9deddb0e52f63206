"""Agents side by side in one process, without a broker: everything stays in their outboxes."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.errors import DataError
from contract.profiles import MachineProfile
from contract.signals import Reading
from models.recordings import Recording
from simulators.fleet import Fleet, FleetMachine, FleetPlan, FleetUpdates, main

MACHINES = (
    FleetMachine("pump-01", "pump", "sim:seed=1"),
    FleetMachine("pump-02", "pump", "sim:seed=2,mode=bearing_outer,onset=250,life=200"),
)
NOWHERE = "mqtt://127.0.0.1:9"


def plan(
    folder: Path, machines: tuple[FleetMachine, ...] = MACHINES, seconds: float | None = 120.0
) -> FleetPlan:
    return FleetPlan(machines, NOWHERE, str(folder / "devices"), 0.0, seconds, 1_700_000_000.0, 0.0)


def outbox(folder: Path, device: str) -> list[tuple[int, str]]:
    with sqlite3.connect(folder / "devices" / device / "outbox.sqlite") as database:
        rows = database.execute("SELECT sequence, kind FROM messages ORDER BY sequence").fetchall()
    database.close()
    return rows


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    written = plan(tmp_path)
    written.write(tmp_path / "plan.json")

    assert FleetPlan.read(tmp_path / "plan.json") == written


def test_so_does_one_with_updates(tmp_path: Path) -> None:
    updates = FleetUpdates(("pump-01",), "1.root.json", "http://127.0.0.1:9/", "http://127.0.0.1:8/")
    written = replace(plan(tmp_path), updates=updates)
    written.write(tmp_path / "plan.json")

    assert FleetPlan.read(tmp_path / "plan.json") == written


def test_machines_with_updates_send_what_they_send_without(tmp_path: Path) -> None:
    """A repository that is away changes nothing but that they ask for it."""
    root = tmp_path / "1.root.json"
    root.write_bytes(b"{}")
    updates = FleetUpdates(("pump-01", "pump-02"), str(root), "http://127.0.0.1:9/", "http://127.0.0.1:9/")
    Fleet(plan(tmp_path / "without")).run(threading.Event())
    Fleet(replace(plan(tmp_path / "with"), updates=updates)).run(threading.Event())

    assert outbox(tmp_path / "with", "pump-01") == outbox(tmp_path / "without", "pump-01") != []


def test_every_agent_covers_the_machine_time(tmp_path: Path) -> None:
    fleet = Fleet(plan(tmp_path))
    fleet.run(threading.Event())

    progress = fleet.progress()
    assert {c["windows"] for c in progress["machines"].values()} == {24}
    assert progress["machine_seconds"] >= 115


def test_an_agent_sends_in_company_what_it_sends_alone(tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    Fleet(plan(alone, MACHINES[1:])).run(threading.Event())
    Fleet(plan(together)).run(threading.Event())

    assert outbox(alone, "pump-02") == outbox(together, "pump-02") != []


def test_an_agent_whose_recording_ends_leaves_the_others_running(tmp_path: Path) -> None:
    machines = (MACHINES[0], FleetMachine("pump-09", "pump", "sim:seed=9,seconds=30"))
    fleet = Fleet(plan(tmp_path, machines))
    fleet.run(threading.Event())

    progress = fleet.progress()
    assert progress["ended"] == {"pump-09": "its recording has ended"}
    assert progress["machines"]["pump-01"]["windows"] == 24


def test_stopping_closes_every_agent(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    fleet = Fleet(plan(tmp_path, seconds=None))

    fleet.run(stop)

    assert fleet.progress()["machines"]["pump-01"]["windows"] == 0


@pytest.mark.slow
def test_the_process_leaves_its_counts(tmp_path: Path) -> None:
    plan(tmp_path).write(tmp_path / "plan.json")

    assert main([str(tmp_path / "plan.json")]) == 0

    counts = json.loads((tmp_path / "result.json").read_text())
    sent = counts["machines"]["pump-01"]["sent"]
    assert sent == len(outbox(tmp_path, "pump-01")) > 0


def test_a_damaged_recording_ends_its_own_agent_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def readings() -> Iterator[Reading]:
        for second in range(60):
            yield Reading("flow", float(second), float(second), np.ones(1, np.float32))
        raise DataError("line 61 is damaged")

    damaged = Recording("rig", "pump-loop", "", readings)
    monkeypatch.setattr("simulators.fleet.replay_recordings", lambda *_: [damaged])
    fleet = Fleet(plan(tmp_path, (MACHINES[0], FleetMachine("rig", "pump-loop", "csv:any#rig"))))

    fleet.run(threading.Event())

    progress = fleet.progress()
    assert progress["ended"] == {"rig": "line 61 is damaged"}
    assert progress["machines"]["pump-01"]["windows"] == 24


def test_a_folder_of_many_machines_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def open_two(place: str, profile: MachineProfile) -> list[Recording]:
        opened.append(place)
        reading = Reading("flow", 0.0, 0.0, np.ones(1, np.float32))
        return [Recording(name, profile.name, "", lambda: iter([reading])) for name in ("a", "b")]

    monkeypatch.setattr("simulators.fleet.replay_recordings", open_two)
    machines = tuple(FleetMachine(name, "pump-loop", f"csv:many#{name}") for name in ("a", "b"))
    Fleet(plan(tmp_path, machines)).run(threading.Event())

    assert opened == ["csv:many"]


def test_a_recording_that_cannot_be_opened_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.csv").write_text("time,heat\n0,hot\n")
    plan(tmp_path, (FleetMachine("rig", "pump-loop", f"csv:{tmp_path}/bad.csv#bad"),)).write(
        tmp_path / "plan.json"
    )

    assert main([str(tmp_path / "plan.json")]) == DataError.exit_code

    assert "lacks the columns" in capsys.readouterr().err
