"""One load on a road, and what it came to.

Rule: the load runs in processes of its own, so that measuring does not slow it; sent is counted by its
devices, stored by the store's tables, neither from the other's books.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

from cloud.store.rows import DeviceCounts
from industrialguard.bench.errors import ProcessLostError
from industrialguard.bench.ingest.places import GENERATOR_STAGE, MQTT, BrokerPlace
from industrialguard.bench.ingest.probe import Probe
from industrialguard.bench.ingest.road import Road
from industrialguard.bench.ingest.usage import Usage, spent
from simulators.leash import leash
from simulators.load.command import CONNECTED, SETTLED, UNACKNOWLEDGED
from simulators.load.counters import LoadCounters

SAMPLE_S = 10.0
DRAIN_S = 120.0
CONNECT_S = 300.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent."""

    name: str
    """Also of its devices."""
    machines: int
    seconds: float
    rate: float | None = None
    """Messages/s of all together; None: as fast as the road takes."""
    outstanding: int = 0
    """How much is on its way at most, where there is no rate."""
    per_connection: int = 1
    late_s: float = 30.0
    sample_s: float = SAMPLE_S
    """Between two looks at memory and lag."""
    first: int = 0
    """Number of the first device."""

    def devices(self) -> list[str]:
        """Their ids."""
        return [f"{self.name}-{self.first + number:05d}" for number in range(self.machines)]

    def shares(self, generators: int) -> list[Load]:
        """The same, shared by processes; the devices' numbers go on from one to the next."""
        bounds = [self.machines * n // generators for n in range(generators + 1)]
        rate_of_one = None if self.rate is None else self.rate / self.machines
        return [
            replace(
                self,
                machines=end - start,
                first=start,
                rate=rate_of_one and rate_of_one * (end - start),
                outstanding=-(-self.outstanding // generators),
            )
            for start, end in pairwise(bounds)
        ]

    def command(self, result: Path, identity: Path | None) -> list[str]:
        """The command line."""
        line = [sys.executable, "-m", "industrialguard", "simulate", "fleet", "--hold", "--json", str(result)]
        values = {
            "machines": self.machines,
            "first": self.first,
            "seconds": self.seconds,
            "rate": self.rate,
            "outstanding": self.outstanding,
            "per-connection": self.per_connection,
            "late": self.late_s,
            "drain": DRAIN_S,
            "prefix": self.name,
            "identity": identity,
        }
        for name, value in values.items():
            if value is not None:
                line += [f"--{name}", str(value)]
        return line


@dataclass(frozen=True, slots=True)
class Sample:
    """The road at one moment of a load."""

    time_s: float
    """Since the load began."""
    usage: Mapping[str, Usage] = field(repr=False)
    lag: int
    """Records that waited in the stream."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a load came to."""

    load: Load
    counters: LoadCounters
    stored: DeviceCounts
    probe: Probe = field(repr=False)
    cpu_s: Mapping[str, float]
    """Of each stage, from the last Birth in the store until all was acknowledged."""
    samples: tuple[Sample, ...] = field(repr=False)

    @property
    def sent(self) -> int:
        """Messages that the devices' outboxes took."""
        return self.counters.offered - self.counters.dropped

    @property
    def lost(self) -> int:
        """Messages sent and not stored; negative: more are stored than were sent."""
        return self.sent - self.stored.stored

    @property
    def is_whole(self) -> bool:
        """Whether every message is stored exactly once."""
        return not (self.lost or self.stored.duplicated or self.stored.dead_lettered)

    @property
    def messages_per_s(self) -> float:
        """Acknowledged messages, from the first one's turn to the last one's acknowledgement."""
        return self.counters.acknowledged / max(self.counters.active_s, 1e-9)


def run_load(road: Road, load: Load, folder: Path) -> LoadResult:
    """Run a load until the cloud has acknowledged it.

    Raises:
        ProcessLostError: the load or a part of the road ended.
    """
    probe = Probe(road.store_url, load.devices(), load.rate)
    with ExitStack() as running:
        children = [
            running.enter_context(_Child(share, road.broker, folder))
            for share in load.shares(road.workers.generators)
        ]
        cpu_s, samples = _watch(road, load, children, probe)
        counters = LoadCounters.total([child.finish() for child in children])
    cpu_s[GENERATOR_STAGE] = counters.cpu_s
    return LoadResult(load, counters, road.count(load.devices()), probe, cpu_s, tuple(samples))


def _watch(
    road: Road, load: Load, children: Sequence[_Child], probe: Probe
) -> tuple[dict[str, float], list[Sample]]:
    """See a load through, from its last Birth in the store to its last acknowledgement."""
    for child in children:
        child.wait_for(CONNECTED, CONNECT_S)
    deadline_s = time.monotonic() + CONNECT_S
    while not road.knows(load.devices()):
        road.require_alive()
        if time.monotonic() > deadline_s:
            raise ProcessLostError(f"the store has not heard all of {load.name} in {CONNECT_S:.0f} s")
        time.sleep(0.1)
    stages, samples = road.stages(), list[Sample]()
    before, started_s = stages.read(), time.monotonic()
    probe.start()
    for child in children:
        child.begin()
    busy = list(children)
    try:
        while busy:
            look_s = time.monotonic() + load.sample_s
            busy = [each for each in busy if not each.is_settled(look_s - time.monotonic())]
            samples.append(Sample(time.monotonic() - started_s, stages.read(), road.lag()))
            road.require_alive()
    finally:
        probe.stop()
    return spent(before, samples[-1].usage), samples


class _Child:
    """A process of a load, and what it says, line by line; as a context manager it ends with the block.

    Args:
        load: What it sends.
        broker: Where to.
        folder: For what it came to.
    """

    def __init__(self, load: Load, broker: BrokerPlace, folder: Path) -> None:
        self._load, self._broker = load, broker
        self._result = folder / f"{load.name}-{load.first}.json"
        self._said: queue.Queue[str] = queue.Queue()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            leash(self._load.command(self._result, self._broker.load_identity)),
            env=os.environ | {MQTT: self._broker.url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._reader.join()
        self._process.__exit__(None, None, None)

    def wait_for(self, line: str, timeout_s: float, is_certain: bool = True) -> bool:
        """Wait for a line; False: it did not come in time.

        Raises:
            ProcessLostError: it said something else or ended; or nothing in time, and `is_certain`.
        """
        try:
            said = self._said.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            if not is_certain:
                return False
            said = "nothing"
        if said != line:
            raise ProcessLostError(f"the load was to say {line!r} and said {said!r}; see above")
        return True

    def is_settled(self, timeout_s: float) -> bool:
        """Whether it says within this time that all is acknowledged; it says so once."""
        return self.wait_for(SETTLED, timeout_s, is_certain=False)

    def begin(self) -> None:
        """Let it send."""
        if self._process.stdin is not None:
            self._process.stdin.write("\n")
            self._process.stdin.flush()

    def finish(self) -> LoadCounters:
        """What it came to.

        Raises:
            ProcessLostError: it failed.
        """
        code = self._process.wait()
        if code not in (0, UNACKNOWLEDGED):
            raise ProcessLostError(f"the load {self._load.name} ended with {code}; see above")
        return LoadCounters.read(json.loads(self._result.read_text("utf-8")))

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._said.put(line.strip())
        self._said.put("goodbye")
