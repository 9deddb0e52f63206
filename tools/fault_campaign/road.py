"""The road that is hit: real servers, the cloud's own processes, and a supervisor as an operator would have.

Rule: whoever is killed comes back in the same folder on the same port, and whatever else ends by itself is
started again too, and counted.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from cloud.store.database import open_database
from cloud.store.queries import message_counts
from cloud.store.rows import DeviceCounts
from simulators.processes import PartSpec, Supervisor, module_command
from tools.fault_campaign.faults import Target
from tools.servers.kafka import Kafka
from tools.servers.mosquitto import Mosquitto
from tools.servers.postgresql import PostgreSql
from tools.servers.process import Server
from tools.servers.programs import ServerError

READY_S = 90.0
COMMAND_OF = {Target.INGEST: "ingest", Target.SINK: "sink"}
NEVER = float("inf")


class HitRoad:
    """Broker, Kafka, PostgreSQL, ingest and sink; as a context manager it runs inside the block.

    Args:
        folder: For logs; it exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._broker, self._kafka, self._postgresql = Mosquitto(), Kafka(), PostgreSql()
        self._servers: dict[Target, Server] = {
            Target.BROKER: self._broker,
            Target.KAFKA: self._kafka,
            Target.POSTGRESQL: self._postgresql,
        }
        self._supervisor = Supervisor()
        self._back_at: dict[Target, float] = {}
        self._running = ExitStack()
        self.ended: Counter[str] = Counter()
        """Processes that ended without having been killed."""

    @property
    def mqtt(self) -> str:
        """URL of the broker."""
        return self._broker.url

    def __enter__(self) -> Self:
        try:
            for server in self._servers.values():
                self._running.enter_context(server)
            self._running.enter_context(self._supervisor)
            for target in COMMAND_OF:
                self._supervisor.start(self._part(target))
            for target in COMMAND_OF:
                self._supervisor.wait_ready(target, READY_S)
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def kill(self, target: Target, hold_s: float) -> None:
        """SIGKILL; `tend` brings it back after `hold_s`."""
        if target in COMMAND_OF:
            self._supervisor.kill(target, hold_s)
        else:
            self._servers[target].kill()
            self._back_at[target] = time.monotonic() + hold_s

    def tend(self) -> None:
        """Start again what is due; to be called often."""
        for target, back_at in list(self._back_at.items()):
            if time.monotonic() >= back_at:
                del self._back_at[target]
                _start_again(self._servers[target])
        self.ended.update(event.partition(" ")[0] for event in self._supervisor.poll() if " ended " in event)

    def is_complete(self) -> bool:
        """Whether nobody is away."""
        return not self._back_at and all(self._supervisor.is_running(target) for target in COMMAND_OF)

    def count(self) -> DeviceCounts:
        """What the store holds, counted in its tables."""
        database = open_database(self._postgresql.url)
        try:
            with database.session() as session:
                return message_counts(session).total
        finally:
            database.close()

    def _part(self, target: Target) -> PartSpec:
        log = self._folder / f"{target}.log"
        arguments = ["cloud", COMMAND_OF[target], "--data", str(self._folder), "--http", "127.0.0.1:0"]
        return PartSpec(
            target,
            module_command(sys.executable, "industrialguard", arguments),
            log,
            lambda: '"message": "ready"' in log.read_text("utf-8", "replace"),
            environment={
                "INDUSTRIALGUARD_MQTT": self._broker.url,
                "INDUSTRIALGUARD_STREAM": f"kafka://{self._kafka.url}",
                "INDUSTRIALGUARD_STORE": self._postgresql.url,
                "INDUSTRIALGUARD_MEMBER": f"{target}-1",
            },
        )


def _start_again(server: Server) -> None:
    """A server that was killed may need a moment until what it left behind is gone."""
    deadline_s = time.monotonic() + READY_S
    while True:
        try:
            server.start()
        except ServerError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.2)
        else:
            return
