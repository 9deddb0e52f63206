"""Rollouts over a real store, with devices that say what a test lets them say."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from cloud.releases import Releases, Scheduler
from cloud.store.database import Database
from cloud.store.rollouts import find_assignment, read_rollout
from cloud.store.rows import AssignmentRecord
from cloud.store.writer import StoreWriter
from contract.messages import Message
from contract.profiles import format_profile, load_profile
from contract.updates import UpdateReport, UpdateState
from ota.assignment import Assignment, format_assignment
from ota.rollout import Rollout
from ota.rollout_plan import Group, Plan, ReleaseRef
from tests.cloud.samples import BOOT, arrive, birth, message, summary

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PUMP = format_profile(load_profile("pump"))
NEW = ReleaseRef("pump", "7-aaaaaaaaaaaa", "a" * 64, 20_000)
OLD = ReleaseRef("pump", "6-bbbbbbbbbbbb", "b" * 64, 20_000)
_numbers = itertools.count(100)


def plan(**changes: Any) -> Plan:
    groups = (Group("canary", share=0.25, success_share=1.0, error_share=0.0), Group("rest"))
    values: dict[str, Any] = {"release": NEW, "groups": groups, "author": "Aylin Kaya", "back_to": OLD}
    return Plan(**values | changes)


class PlainSigner:
    """Signs nothing, and shows what would have been signed."""

    def sign(self, assignment: Assignment) -> bytes:
        """The payload itself."""
        return format_assignment(assignment)

    def sign_anew(self, envelope: bytes) -> bytes | None:
        """Nobody's signature is as good as another."""
        return None


class Hints:
    """A broker that remembers what was published."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    def publish(self, topic: str, payload: bytes) -> None:
        """Take it."""
        self.sent.append((topic, payload))


class Plant:
    """Pumps, a clock, people and one scheduler.

    Args:
        database: The store.
        n_devices: How many pumps.
    """

    def __init__(self, database: Database, n_devices: int = 8) -> None:
        self.database = database
        self.now = NOON
        self.writer = StoreWriter(database)
        self.hints = Hints()
        self.people = Releases(database, lambda: self.now)
        self.devices = [f"pump-{number:02}" for number in range(n_devices)]
        self.scheduler = self.make_scheduler()
        births = [birth(device, profile=PUMP) for device in self.devices]
        self.writer.write(arrive(*births, ingest_time=self.now))

    def make_scheduler(self) -> Scheduler:
        return Scheduler(self.database, PlainSigner(), self.hints, lambda: self.now)

    def begin(self, **changes: Any) -> str:
        """A rollout that runs."""
        rollout = self.people.create(plan(**changes))
        self.people.start(rollout.id, "Aylin Kaya")
        return rollout.id

    def go(self, seconds: float = 60.0, rounds: int = 1) -> int:
        """Let time pass, hear every device, and go round."""
        given = 0
        for _ in range(rounds):
            self.now += timedelta(seconds=seconds)
            heard = [summary(next(_numbers), device, event_time=self.now) for device in self.devices]
            self.writer.write(arrive(*heard, ingest_time=self.now))
            given += self.scheduler.go_round()
        return given

    def say(self, devices: Iterable[str], state: UpdateState, in_charge: str = "", **changes: Any) -> None:
        """Let devices report on their assignments."""
        said = [self.report(device, state, in_charge, **changes) for device in devices]
        self.writer.write(arrive(*said, ingest_time=self.now))

    def report(self, device: str, state: UpdateState, in_charge: str = "", **changes: Any) -> Message:
        held = self.assignment(device)
        runs_new = state in (UpdateState.PROBATION, UpdateState.CONFIRMED)
        values: dict[str, Any] = {
            "assignment": held.number if held else 0,
            "rollout": held.rollout_id if held else "",
            "state": state,
            "in_charge": in_charge or (NEW if runs_new else OLD).version,
            "under_way": in_charge or NEW.version,
            "previous": OLD.version,
            "since": self.now,
        }
        sequence = changes.pop("sequence", next(_numbers))
        boot_id = changes.pop("boot_id", BOOT)
        return message(
            UpdateReport(**values | changes), sequence, device, boot_id=boot_id, event_time=self.now
        )

    def rollout(self, rollout_id: str) -> Rollout:
        with self.database.session() as session:
            return read_rollout(session, rollout_id).rollout

    def assignment(self, device: str) -> AssignmentRecord | None:
        with self.database.session() as session:
            return find_assignment(session, device)

    def assigned(self) -> list[str]:
        return [device for device in self.devices if self.assignment(device) is not None]
