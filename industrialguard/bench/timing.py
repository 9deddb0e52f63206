"""How long operations take, side by side in one process.

Rule: operations take turns in short blocks, so that what disturbs the machine disturbs all of them alike.
What an operation needs is made ready outside the time that counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt


class Operation(Protocol):
    """Something whose time is measured again and again."""

    def prepare(self, count: int) -> None:
        """Make ready for so many runs; not timed."""

    def run(self) -> None:
        """Do it once; timed."""


@dataclass(frozen=True, slots=True)
class Call:
    """An operation that needs nothing made ready."""

    function: Callable[[], object]

    def prepare(self, count: int) -> None:
        """Nothing to make ready."""

    def run(self) -> None:
        """Call it."""
        self.function()


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    repeats: int = 3
    """Independent measurements; each gives one value of every figure."""
    blocks: int = 10
    """Turns of each operation in a repeat."""
    block_s: float = 0.02
    """Wall time that a turn should take, in s."""
    least: int = 5
    """Fewest runs in a turn."""
    most: int = 1000
    """Most runs in a turn."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One operation, measured `repeats` times. All tuples have one value for each repeat."""

    p50_us: tuple[float, ...]
    """Median wall time of a run over the blocks of a repeat, in µs."""
    p99_us: tuple[float, ...]
    per_core_s: tuple[float, ...]
    """Runs in one second of processor time."""


@dataclass(slots=True)
class _Log:
    """What was measured of one operation in one repeat."""

    walls_ns: list[npt.NDArray[np.int64]] = field(default_factory=list)
    cpu_s: float = 0.0


def time_operations(operations: Mapping[str, Operation], effort: Effort) -> dict[str, Timing]:
    """Measure operations, block by block in turn.

    Args:
        operations: By name.
        effort: How much.
    """
    counts = {name: _calibrate(operation, effort) for name, operation in operations.items()}
    logs: dict[str, list[_Log]] = {name: [] for name in operations}
    for _ in range(effort.repeats):
        for name in operations:
            logs[name].append(_Log())
        for _ in range(effort.blocks):
            for name, operation in operations.items():
                operation.prepare(counts[name])
                _run_block(operation, counts[name], logs[name][-1])
    return {name: _summarise(repeats) for name, repeats in logs.items()}


def _calibrate(operation: Operation, effort: Effort) -> int:
    """Warm up and find how many runs fill a block."""
    operation.prepare(2 * effort.least)
    log = _Log()
    _run_block(operation, effort.least, _Log())
    _run_block(operation, effort.least, log)
    typical_s = float(np.median(log.walls_ns[0])) / 1e9
    return int(np.clip(effort.block_s / max(typical_s, 1e-9), effort.least, effort.most))


def _run_block(operation: Operation, count: int, log: _Log) -> None:
    run, clock = operation.run, time.perf_counter_ns
    walls = np.empty(count, np.int64)
    cpu_ns = time.process_time_ns()
    for number in range(count):
        started = clock()
        run()
        walls[number] = clock() - started
    log.cpu_s += (time.process_time_ns() - cpu_ns) / 1e9
    log.walls_ns.append(walls)


def _summarise(repeats: list[_Log]) -> Timing:
    walls = [np.concatenate(log.walls_ns) / 1e3 for log in repeats]
    return Timing(
        p50_us=tuple(float(np.median([np.median(block) for block in log.walls_ns])) / 1e3 for log in repeats),
        p99_us=tuple(float(np.quantile(wall, 0.99)) for wall in walls),
        per_core_s=tuple(len(wall) / max(log.cpu_s, 1e-9) for wall, log in zip(walls, repeats, strict=True)),
    )
