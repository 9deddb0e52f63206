"""The cloud's own process of API and pages, over a store, for as long as it is measured.

Rule: started as an operator would.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from cloud.api.access import KEY_HEADER
from industrialguard.bench.errors import ProcessLostError
from simulators.processes import PartSpec, Supervisor, module_command

READY_S, TIMEOUT_S = 60.0, 60.0
_OK = 200


@dataclass(frozen=True, slots=True)
class Site:
    """A process that answers people."""

    address: str
    process: psutil.Process
    headers: Mapping[str, str]
    """Of every request: who asks."""

    def time_page(self, path: str, repeats: int) -> tuple[list[float], float]:
        """How long a page takes; the first answer of all is not counted.

        Returns:
            Each time from the request to its last byte, and CPU time of the process for one of them, in ms.

        Raises:
            ProcessLostError: it is refused.
        """
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=TIMEOUT_S)
        with closing(connection):
            _ask(connection, path, self.headers)
            before = self._cpu_s()
            times = [1000 * _ask(connection, path, self.headers) for _ in range(repeats)]
            return times, 1000 * (self._cpu_s() - before) / repeats

    def _cpu_s(self) -> float:
        spent = self.process.cpu_times()
        return float(spent.user + spent.system)


@contextmanager
def run_site(folder: Path, key: str) -> Iterator[Site]:
    """Answer people over the store in a folder.

    Args:
        folder: With the store.
        key: Of a program that may read everything.

    Raises:
        PartError: it did not come up.
    """
    log = folder / "api.log"
    arguments = ["cloud", "api", "--data", str(folder), "--http", "127.0.0.1:0"]
    command = module_command(sys.executable, "industrialguard", arguments)
    with Supervisor() as parts:
        parts.start(PartSpec("api", command, log, lambda: bool(_address(log)), restarts=False))
        parts.wait_ready("api", READY_S)
        yield Site(_address(log), psutil.Process(parts.pid("api")), {KEY_HEADER: key})


def _ask(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]) -> float:
    """How long one answer takes, in s."""
    start = time.perf_counter()
    connection.request("GET", path, headers={"Accept": "text/html", **headers})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != _OK:
        raise ProcessLostError(f"{path} was refused: {answer.status} {content[:200]!r}")
    return time.perf_counter() - start


def _address(log: Path) -> str:
    """Where it listens; empty: it does not say yet."""
    for line in log.read_text("utf-8", "replace").splitlines():
        if '"message": "ready"' in line and '"address"' in line:
            return str(json.loads(line)["address"])
    return ""
