"""A process of the load fleet: its devices, its connections and its schedule.

Rule: open loop by schedule: each device has a phase of its own, and what is late is sent late and counted,
so that a slow road cannot slow its own load. Only `outstanding` asks for the opposite: as fast as the road
takes.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from contract.broker_address import BrokerAddress
from contract.errors import ConfigError
from contract.identity import IdentityFolder, client_context
from contract.profiles import MachineProfile
from simulators.load.counters import LoadCounters
from simulators.load.device import DeviceLimits, LoadDevice
from simulators.load.disturbance import Disturbance, DisturbanceConfig
from simulators.load.link import LinkShared, LoadLink
from simulators.load.script import Script
from simulators.load.summaries import make_head

TICK_S = 0.005
"""How exactly the schedule is kept."""
STOP_S = 0.2
"""Longest time until a schedule notices that it is to stop."""
LOOK_AFTER_S = 0.5
CONNECTING_AT_ONCE = 200
MAX_MACHINES = 100_000
Step = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class LoadConfig:
    """What one process does."""

    broker: BrokerAddress
    profile: MachineProfile = field(repr=False)
    machines: int
    interval_s: float
    """Between two messages of one machine."""
    seconds: float | None = None
    """How long messages are offered; None: until stopped."""
    drain_s: float = 60.0
    """How long to wait at the end for acknowledgements."""
    first: int = 0
    """Number of the first machine."""
    per_connection: int = 1
    """Devices behind one connection."""
    outstanding: int = 0
    """As fast as the road takes, with so many messages unacknowledged; 0: by schedule."""
    most: int | None = None
    """Messages to offer, at most."""
    prefix: str = "load"
    """Of the device ids."""
    seed: int = 1
    limits: DeviceLimits = field(default_factory=DeviceLimits)
    disturbance: DisturbanceConfig | None = None
    identity: IdentityFolder | None = None
    """As whom all of them connect with TLS; None: as nobody in particular."""

    def __post_init__(self) -> None:
        if not 1 <= self.machines <= MAX_MACHINES:
            raise ConfigError(f"a load has 1 to {MAX_MACHINES} machines, not {self.machines}")
        if not 0.001 <= self.interval_s <= 86_400:
            raise ConfigError("a machine speaks once a millisecond to once a day")
        if not 1 <= self.per_connection <= 10_000:
            raise ConfigError("1 to 10000 devices share a connection")
        if self.outstanding < 0 or self.drain_s < 0 or (self.seconds is not None and self.seconds <= 0):
            raise ConfigError("outstanding and drain_s must not be negative, seconds must be positive")


class LoadFleet:
    """Runs a load; build it inside the event loop that runs it.

    Args:
        config: What it does.
    """

    def __init__(self, config: LoadConfig) -> None:
        self._config = config
        self.counters = LoadCounters()
        self._random = random.Random(f"{config.seed}/{config.first}")
        self._script = Script(config.profile, config.seed + config.first)
        self._devices = [self._build_device(n) for n in range(config.first, config.first + config.machines)]
        self._links = self._build_links()
        self._link_of = {id(device): link for link in self._links for device in link.devices}
        self._turn = itertools.cycle(self._devices)
        self._stop = asyncio.Event()
        self._started_s = 0.0
        self._wall_offset_s = 0.0
        self._is_filling = False
        self.is_connected = asyncio.Event()
        """Set once every connection was up."""

    @property
    def waiting(self) -> int:
        """Messages that the cloud has not acknowledged yet."""
        counters = self.counters
        return counters.offered - counters.dropped - counters.acknowledged - counters.rejected

    @property
    def newest_s(self) -> float:
        """When the newest message that the cloud has acknowledged was due, by the monotonic clock."""
        return max(device.newest_s for device in self._devices)

    def stop(self) -> None:
        """Offer nothing more; what was offered is still sent and waited for."""
        self._stop.set()

    async def run(self, on_connected: Step | None = None, on_settled: Step | None = None) -> LoadCounters:
        """Connect, offer, wait for what is on its way, say goodbye.

        Args:
            on_connected: Waited for before the first message.
            on_settled: Waited for before the goodbyes.
        """
        running = [asyncio.create_task(link.run()) for link in self._links]
        running.append(asyncio.create_task(self._look_after()))
        try:
            await self._wait_connected()
            if on_connected is not None:
                await on_connected()
            cpu_s = time.process_time()
            await (self._saturate() if self._config.outstanding else self._offer_by_schedule())
            await self._drain()
            self.counters.cpu_s = time.process_time() - cpu_s
            if on_settled is not None:
                await on_settled()
            await asyncio.gather(*(link.close() for link in self._links))
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        now_s = time.monotonic()
        for device in self._devices:
            device.count_old(now_s)
        return self.counters

    def _build_device(self, number: int) -> LoadDevice:
        boot_id = random.SystemRandom().getrandbits(62) | 1
        head = make_head(f"{self._config.prefix}-{number:05d}", boot_id)
        return LoadDevice(head, number, self._config.limits, self.counters)

    def _build_links(self) -> list[LoadLink]:
        config = self._config
        shared = LinkShared(
            broker=config.broker,
            script=self._script,
            counters=self.counters,
            connecting=asyncio.Semaphore(CONNECTING_AT_ONCE),
            tls=client_context(config.identity) if config.broker.is_tls else None,
            disturbance=Disturbance(config.disturbance, config.seed) if config.disturbance else None,
            on_settled=self._fill_soon,
        )
        groups = [
            self._devices[start : start + config.per_connection]
            for start in range(0, config.machines, config.per_connection)
        ]
        name = "gateway-" if config.per_connection > 1 else ""
        return [LoadLink(f"{name}{group[0].head.device_id}", group, shared) for group in groups]

    async def _wait_connected(self) -> None:
        """Until every connection is up, or somebody stops us."""
        while not self._stop.is_set() and not all(link.is_up for link in self._links):
            await asyncio.sleep(0.05)
        self.is_connected.set()

    async def _offer_by_schedule(self) -> None:
        """Each device at its phase, again and again."""
        self._start_clock()
        for number, (due_s, device) in enumerate(self._schedule()):
            if self._is_over(due_s, number):
                return
            while (ahead_s := due_s - time.monotonic()) > 0:
                await asyncio.sleep(min(max(ahead_s, TICK_S), STOP_S))
                if self._stop.is_set():
                    return
            self._offer(device, due_s, time.monotonic())
            if number % 64 == 63:
                await asyncio.sleep(0)  # a late generator must still read

    def _schedule(self) -> Iterator[tuple[float, LoadDevice]]:
        """When whose turn is, for ever: each device at a phase of its own, so that the load is even."""
        devices = self._random.sample(self._devices, len(self._devices))
        step_s = self._config.interval_s / len(devices)
        jitters = [self._random.random() for _ in devices]
        for place in itertools.count(step=len(devices)):
            for n, (device, jitter) in enumerate(zip(devices, jitters, strict=True)):
                yield self._started_s + (place + n + jitter) * step_s, device

    async def _saturate(self) -> None:
        """As fast as acknowledgements come."""
        self._start_clock()
        self._is_filling = True
        self._fill()
        while not self._is_over(time.monotonic(), self.counters.offered):
            await asyncio.sleep(0.05)
            self._fill()
        self._is_filling = False

    def _fill_soon(self) -> None:
        if self._is_filling:
            self._fill()

    def _fill(self) -> None:
        """Offer until enough is on its way; devices take turns."""
        now_s = time.monotonic()
        idle = 0
        while self.waiting < self._config.outstanding and idle < len(self._devices):
            if self._is_over(now_s, self.counters.offered):
                return
            device = next(self._turn)
            if device.is_free(now_s) and self._link_of[id(device)].is_up:
                self._offer(device, now_s, now_s)
                idle = 0
            else:
                idle += 1

    def _offer(self, device: LoadDevice, due_s: float, now_s: float) -> None:
        device.offer(self._script, round((due_s + self._wall_offset_s) * 1e6), due_s, now_s)
        self._link_of[id(device)].send_due(device, now_s)

    def _start_clock(self) -> None:
        self._started_s = time.monotonic()
        self._wall_offset_s = time.time() - self._started_s

    def _is_over(self, now_s: float, number: int) -> bool:
        seconds, most = self._config.seconds, self._config.most
        is_past = seconds is not None and now_s - self._started_s >= seconds
        return self._stop.is_set() or is_past or (most is not None and number >= most)

    async def _drain(self) -> None:
        deadline_s = time.monotonic() + self._config.drain_s
        while self.waiting and time.monotonic() < deadline_s:
            await asyncio.sleep(0.02)
        self.counters.active_s = time.monotonic() - self._started_s

    async def _look_after(self) -> None:
        """Every connection in turn, all of them twice a second."""
        while True:
            pause_s = LOOK_AFTER_S / len(self._links)
            for number, link in enumerate(self._links, start=1):
                link.look_after(time.monotonic())
                if number % max(1, round(0.02 / pause_s)) == 0:
                    await asyncio.sleep(0.02)
            await asyncio.sleep(0.02)
