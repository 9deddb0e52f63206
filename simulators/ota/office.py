"""The cloud of a simulated fleet: a real store, real rollouts, and the API's own answer about assignments.

Rule: bytes come in as devices encode them, through decoder and writer; a scheduler may be replaced at any
round by a fresh one, as after a restart.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cloud.api.devices import get_assignment
from cloud.api.problems import ProblemError
from cloud.releases import Releases, Scheduler
from cloud.releases_process import DirectorSigner
from cloud.store.batch import Arrival
from cloud.store.database import open_database
from cloud.store.rollouts import find_assignment, list_events, read_rollout
from cloud.store.writer import StoreWriter
from contract.codec import decode
from ota.rollout import Rollout
from ota.rollout_step import Order
from simulators.ota.link import Reply

PERSON = "Aylin Kaya"


class _Deaf:
    """Nobody hears hints here; the world brings some of them itself."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Drop it."""


class Office:
    """One cloud.

    Args:
        folder: Of the store.
        director: URI of the key that signs assignments.
        clock: Virtual.
    """

    def __init__(self, folder: Path, director: str, clock: Callable[[], datetime]) -> None:
        self.database = open_database(f"sqlite:///{folder / 'store.sqlite'}")
        self.people = Releases(self.database, clock)
        self._writer = StoreWriter(self.database)
        self._clock = clock
        self._director = director
        self._arrived: list[Arrival] = []
        self.restart(director)
        self.stored = self.redelivered = 0

    def restart(self, director: str) -> None:
        """Another scheduler takes over, with this key."""
        self._scheduler = Scheduler(self.database, DirectorSigner([director]), _Deaf(), self._clock)

    def take_in(self, data: bytes) -> None:
        """A message has come."""
        self._arrived.append(Arrival(decode(data), self._clock()))

    def go_round(self, told: Callable[[Order], None]) -> None:
        """Store what has come, and take every rollout a step on."""
        if self._arrived:
            outcome = self._writer.write(self._arrived)
            self.stored += outcome.stored
            self.redelivered += outcome.redelivered
            self._arrived.clear()
        self._scheduler.go_round(told)

    def rollout(self, rollout_id: str) -> Rollout:
        """As it stands."""
        with self.database.session() as session:
            return read_rollout(session, rollout_id).rollout

    def events(self, rollout_id: str) -> list[tuple[str, str, str]]:
        """What, why and of which device, from the audit trail."""
        with self.database.session() as session:
            found = list_events(session, rollout_id, 100_000)
        return [(event.what, event.why, event.device_id) for event in found]

    def assigned_by(self, device: str) -> str:
        """The rollout that made a device's newest assignment; empty: none did."""
        with self.database.session() as session:
            found = find_assignment(session, device)
        return found.rollout_id if found else ""

    def reply(self, path: str, tag: str) -> Reply:
        """As the API answers a device that asks for its assignment."""
        device = path.split("/")[-2]
        try:
            answer = get_assignment(device, self.database, tag or None)
        except ProblemError as error:
            return Reply(error.status)
        return Reply(answer.status_code, bytes(answer.body), answer.headers["ETag"])

    def close(self) -> None:
        """Close the store."""
        self.database.close()
