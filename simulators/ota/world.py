"""The world: one queue of events, one cloud, one repository, many devices.

Rule: time is virtual and passes only from event to event; the same seed gives the same fleet and fates, under
other keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

from contract.profiles import format_profile, load_profile
from edge_agent.slot_state import Release
from ota.errors import RolloutError
from ota.releases import Release as Published
from ota.rollout import RolloutState
from ota.rollout_plan import Plan, ReleaseRef
from ota.rollout_step import Order
from simulators.ota.agenda import Agenda
from simulators.ota.cast import DAY_S, Part
from simulators.ota.device import Device
from simulators.ota.ledger import Ledger, Told
from simulators.ota.link import FolderServer
from simulators.ota.models import FAMILY, GOOD, Behaviour, make_release
from simulators.ota.office import PERSON, Office
from simulators.ota.publisher import Publisher

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROUND_S = 600.0
"""Between two rounds of the scheduler."""
HINTS = 0.3
"""Share of the hints that arrive."""
PEOPLE_S = DAY_S / 4
"""Between two looks of a person at the rollouts."""


class World:
    """One plant with its cloud.

    Args:
        folder: For everything; quick, for there is much of it.
        parts: Of its devices.
        seed: Of what is nobody's own fate.
    """

    def __init__(self, folder: Path, parts: Sequence[Part], seed: int) -> None:
        self.ledger = Ledger()
        self.behaviours: dict[str, Behaviour] = {}
        self.start = START
        self.profile = format_profile(load_profile(FAMILY))
        self._draw = Random(f"world {seed}")
        self._agenda = Agenda()
        self._told: dict[str, int] = {}
        self.publisher = Publisher(folder, self.clock)
        self.root = self.publisher.first_root
        self.office = Office(folder, self.publisher.director, self.clock)
        self.server = FolderServer(self.publisher.path, self.office)
        born_with = make_release(1, training=1)
        self.factory = self.publish(born_with)
        factory = Release(FAMILY, self.factory.version, self.factory.sha256, self.factory.length)
        (folder / "devices").mkdir()
        self.devices = [Device(part, folder / "devices" / part.device, factory, self) for part in parts]
        self._by_id = {device.id: device for device in self.devices}

    # -- time --------------------

    @property
    def now_s(self) -> float:
        """Virtual."""
        return self._agenda.now_s

    def clock(self) -> datetime:
        """Cloud time."""
        return START + timedelta(seconds=self.now_s)

    def at(self, time_s: float, work: Callable[[], None]) -> None:
        """Have something done then."""
        self._agenda.at(time_s, work)

    def run(self, until_s: float) -> None:
        """Let time pass."""
        for device in self.devices:
            self.at(self._draw.uniform(0.0, ROUND_S), device.start)
        self._agenda.every(ROUND_S, self._go_round)
        self._agenda.every(DAY_S, self.publisher.refresh)
        self._agenda.every(DAY_S, self.restart_scheduler)
        self._agenda.run(until_s)
        self._go_round()
        self.ledger.stored = self.office.stored

    # -- what people do --------------------

    def publish(self, release: Published, behaviour: Behaviour = GOOD) -> ReleaseRef:
        """Let devices have a release."""
        digest = sha256(release.bundle).hexdigest()
        self.behaviours[digest] = behaviour
        self.ledger.published[digest] = self.now_s
        return self.publisher.publish(release)

    def begin(self, plan: Plan) -> str:
        """Write a rollout down and start it; a person looks after it from then on."""
        rollout = self.office.people.create(plan)
        self.office.people.start(rollout.id, PERSON)
        self._agenda.every(PEOPLE_S, lambda: self._look_after(rollout.id))
        return rollout.id

    def restart_scheduler(self) -> None:
        """As after a crash, or with another key."""
        self.office.restart(self.publisher.director)

    def _look_after(self, rollout_id: str) -> None:
        """What has halted is called off and taken back; what has failed on single devices is tried again."""
        rollout, people = self.office.rollout(rollout_id), self.office.people
        if rollout.state is RolloutState.HALTED:
            people.abort(rollout_id, PERSON, rollout.why, is_returning=rollout.plan.back_to is not None)
        elif rollout.state in (RolloutState.RUNNING, RolloutState.COMPLETED):
            with suppress(RolloutError):  # nothing has failed
                people.retry_failed(rollout_id, PERSON, "another try")

    # -- what devices meet --------------------

    def take_in(self, data: bytes) -> None:
        """A message reaches the cloud."""
        self.office.take_in(data)

    def may_be_news(self, device: str) -> tuple[int, int]:
        """Another value when a look may find something that it did not before."""
        return self.publisher.generation, self._told.get(device, 0)

    def _go_round(self) -> None:
        self.office.go_round(self._tell)

    def _tell(self, order: Order) -> None:
        rollout = self.office.assigned_by(order.device)
        self.ledger.told.append(Told(order.device, order.number, rollout, self.now_s))
        self._told[order.device] = order.number
        if self._draw.random() < HINTS:
            self._by_id[order.device].hint()
