"""Runs a campaign: a load, one fault after the other, and the count at the end.

Rule: the road flows again when a message that became due after the fault has been acknowledged by the cloud;
a road that does not within `STUCK_S` ends the campaign as failed.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cloud.store.rows import DeviceCounts
from contract.broker_address import parse_broker_url
from contract.profiles import load_profile
from simulators.load.counters import LoadCounters
from simulators.load.device import DeviceLimits
from simulators.load.disturbance import DisturbanceConfig
from simulators.load.fleet import LoadConfig, LoadFleet
from tools.fault_campaign.faults import Fault
from tools.fault_campaign.road import HitRoad

STUCK_S = 180.0
DRAIN_S = 600.0
LOOK_S = 0.02
LIMITS = DeviceLimits(outbox=1_000_000, replay_per_s=20.0)
"""Nothing is given up, and a backlog follows sooner than an agent's would; waits are the agent's own."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """The load."""

    machines: int = 50
    rate: float = 100.0
    """Messages/s of all together."""
    disturbed: float = 0.09
    """Share of publications that are repeated, delayed (and so overtaken) or swallowed."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault as it happened."""

    fault: Fault
    at_s: float
    """Since the campaign began."""
    back_s: float | None
    """From the fault until everybody was there again; None: not in time."""
    flowed_s: float | None
    """From the fault until the road flowed again; None: the next fault came first, or it never did."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a campaign came to."""

    happened: tuple[Happened, ...]
    counters: LoadCounters
    stored: DeviceCounts
    ended: dict[str, int]
    """Processes that ended without having been killed."""
    is_stuck: bool
    """Whether the road once did not flow again."""
    duration_s: float

    @property
    def accepted(self) -> int:
        """Messages that the outboxes took."""
        return self.counters.offered - self.counters.dropped

    @property
    def lost(self) -> int:
        """Of these, how many are not stored."""
        return self.accepted - self.stored.stored

    @property
    def is_sound(self) -> bool:
        """Whether every message is stored exactly once, and the road always flowed again."""
        wrong = self.lost or self.stored.duplicated or self.counters.waiting or self.counters.rejected
        return not (wrong or self.is_stuck)


class CampaignLoad:
    """A load in a thread of its own, which keeps what is not acknowledged."""

    def __init__(self, mqtt: str, traffic: Traffic) -> None:
        bad = DisturbanceConfig.of(traffic.disturbed) if traffic.disturbed else None
        self._config = LoadConfig(
            parse_broker_url(mqtt),
            load_profile("pump"),
            traffic.machines,
            traffic.machines / traffic.rate,
            drain_s=DRAIN_S,
            seed=traffic.seed,
            limits=LIMITS,
            disturbance=bad,
        )
        self._is_built = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._fleet: LoadFleet | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()
        self._is_built.wait()

    def has_passed(self, since_s: float) -> bool:
        """Whether a message that became due after this moment of the monotonic clock was acknowledged."""
        return self._fleet is not None and self._fleet.newest_s > since_s

    def ask_to_stop(self) -> None:
        """Send nothing new; what waits is still sent."""
        if self._loop is not None and self._fleet is not None:
            self._loop.call_soon_threadsafe(self._fleet.stop)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    def counters(self) -> LoadCounters:
        """What it came to."""
        self._thread.join()
        return LoadCounters() if self._fleet is None else self._fleet.counters

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._fleet = LoadFleet(self._config)
        self._is_built.set()
        await self._fleet.run()


def run_campaign(
    faults: Sequence[Fault], traffic: Traffic, folder: Path, say: Callable[[str], None]
) -> Outcome:
    """Run a campaign.

    Args:
        faults: In order.
        traffic: What is sent meanwhile.
        folder: For logs.
        say: Told of every fault as it happens.
    """
    with HitRoad(folder) as road:
        load = CampaignLoad(road.mqtt, traffic)
        load.start()
        started_s, happened = time.monotonic(), list[Happened]()
        try:
            is_stuck = not _wait(road, lambda: load.has_passed(started_s), STUCK_S)
            for number, fault in enumerate(faults):
                if is_stuck:
                    break
                is_last = number + 1 == len(faults)
                is_waited_for = is_last or not faults[number + 1].is_early
                happened.append(_strike(road, load, fault, started_s, is_waited_for))
                is_stuck = is_waited_for and happened[-1].flowed_s is None
                say(f"{number + 1}/{len(faults)} {describe(happened[-1])}")
        finally:
            load.ask_to_stop()
            _wait(road, lambda: load.is_over, DRAIN_S + STUCK_S)
        counters = load.counters()
        duration_s = time.monotonic() - started_s
        return Outcome(tuple(happened), counters, road.count(), dict(road.ended), is_stuck, duration_s)


def describe(happened: Happened) -> str:
    """One fault in one line."""
    fault = happened.fault
    flowed = "overtaken" if happened.flowed_s is None else f"flows after {happened.flowed_s:.1f} s"
    return f"{happened.at_s:.0f} s: {fault.kind} {fault.target}, {flowed}"


def _strike(
    road: HitRoad, load: CampaignLoad, fault: Fault, started_s: float, is_waited_for: bool
) -> Happened:
    _wait(road, lambda: False, fault.pause_s)
    road.kill(fault.target, fault.hold_s)
    struck_s, longest_s = time.monotonic(), STUCK_S + fault.hold_s
    back_s = flowed_s = None
    if _wait(road, road.is_complete, longest_s):
        back_s = time.monotonic() - struck_s
        if is_waited_for and _wait(  # else the next strikes now
            road, lambda: road.is_complete() and load.has_passed(struck_s), longest_s - back_s
        ):
            flowed_s = time.monotonic() - struck_s
    return Happened(fault, struck_s - started_s, back_s, flowed_s)


def _wait(road: HitRoad, is_true: Callable[[], bool], longest_s: float) -> bool:
    """Look after the road until something is true; False: it did not become so in time."""
    deadline_s = time.monotonic() + longest_s
    while time.monotonic() < deadline_s:
        road.tend()
        if is_true():
            return True
        time.sleep(LOOK_S)
    return is_true()
