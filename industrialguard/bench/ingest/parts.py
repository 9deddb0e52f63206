"""The processes of a road: a broker where none is given, and the cloud's own.

Rule: started as an operator would; each has a log of its own and is waited for until it says that it is
ready; one that dies makes the measurement fail.
"""

from __future__ import annotations

import socket
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from industrialguard.bench.errors import ProcessLostError
from industrialguard.bench.ingest.places import BROKER_STAGE, MQTT, BrokerPlace, Places, environment
from industrialguard.bench.ingest.secured import make_secured_broker
from industrialguard.bench.ingest.usage import Stages, find_listener
from simulators.broker import broker_command
from simulators.processes import PartSpec, Supervisor, last_lines, module_command

HOST = "127.0.0.1"
READY_S = 60.0
STOP_S = 15.0
IDENTITY = "INDUSTRIALGUARD_IDENTITY"


class Parts:
    """Processes of a road; as a context manager its broker runs inside the block, and all of it ends there.

    Args:
        places: Where its servers are.
        folder: For what is embedded, and for logs; it exists.
    """

    def __init__(self, places: Places, folder: Path) -> None:
        self.places = places
        self.folder = folder
        self._supervisor = Supervisor()
        self._stages: dict[str, str] = {}
        self.broker = BrokerPlace(places.mqtt or "")

    def __enter__(self) -> Self:
        try:
            if not self.broker.url:
                self._start_broker()
        except BaseException:
            self._supervisor.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._supervisor.close()

    def start(self, stage: str, name: str, variables: Mapping[str, str] | None = None) -> None:
        """Start a process of the cloud.

        Args:
            stage: Also its command.
            name: No other process had it.
            variables: Of its environment, beyond where everything is.
        """
        log = self._log(name)
        arguments = ["cloud", stage, "--data", str(self.folder), "--http", f"{HOST}:0"]
        given = {**environment(self.places), MQTT: self.broker.url, **(variables or {})}
        if stage in self.broker.identities:
            given[IDENTITY] = str(self.broker.identities[stage])
        command = module_command(sys.executable, "industrialguard", arguments)
        spec = PartSpec(name, command, log, lambda: _says_ready(log), restarts=False, environment=given)
        self._supervisor.start(spec)
        self._stages[name] = stage

    def wait_ready(self, name: str) -> None:
        """Return when a process works.

        Raises:
            PartError: it ended, or does not get ready.
        """
        self._supervisor.wait_ready(name, READY_S)

    def stop(self, name: str) -> None:
        """Let a process finish its batch and leave."""
        del self._stages[name]
        self._supervisor.stop(name, STOP_S)

    def stages(self) -> Stages:
        """The processes of each stage, as far as they can be seen."""
        pids: dict[str, list[int]] = defaultdict(list)
        for name, stage in self._stages.items():
            pids[stage].append(self._supervisor.pid(name))
        for stage, (host, port) in self.places.ports().items():
            if (pid := find_listener(host, port)) is not None:
                pids[stage] = [pid]
        return Stages(pids)

    def require_alive(self) -> None:
        """See that every part still runs.

        Raises:
            ProcessLostError: one does not; the message ends with the last lines of its log.
        """
        for name in self._stages:
            if not self._supervisor.is_running(name):
                raise ProcessLostError(f"{name} has ended: {last_lines(self._log(name))}")

    def _start_broker(self) -> None:
        port = _free_port()
        if self.places.is_secured:
            command, self.broker = make_secured_broker(self.folder / "tls", (port, _free_port(port)))
        else:
            command = broker_command(port, self.folder, "auto")
            self.broker = BrokerPlace(f"mqtt://{HOST}:{port}")
        log = self._log(BROKER_STAGE)
        spec = PartSpec(BROKER_STAGE, tuple(command), log, lambda: _is_answering(port), restarts=False)
        self._supervisor.start(spec)
        self._stages[BROKER_STAGE] = BROKER_STAGE
        self._supervisor.wait_ready(BROKER_STAGE, READY_S)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def _says_ready(log: Path) -> bool:
    return '"message": "ready"' in log.read_text("utf-8", "replace")


def _free_port(but: int | None = None) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port != but:
            return port


def _is_answering(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
