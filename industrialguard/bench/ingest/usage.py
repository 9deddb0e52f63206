"""Processor time and memory of each stage, from its processes.

Rule: a stage whose processes cannot be seen (another machine, another user) has no figure; it never counts as
free of cost.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Usage:
    """One stage at one moment."""

    cpu_s: float
    """Since its processes began."""
    rss_bytes: int


class Stages:
    """The processes behind the stages of a road.

    Args:
        pids: The processes of each stage; their children belong to them.
    """

    def __init__(self, pids: Mapping[str, Sequence[int]]) -> None:
        self._processes = {stage: [psutil.Process(pid) for pid in some] for stage, some in pids.items()}

    def read(self) -> dict[str, Usage]:
        """Every stage that can be seen, now."""
        found = {}
        for stage, processes in self._processes.items():
            with suppress(psutil.AccessDenied, psutil.NoSuchProcess):
                trees = [_read_tree(process) for process in processes]
                found[stage] = Usage(sum(t.cpu_s for t in trees), sum(t.rss_bytes for t in trees))
        return found

    def only(self, *stages: str) -> Stages:
        """Some of them."""
        return Stages({s: [p.pid for p in self._processes[s]] for s in stages if s in self._processes})

    def process(self, stage: str) -> psutil.Process | None:
        """A stage's first process; None: it cannot be seen."""
        return next(iter(self._processes.get(stage, ())), None)


def spent(before: Mapping[str, Usage], after: Mapping[str, Usage]) -> dict[str, float]:
    """Processor time between two moments, in s, of the stages that were seen both times."""
    return {stage: after[stage].cpu_s - before[stage].cpu_s for stage in before if stage in after}


def find_listener(host: str, port: int) -> int | None:
    """Who listens on a port of this machine; None: nobody that we may see."""
    try:
        address = socket.gethostbyname(host)
    except OSError:
        return None
    if not address.startswith("127.") and address not in _own_addresses():
        return None
    with suppress(psutil.AccessDenied):
        for connection in psutil.net_connections("tcp"):
            is_listening = connection.status == psutil.CONN_LISTEN and connection.pid
            if is_listening and connection.laddr and connection.laddr.port == port:
                return connection.pid
    return None


def _own_addresses() -> set[str]:
    return {each.address for addresses in psutil.net_if_addrs().values() for each in addresses}


def _read_tree(process: psutil.Process) -> Usage:
    times = process.cpu_times()
    cpu_s = (
        times.user + times.system + times.children_user + times.children_system
    )  # children that have ended
    rss = process.memory_info().rss
    for child in _children(process):
        with suppress(psutil.NoSuchProcess):
            own = child.cpu_times()
            cpu_s += own.user + own.system
            rss += child.memory_info().rss
    return Usage(cpu_s, rss)


def _children(process: psutil.Process) -> Iterator[psutil.Process]:
    yield from process.children(recursive=True)
