"""What each stage could at best do: the same libraries and servers, bare.

Rule: message bytes, batches, durability and settings are the road's; between the library and the server is
nothing but a loop. Processor time is noted under the stage of the road that does the same work, so that what
our code adds to it can be read off.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cloud.settings import CloudSettings
from industrialguard.bench.ingest.usage import Stages, spent

SETTINGS = CloudSettings(Path())
"""As the cloud's processes have them where nobody says otherwise."""
TOGETHER = "bare stages together"


@dataclass(frozen=True, slots=True)
class Ceiling:
    """One measured."""

    name: str
    messages_per_s: float
    cpu_s_per_1000: Mapping[str, float]
    """Of every process that took part, under the stage whose work it did."""
    is_counted: bool = True
    """Whether the road consists of this; else it is another way, or a part of one that counts."""


@dataclass(frozen=True, slots=True)
class Together:
    """All bare stages on one machine at once: a program without a line of ours."""

    messages_per_s: float
    cpu_s_per_1000: float


class BareClock:
    """Wall time, and processor time of this process and of a server.

    Args:
        stage: Whose work this process does.
        server: Which works with it.
    """

    def __init__(self, stage: str, server: Stages) -> None:
        self._stage = stage
        self._server = server
        self._before = server.read()
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def ceiling(self, name: str, messages: int) -> Ceiling:
        """What was done since it was made."""
        wall_s, cpu_s = time.perf_counter() - self._wall_s, time.process_time() - self._cpu_s
        costs = {self._stage: cpu_s, **spent(self._before, self._server.read())}
        return Ceiling(name, messages / wall_s, per_1000(costs, messages))


@dataclass(frozen=True, slots=True)
class Ceilings:
    """Those of one road."""

    shown: tuple[Ceiling, ...] = ()
    cores: int = 1
    """Of this machine, usable."""
    servers: frozenset[str] = field(default_factory=frozenset)
    """Stages whose cost must be known before a sum of all means anything."""

    @property
    def counted(self) -> list[Ceiling]:
        """Those that the road consists of."""
        return [each for each in self.shown if each.is_counted]

    @property
    def slowest(self) -> Ceiling | None:
        """Of these; None: there is none."""
        return min(self.counted, key=lambda each: each.messages_per_s, default=None)

    def bare_cost(self, stage: str) -> float | None:
        """Processor time that the bare stages need for a stage's work, in s for 1,000 messages."""
        return self._costs().get(stage)

    def together(self, workers: Mapping[str, int], cheapest: Mapping[str, float]) -> Together | None:
        """All bare stages at once; None: a server's cost is not known.

        The machine's cores bound it, and each stage that is one thread in each of its processes.

        Args:
            workers: Stages that are one thread each, with the number of their processes.
            cheapest: Costs of stages that can be had for less than in the ceilings.
        """
        known = self._costs()
        if not known or not self.servers <= known.keys():
            return None
        costs = {stage: min(cpu_s, cheapest.get(stage, cpu_s)) for stage, cpu_s in known.items()}
        total_s = sum(costs.values())
        rates = [1000 * self.cores / total_s]
        rates += [1000 * n / costs[stage] for stage, n in workers.items() if costs.get(stage)]
        return Together(min(rates), total_s)

    def _costs(self) -> Counter[str]:
        costs: Counter[str] = Counter()
        for ceiling in self.counted:
            costs.update(ceiling.cpu_s_per_1000)
        return costs


def per_1000(cpu_s: Mapping[str, float], messages: int) -> dict[str, float]:
    """Processor time for 1,000 messages.

    >>> per_1000({"broker": 0.5}, 2000)
    {'broker': 0.25}
    """
    return {stage: 1000 * each / messages for stage, each in cpu_s.items()}


def batches(count: int, size: int) -> Sequence[range]:
    """Places of `count` things, `size` at a time.

    >>> batches(5, 2)
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    return [range(start, min(start + size, count)) for start in range(0, count, size)]
