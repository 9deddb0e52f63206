"""One device of the fleet: the agent's own updater, client, trust and slots on a disk that forgets.

Rule: a power cut takes everything but the disk and what the outbox had taken. Whatever the device does, it
does in one go at one virtual moment, and takes its time afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from threading import Event

from contract.updates import UpdateReport
from edge_agent.settings import UpdatePace
from edge_agent.slot_state import Release, SlotReport
from edge_agent.updates import Updater
from ota.client import UpdateClient
from ota.fetcher import WebFetcher
from ota.sources import ClientSettings, carrier_of
from ota.trust_store import TrustStore
from simulators.ota.cast import HOUR_S, Part
from simulators.ota.disk import ForgetfulDisk, PowerCut
from simulators.ota.ledger import Deed
from simulators.ota.link import Link, LinkedWeb, Patience, Watch
from simulators.ota.radio import CONTACT_S, Radio
from simulators.ota.slots import LyingSlots, TrialSlots
from simulators.ota.surroundings import OwnClock, Surroundings

POLL_S = 4 * HOUR_S
"""Between two looks that find nothing; a fleet that is asked more often only looks more often."""
MOST_CALLS = 150
"""An update makes about as many calls to the disk; at one of them the power goes."""
AT_ONCE = 0.2
"""Share of the power cuts that come while the device does nothing."""
RESTS = 0.8
"""Share of a poll's time from which on a look counts as one that found nothing left to do."""
_HINT_S = 30.0
_OFF_S = (30.0, 900.0)
_PACE = UpdatePace(poll_s=POLL_S)
_TIMESTAMP = "metadata/timestamp.json"
_ADDRESS = "https://updates.example/"


@dataclass(slots=True)
class Tally:
    """What a device went through."""

    looks: int = 0
    idle: int = 0
    """Looks at which nothing can have changed; they are left out."""
    cuts: int = 0


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
        self._factory = factory
        self._world = world
        self._draw = Random(part.seed)
        self._disk = ForgetfulDisk(folder, self._draw)
        self._watch = Watch()
        self._clock = OwnClock(part, world, self._watch)
        self._radio = Radio(part, world, self._clock, self._draw)
        self._radio.version = lambda: self._agent[0].report.version if self._agent else ""
        self._radio.alarms_per_day = lambda: self._agent[0].behaviour.alarms_per_day if self._agent else 0.0
        self._agent: tuple[TrialSlots | LyingSlots, Updater] | None = None
        """What runs; None: it is off."""
        self._seen: object = None
        """What there was to find when a look left nothing to do."""
        self._next = 0
        """Number of the look that is awaited; others that were awaited before it are not."""

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
            self._world.at(self.part.gone_at_s, self._switch_off)
        self._world.at(self._draw.uniform(0.0, CONTACT_S), self._radio.keep_contact)

    def hint(self) -> None:
        """A message says: look now."""
        self._look_after(self._draw.uniform(0.0, _HINT_S))

    # -- power --------------------

    def cut_after(self, calls: int) -> None:
        """Let the power go at a call to the disk, or within a download; so many happen still."""
        self._disk.cut_after(calls)

    def _switch_on(self) -> None:
        if self._agent is not None or self.part.is_gone(self._world.now_s):
            return
        self._clock.started_s, self._seen = self._world.now_s, None
        self._radio.start()
        if self._do(self._boot):
            self._later(0.0, self._advance)
            self._look_after(self._draw.uniform(0.0, _PACE.first_s))

    def _switch_off(self) -> None:
        self._agent, self._radio.is_on = None, False

    def _boot(self) -> None:
        world, slots = self._world, self._open_slots()
        updater = Updater(slots, self._open, self._tell, self._clock, _PACE, self._draw.random)

        def tell(report: SlotReport) -> None:
            self._tell(updater.translate(report))

        slots.on_report, slots.on_offer = tell, world.ledger.accepted[self.id].append
        self._agent = slots, updater

    def _open_slots(self) -> TrialSlots | LyingSlots:
        world, folder = self._world, self._disk.folder / "model"
        if self.part.lies:
            self._note(self._factory.sha256, Deed.RAN)
            return LyingSlots(self._factory)
        return TrialSlots(self.id, folder, self._factory, world.behaviours, self._clock.epoch_s, self._note)

    def _do(self, work: Callable[[], None]) -> bool:
        """Run a piece of the agent; False: the power went."""
        self._watch.passed_s = 0.0
        try:
            with self._disk.running():
                work()
        except PowerCut:
            self._lose_power()
            return False
        return True

    def _arm(self) -> None:
        """Let the power go soon."""
        if self._agent is not None and self._draw.random() < AT_ONCE:
            self._lose_power()
        else:
            self.cut_after(self._draw.randrange(MOST_CALLS))

    def _lose_power(self) -> None:
        self.tally.cuts += 1
        self._watch.passed_s = 0.0
        self._switch_off()
        self._disk.restart()
        self._world.at(self._world.now_s + self._draw.uniform(*_OFF_S), self._switch_on)

    def _later(self, wait_s: float, work: Callable[[], object]) -> None:
        """Do something if it is still the same start of the agent then."""
        boot = self._radio.boot

        def do() -> None:
            if self._agent is not None and self._radio.boot == boot:
                work()

        self._world.at(self._world.now_s + wait_s, do)

    # -- updates --------------------

    def _look_after(self, wait_s: float) -> None:
        """Look then, and not when it was meant to before."""
        self._next += 1
        number = self._next
        self._later(wait_s, lambda: self._look() if number == self._next else None)

    def _look(self) -> None:
        """Look, and again and again; where nothing can have changed since the last one, that is left out."""
        news = self._world.may_be_news(self.id)
        if self._seen == news:
            self.tally.idle += 1
            self._look_after(POLL_S)
            return
        self.tally.looks += 1
        self.link.is_up = not self.part.is_away(self._world.now_s)
        self.link.answered.clear()
        wait_s = 0.0

        def look() -> None:
            nonlocal wait_s
            if self._agent is not None:
                wait_s = self._agent[1].look(Patience(self._watch))

        if not self._do(look):
            return
        took_s = self._watch.passed_s
        has_heard = self.link.answered >= {_TIMESTAMP, f"api/v1/devices/{self.id}/assignment"}
        self._seen = news if has_heard and wait_s >= RESTS * POLL_S else None
        self._later(took_s, self._advance)
        self._look_after(took_s + wait_s)

    def _advance(self) -> None:
        """Let the slots do what is due."""
        due_s: float | None = None

        def advance() -> None:
            nonlocal due_s
            if self._agent is not None:
                due_s = self._agent[0].advance(self._world.now_s)

        if self._do(advance) and due_s is not None:
            self._later(max(1.0, due_s - self._world.now_s), self._advance)

    @contextmanager
    def _open(self, now: datetime | None, cancelled: Event) -> Iterator[UpdateClient]:
        world, folder = self._world, self._disk.folder / "updates"
        settings = ClientSettings(folder, world.root, self.id, _ADDRESS, _ADDRESS)
        web = LinkedWeb(world.server, self.link, self._watch, self._disk, self._draw)
        store = TrustStore(folder)
        fetcher = WebFetcher(web, settings.parts, settings.limits, cancelled, clock=self._watch.read)
        with store.held():
            yield UpdateClient(settings, store, carrier_of(settings, fetcher), now)

    def _note(self, digest: str, deed: Deed) -> None:
        self._world.ledger.score(self.id, digest, deed, self._world.now_s)

    def _tell(self, report: UpdateReport) -> None:
        self._radio.put(report, self._watch.passed_s)
