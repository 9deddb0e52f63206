"""Independent pieces of a long benchmark, in processes side by side.

Rule: what comes out is the same however many processes there are, in the order of the tasks; only times
differ, so each process has one core to itself and reports say how many there were. What has been found can be
kept in a folder, so that a benchmark of hours goes on where it was interrupted; what other code found is not
taken for it.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from contract.archive import write_atomically
from contract.errors import ConfigError
from industrialguard.bench.errors import ProcessLostError

Task = TypeVar("Task")
Found = TypeVar("Found")

ONE_CORE = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
"""Read by trees and networks when they are loaded."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder of what tasks gave.

    Raises:
        ConfigError: it cannot be made.
    """

    folder: Path
    made_from: str
    """Code, data and settings: with others, something else would be found."""

    def __post_init__(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{self.folder} cannot be made: {error.strerror}; choose another folder"
            ) from error

    def path(self, task: object) -> Path:
        """Of what a task gave; its words tell it from others."""
        return self.folder / f"{sha256(f'{self.made_from} {task!r}'.encode()).hexdigest()[:32]}.pickle"

    def read(self, task: object) -> tuple[Any, ...]:
        """What it gave, alone in a tuple; empty where nothing is kept."""
        try:
            return (pickle.loads(self.path(task).read_bytes()),)  # noqa: S301 - of this command, by this user
        except (OSError, pickle.UnpicklingError, EOFError):
            return ()

    def write(self, task: object, found: object) -> None:
        """Keep what it gave."""
        write_atomically(self.path(task), pickle.dumps(found))


def in_processes(
    work: Callable[[Task], Found], tasks: Sequence[Task], jobs: int, kept: Kept | None = None
) -> list[Found]:
    """What each task gives.

    Args:
        work: What is done. Where `jobs` is more than 1 it must be picklable, as tasks must: a function that
            stands in a module, or a `partial` of one.
        tasks: The longest first, so that the last processes end together; all different in words.
        jobs: Processes; 1: all is done here, on whatever cores there are.
        kept: Where what was found is kept, and taken from instead of being found again.

    Raises:
        ProcessLostError: one of them was killed; most likely memory ran out.
    """
    found = {place: known[0] for place, task in enumerate(tasks) if kept and (known := kept.read(task))}
    for place, result in _find(work, {n: task for n, task in enumerate(tasks) if n not in found}, jobs):
        found[place] = result
        if kept:
            kept.write(tasks[place], result)
    return [found[place] for place in range(len(tasks))]


def _find(work: Callable[[Task], Found], tasks: Mapping[int, Task], jobs: int) -> Iterator[tuple[int, Found]]:
    """What tasks give, with their places, as it comes."""
    if jobs == 1:
        yield from ((place, work(task)) for place, task in tasks.items())
        return
    # Fresh processes: a copy of one in which networks have run would hang.
    with _one_core_each(), ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        running = {pool.submit(work, task): place for place, task in tasks.items()}
        try:
            for done in as_completed(running):
                yield running[done], done.result()
        except BrokenProcessPool as error:
            raise ProcessLostError(
                "a process of the benchmark was killed; if memory ran out, choose fewer --jobs"
            ) from error
        finally:
            for waiting in running:
                waiting.cancel()


def families(members: Sequence[Task], begins_with: Callable[[Task], object]) -> list[tuple[Task, ...]]:
    """Those that stand side by side and begin with the same step, which is then taken once.

    >>> families(["ab", "ac", "b"], lambda name: name[0])
    [('ab', 'ac'), ('b',)]
    """
    return [tuple(family) for _, family in groupby(members, key=begins_with)]


@contextmanager
def _one_core_each() -> Iterator[None]:
    """Processes that are started inside take one thread for their arithmetic."""
    before = {name: os.environ.get(name) for name in ONE_CORE}
    os.environ.update(dict.fromkeys(ONE_CORE, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
