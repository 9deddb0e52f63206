"""One device of the fleet: the agent's own updater, client, trust and slots on a disk that forgets.

Rule: a power cut takes everything but the disk and what the outbox had taken. Whatever the device does, it
does in one go at one virtual moment, and takes its time afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event
from typing import Protocol

from contract.checks import EARLIEST
from contract.codec import encode
from contract.messages import Alarm, AlarmTransition, Birth, Body, DeviceStatus, Message
from contract.updates import UpdateReport
from edge_agent.reports import agent_version, alarm_id, to_datetime
from edge_agent.settings import UpdatePace
from edge_agent.slot_state import Release, SlotReport
from edge_agent.updates import Updater
from ota.client import UpdateClient
from ota.fetcher import WebFetcher
from ota.sources import ClientSettings, carrier_of
from ota.trust_store import TrustStore
from simulators.ota.cast import DAY_S, HOUR_S, Clock, Part
from simulators.ota.disk import ForgetfulDisk, PowerCut
from simulators.ota.ledger import Deed, Ledger
from simulators.ota.link import Link, LinkedWeb, Patience, Server, Watch
from simulators.ota.models import Behaviour
from simulators.ota.slots import LyingSlots, TrialSlots

POLL_S = 4 * HOUR_S
"""Between two looks that find nothing; a fleet that is asked more often only looks more often."""
CONTACT_S = 2 * HOUR_S
"""Between two messages of a device that has nothing to tell."""
TELL_S = 60.0
"""Until a message is sent, and ..."""
AGAIN_S = 600.0
"""... until it is sent again."""
ALARM_S = 1200.0
MOST_CALLS = 150
"""An update makes about as many calls to the disk; at one of them the power goes."""
AT_ONCE = 0.2
"""Share of the power cuts that come while the device does nothing."""
_PACE = UpdatePace(poll_s=POLL_S)
ADDRESS, API = "https://updates.example/", "https://updates.example/"


class Surroundings(Protocol):
    """What a device finds around it."""

    ledger: Ledger
    root: bytes
    """That it was shipped with."""
    profile: str
    """Of its machine, as it tells in its Birth."""
    start: datetime
    """Of virtual time."""

    @property
    def now_s(self) -> float:
        """Virtual."""
        ...

    @property
    def behaviours(self) -> Mapping[str, Behaviour]:
        """Of bundles, by digest."""
        ...

    @property
    def server(self) -> Server:
        """Of updates and assignments."""
        ...

    def at(self, time_s: float, work: Callable[[], None]) -> None:
        """Have something done then."""
        ...

    def take_in(self, data: bytes) -> None:
        """A message reaches the cloud."""
        ...

    def may_be_news(self, device: str) -> tuple[int, int]:
        """Another value when a look may find something that it did not before."""
        ...


@dataclass(slots=True)
class Tally:
    """What a device went through."""

    looks: int = 0
    idle: int = 0
    """Looks at which nothing can have changed; they are left out."""
    cuts: int = 0
    refusals: int = 0


class Device:
    """One device.

    Args:
        part: Its fate.
        folder: Of its own, empty.
        factory: What its agent is started with.
        world: Around it.
    """

    def __init__(self, part: Part, folder: Path, factory: Release, world: Surroundings) -> None:
        self.part = part
        self.tally = Tally()
        self.link = Link(part.loss, part.bytes_per_s, part.latency_s)
        self.is_on = False
        self._factory = factory
        self._world = world
        self._draw = Random(part.seed)
        self._disk = ForgetfulDisk(folder, self._draw)
        self._watch = Watch()
        self._outbox: list[tuple[bytes, bool]] = []
        """Messages, and whether the cloud has them already without our knowing."""
        self._boot = self._sequence = 0
        self._slots: TrialSlots | LyingSlots | None = None
        self._updater: Updater | None = None
        self._seen: object = None
        self._is_sending = self._is_announced = False

    @property
    def id(self) -> str:
        """Its name."""
        return self.part.device

    def start(self) -> None:
        """Switch it on, once, and let its fate begin."""
        self._switch_on()
        for time_s in self.part.cuts:
            self._world.at(time_s, self._arm)
        if self.part.gone_at_s is not None:
            self._world.at(self.part.gone_at_s, self._end)
        self._world.at(self._draw.uniform(0.0, CONTACT_S), self._keep_contact)

    def hint(self) -> None:
        """A message says: look now."""
        self._later(self._draw.uniform(0.0, 30.0), self._look)

    # -- power --------------------

    def _switch_on(self) -> None:
        self._boot += 1
        self.is_on = True
        self._sequence = 0
        self._seen, self._is_announced = None, False
        if not self._do(self._boot_up):
            return
        self._later(0.0, self._advance)
        self._later(self._draw.uniform(60.0, POLL_S), self._poll)

    def _boot_up(self) -> None:
        world, folder = self._world, self._disk.folder
        if self.part.lies:
            self._slots = LyingSlots(self._factory)
            world.ledger.score(self.id, self._factory.sha256, Deed.RAN, world.now_s)
        else:
            self._slots = TrialSlots(
                self.id, folder / "model", self._factory, world.behaviours, self._epoch_s, self._ran
            )
        self._updater = Updater(self._slots, self._open, self._tell, self, _PACE, self._draw.random)
        self._slots.on_report = self._tell_slots
        self._slots.on_offer = world.ledger.accepted[self.id].append

    def _do(self, work: Callable[[], None]) -> bool:
        """Run a piece of the agent; False: the power went."""
        self._watch.passed_s = 0.0
        try:
            with self._disk.running():
                work()
        except PowerCut:
            self._lose_power()
        return self.is_on

    def _arm(self) -> None:
        if self.is_on and self._draw.random() < AT_ONCE:
            self._lose_power()
        else:
            self._disk.cut_after(self._draw.randrange(MOST_CALLS))

    def _lose_power(self) -> None:
        self.tally.cuts += 1
        self.is_on, self._slots, self._updater = False, None, None
        boot = self._boot
        self._disk.restart()

        def back() -> None:
            if self._boot == boot and not self._is_gone:
                self._switch_on()

        self._world.at(self._world.now_s + self._draw.uniform(30.0, 900.0), back)

    def _end(self) -> None:
        self.is_on, self._slots, self._updater = False, None, None

    @property
    def _is_gone(self) -> bool:
        return self.part.gone_at_s is not None and self._world.now_s >= self.part.gone_at_s

    def _later(self, wait_s: float, work: Callable[[], object]) -> None:
        """Do something if it is still the same start of the agent then."""
        boot = self._boot

        def do() -> None:
            if self.is_on and self._boot == boot:
                work()

        self._world.at(self._world.now_s + wait_s, do)

    # -- updates --------------------

    def _poll(self) -> None:
        """Look, and again and again; where nothing can have changed since the last one, that is left out."""
        if self._seen == self._world.may_be_news(self.id):
            self.tally.idle += 1
            self._later(POLL_S, self._poll)
            return
        wait_s = self._look()
        if wait_s is not None:
            self._later(wait_s, self._poll)

    def _look(self) -> float | None:
        """One look; returns how long until the next, None: the power went."""
        self.link.is_up = not self.part.is_away(self._world.now_s)
        news, wait_s = self._world.may_be_news(self.id), 0.0
        self.tally.looks += 1
        failed = self.link.traffic.failed

        def look() -> None:
            nonlocal wait_s
            assert self._updater is not None  # noqa: S101 - it is on
            wait_s = self._updater.look(Patience(self._watch))

        if not self._do(look):
            return None
        took_s = self._watch.passed_s
        self._later(took_s, self._advance)
        self._seen = news if self.link.is_up and failed == self.link.traffic.failed else None
        return took_s + wait_s

    def _advance(self) -> None:
        """Let the slots do what is due."""
        due_s: float | None = None

        def advance() -> None:
            nonlocal due_s
            assert self._slots is not None  # noqa: S101 - it is on
            due_s = self._slots.advance(self._world.now_s)

        if self._do(advance) and due_s is not None:
            self._later(max(1.0, due_s - self._world.now_s), self._advance)

    @contextmanager
    def _open(self, now: datetime | None, cancelled: Event) -> Iterator[UpdateClient]:
        world, folder = self._world, self._disk.folder / "updates"
        settings = ClientSettings(folder, world.root, self.id, ADDRESS, API)
        web = LinkedWeb(world.server, self.link, self._watch, self._disk, self._draw)
        store = TrustStore(folder)
        fetcher = WebFetcher(web, settings.parts, settings.limits, cancelled, clock=self._watch.read)
        with store.held():
            yield UpdateClient(settings, store, carrier_of(settings, fetcher), now)

    def _ran(self, digest: str, deed: Deed) -> None:
        self._world.ledger.score(self.id, digest, deed, self._world.now_s)

    # -- clocks --------------------

    def now(self) -> datetime | None:
        """By a clock that it believes."""
        return self._true_time() if self.part.clock is Clock.BELIEVED else None

    def _true_time(self) -> datetime:
        return self._world.start + timedelta(seconds=self._world.now_s + self._watch.passed_s)

    def _epoch_s(self) -> float:
        if self.part.clock is Clock.NONE:
            return EARLIEST.timestamp() + self._world.now_s % DAY_S
        return self._true_time().timestamp() + self.part.clock_error_s

    # -- messages --------------------

    def _tell_slots(self, report: SlotReport) -> None:
        assert self._updater is not None  # noqa: S101 - who reports is on
        self._tell(self._updater.translate(report))

    def _tell(self, report: UpdateReport) -> None:
        self._put(report)

    def _put(self, body: Body) -> None:
        """Into the outbox, which outlives everything."""
        self._sequence += 1
        self._outbox.append((encode(self._message(body, self._sequence)), False))
        if not self._is_sending:
            self._is_sending = True
            self._world.at(self._world.now_s + self._watch.passed_s + TELL_S, self._send)

    def _message(self, body: Body, sequence: int) -> Message:
        model = self._slots.report.version if self._slots else ""
        boot = self._boot + self.part.seed * 1000
        return Message(self.id, boot + 1, sequence, to_datetime(self._epoch_s()), body, model)

    def _send(self) -> None:
        """Send all there is; what the cloud took without our hearing of it is sent again."""
        if not self._outbox:
            self._is_sending = False
            return
        is_lost = self._draw.random() < self.part.loss
        is_heard = self.is_on and not self.part.is_away(self._world.now_s)
        if is_heard and (not is_lost or self._draw.random() < 0.5):
            if not self._is_announced:
                self._is_announced = not is_lost
                self._world.take_in(encode(self._message(Birth(agent_version(), self._world.profile), 0)))
            for data, is_known in self._outbox:
                self._world.ledger.sent += not is_known
                self._world.take_in(data)
            self._outbox = [(data, True) for data, _ in self._outbox] if is_lost else []
        if self._outbox and not self._is_gone:
            self._world.at(self._world.now_s + AGAIN_S, self._send)
        else:
            self._is_sending = False

    def _keep_contact(self) -> None:
        """Tell how it does, now and then; and that the machine alarms, where its model says so."""
        if self._is_gone:
            return
        if self.is_on:
            self._watch.passed_s = 0.0
            self._put(DeviceStatus(agent_version(), self._world.now_s, 0, 0, len(self._outbox), 0))
            rate = self._slots.behaviour.alarms_per_day if self._slots else 0.0
            if self._draw.random() < 1.0 - math.exp(-rate * CONTACT_S / DAY_S):
                self._alarm()
        self._world.at(self._world.now_s + CONTACT_S, self._keep_contact)

    def _alarm(self) -> None:
        since = to_datetime(self._epoch_s())
        number = alarm_id(self.id, since)
        self._put(Alarm(number, AlarmTransition.RAISED, 0.9, 0.5, since))

        def clear() -> None:
            """Also when the power went meanwhile: an agent remembers that it alarms."""
            if self.is_on:
                self._put(Alarm(number, AlarmTransition.CLEARED, 0.1, 0.5, since))
            elif not self._is_gone:
                self._world.at(self._world.now_s + AGAIN_S, clear)

        self._world.at(self._world.now_s + ALARM_S, clear)
