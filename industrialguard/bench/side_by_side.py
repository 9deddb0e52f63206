"""Independent pieces of a long benchmark, in processes side by side.

Rule: what comes out is the same however many processes there are, in the order of the tasks; only times
differ, so each process has one core to itself and reports say how many there were.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import groupby
from multiprocessing import get_context
from typing import TypeVar

from industrialguard.bench.errors import ProcessLostError

Task = TypeVar("Task")
Found = TypeVar("Found")

ONE_CORE = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
"""Read by trees and networks when they are loaded."""


def in_processes(work: Callable[[Task], Found], tasks: Sequence[Task], jobs: int) -> list[Found]:
    """What each task gives.

    Args:
        work: What is done. Where `jobs` is more than 1 it must be picklable, as tasks must: a function that
            stands in a module, or a `partial` of one.
        tasks: The longest first, so that the last processes end together.
        jobs: Processes; 1: all is done here, on whatever cores there are.

    Raises:
        ProcessLostError: one of them was killed; most likely memory ran out.
    """
    if jobs == 1:
        return [work(task) for task in tasks]
    # A fresh process: a copy of one in which networks have run would hang.
    with _one_core_each(), ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        try:
            return list(pool.map(work, tasks))
        except BrokenProcessPool as error:
            raise ProcessLostError(
                "a process of the benchmark was killed; if memory ran out, choose fewer --jobs"
            ) from error


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
