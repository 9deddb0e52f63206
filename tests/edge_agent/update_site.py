"""A device that looks for updates: a real repository on a real web server, slots that keep the real rules."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from contract.errors import BundleError
from contract.updates import UpdateReport, UpdateState
from edge_agent.settings import UpdatePace
from edge_agent.slot_rules import Cancelled, Event, Failed, Offered, Passed, step
from edge_agent.slot_state import Offer, Reason, Release, Slot, SlotReport, SlotState, Stage
from edge_agent.slot_store import read_release
from edge_agent.updates import Updater
from ota.client import open_web
from tests.ota.devices import Site, open_site
from tests.ota.small_repository import FAMILY

FACTORY = b"the model that it is shipped with"
NEW = random.Random(2).randbytes(90_000)
OTHER = random.Random(3).randbytes(20_000)
DONE = [UpdateState.DOWNLOADING, UpdateState.VERIFIED]
"""What the look itself says of a release."""
PACE = UpdatePace()
TRIAL = 5
"""Stages from the offer to the end."""


class RuleSlots:
    """Slots that run nothing: the rules, and the file that was handed over."""

    def __init__(self) -> None:
        factory = Release(FAMILY, "1", sha256(FACTORY).hexdigest(), len(FACTORY))
        self.state = SlotState({Slot.FACTORY: factory})
        self.offers: list[Offer] = []
        self.lent: Path | None = None
        self.ran = {factory.sha256}
        """SHA-256 of all that was ever in charge."""

    @property
    def report(self) -> SlotReport:
        return self.state.report()

    def offer(self, offer: Offer) -> None:
        self.offers.append(offer)
        self.take(Offered(offer))

    def cancel(self) -> None:
        self.take(Cancelled())

    def lend(self) -> Path | None:
        return self.lent

    def take(self, event: Event) -> None:
        self.state, _ = step(self.state, event, 1e9)
        self.ran.add(self.state.held[self.state.in_charge].sha256)

    def go_on(self, stages: int = TRIAL) -> None:
        """Let the trial pass so many stages; the file is read as the slots read it."""
        for _ in range(stages):
            offer = self.state.offer
            if offer is not None and self.state.stage in (Stage.VERIFYING, Stage.STAGING):
                try:
                    read_release(Path(offer.path), offer.release)
                except BundleError as error:
                    self.take(Failed(Reason.DAMAGED, str(error)))
                    continue
            if offer is not None:
                self.take(Passed())


@dataclass
class HandClock:
    """A clock that is set by hand."""

    site: Site

    def now(self) -> datetime | None:
        return self.site.now


@dataclass
class Device:
    """One device in front of a site."""

    site: Site
    slots: RuleSlots = field(default_factory=RuleSlots)
    told: list[UpdateReport] = field(default_factory=list)
    pace: UpdatePace = field(default_factory=UpdatePace)
    updater: Updater = field(init=False)

    def __post_init__(self) -> None:
        self.boot()

    def boot(self) -> None:
        """Start again with what is on disk."""
        self.updater = Updater(
            self.slots,
            partial(open_web, self.site.settings),
            self.told.append,
            HandClock(self.site),
            self.pace,
            lambda: 1.0,
        )

    def look(self) -> float:
        """One look, to its end."""
        return self.updater.look(self.site.stop)

    def assign(self, number: int, data: bytes, version: str = "2", **changes: Any) -> None:
        """Have something assigned."""
        self.site.assign(number, data, version, **changes)

    @property
    def said(self) -> list[tuple[int, str, str]]:
        """What was told: number, state, code."""
        return [(each.assignment, each.state.name.lower(), each.reason_code) for each in self.told]

    @property
    def states(self) -> list[UpdateState]:
        return [each.state for each in self.told]


@contextmanager
def open_device(folder: Path) -> Iterator[Device]:
    """A site with a director, and a device."""
    with open_site(folder) as site:
        site.appoint()
        yield Device(site)


def release(device: Device, version: str = "2", data: bytes = NEW) -> str:
    """Publish a release; where its file is served."""
    return device.site.release(version, data)


def in_charge(device: Device) -> str:
    """The version."""
    return device.slots.report.version
