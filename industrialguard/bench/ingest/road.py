"""A road under measurement: the cloud's own processes between a broker and a store.

Rule: real processes, started as an operator would; each is waited for until it says that it is ready, and a
part that dies makes the measurement fail.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from cloud.settings import sqlite_url
from cloud.store.database import Database, open_database
from cloud.store.queries import ingest_health, message_counts
from cloud.store.rows import DeviceCounts
from industrialguard.bench.errors import ProcessLostError
from industrialguard.bench.ingest.places import EMBEDDED, MQTT, Places, environment
from industrialguard.bench.ingest.reader import StoreReader
from industrialguard.bench.ingest.usage import Stages, find_listener
from simulators.broker import broker_command
from simulators.processes import PartSpec, Supervisor, last_lines, module_command

HOST = "127.0.0.1"
READY_S = 60.0

INGEST_STAGE, SINK_STAGE, BROKER_STAGE = "ingest", "sink", "broker"


class Road:
    """Broker to store; as a context manager it runs inside the block.

    Args:
        places: Where.
        folder: For what is embedded, and for logs; it exists.
    """

    def __init__(self, places: Places, folder: Path) -> None:
        self.places = places
        self._folder = folder
        self._running = ExitStack()
        self._supervisor = Supervisor()
        self.mqtt = places.mqtt or ""
        self.store_url = places.store or sqlite_url(folder / "store.db")

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def stages(self) -> Stages:
        """Its processes, as far as they can be seen."""
        pids = {name: self._supervisor.pid(name) for name in (INGEST_STAGE, SINK_STAGE)}
        if self.places.name == EMBEDDED:
            pids[BROKER_STAGE] = self._supervisor.pid(BROKER_STAGE)
        for stage, (host, port) in self.places.ports().items():
            if (pid := find_listener(host, port)) is not None:
                pids[stage] = pid
        return Stages(pids)

    def require_alive(self) -> None:
        """See that every part still runs.

        Raises:
            ProcessLostError: one does not; the message ends with the last lines of its log.
        """
        for name in (INGEST_STAGE, SINK_STAGE):
            if not self._supervisor.is_running(name):
                raise ProcessLostError(f"{name} has ended: {last_lines(self._log(name))}")

    def count(self, devices: Sequence[str]) -> DeviceCounts:
        """What the store has of some devices, counted in its tables."""
        with self.database.session() as session:
            found = message_counts(session).devices
        some = [found[device] for device in devices if device in found]
        return DeviceCounts(
            stored=sum(each.stored for each in some),
            duplicated=sum(each.duplicated for each in some),
            redelivered=sum(each.redelivered for each in some),
            dead_lettered=sum(each.dead_lettered for each in some),
        )

    def knows(self, devices: Sequence[str]) -> bool:
        """Whether the store has heard the Birth of all of them."""
        query = "SELECT count(*) FROM machine WHERE device_id BETWEEN ? AND ? AND is_connected IS NOT NULL"
        with StoreReader(self.store_url) as reader:
            ((n_known,),) = reader.ask(query, (devices[0], devices[-1]))
        return bool(n_known == len(devices))

    def lag(self) -> int:
        """Records that wait in the stream, as the sink last saw them."""
        with self.database.session() as session:
            return ingest_health(session).stream_lag

    def log_bytes(self) -> int | None:
        """Size of the embedded stream; None: it is not embedded."""
        if self.places.stream:
            return None
        return sum(path.stat().st_size for path in self._folder.glob("stream.db*"))

    def _start(self) -> None:
        if not self.mqtt:
            self.mqtt = self._start_broker()
        self._running.enter_context(self._supervisor)
        for name, command in ((INGEST_STAGE, "ingest"), (SINK_STAGE, "sink")):
            self._supervisor.start(self._part(name, command))
        for name in (INGEST_STAGE, SINK_STAGE):
            self._supervisor.wait_ready(name, READY_S)
        self.database: Database = open_database(self.store_url)
        self._running.callback(self.database.close)

    def _start_broker(self) -> str:
        port = _free_port()
        command = tuple(broker_command(port, self._folder, "auto"))
        log = self._log(BROKER_STAGE)
        spec = PartSpec(BROKER_STAGE, command, log, lambda: _is_answering(port), restarts=False)
        self._supervisor.start(spec)
        self._supervisor.wait_ready(BROKER_STAGE, READY_S)
        return f"mqtt://{HOST}:{port}"

    def _part(self, name: str, command: str) -> PartSpec:
        log = self._log(name)
        arguments = ["cloud", command, "--data", str(self._folder), "--http", f"{HOST}:0"]
        return PartSpec(
            name,
            module_command(sys.executable, "industrialguard", arguments),
            log,
            lambda: '"message": "ready"' in log.read_text("utf-8", "replace"),
            restarts=False,
            environment={**environment(self.places), MQTT: self.mqtt},
        )

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_answering(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
