"""Real brokers, streams and stores for the tests of the cloud, each on its own port and in its own folder."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cloud.store.database import Database, open_database, sqlite_url
from cloud.store.writer import StoreWriter


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Broker:
    """A Mosquitto that can be stopped and started again on the same port."""

    program: str
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    is_persistent: bool = False
    allows_anonymous: bool = True

    def start(self) -> None:
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {str(self.allows_anonymous).lower()}",
            "max_queued_messages 0",
        ]
        lines += ["max_inflight_messages 0", "log_dest none"]
        if self.is_persistent:
            lines += ["persistence true", f"persistence_location {self.folder}/"]
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        self.process = subprocess.Popen([self.program, "-c", str(config)], stderr=subprocess.DEVNULL)
        deadline_s = time.monotonic() + 10
        while time.monotonic() < deadline_s:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("mosquitto did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


@pytest.fixture
def broker(mosquitto: str, tmp_path: Path) -> Iterator[Broker]:
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Broker(mosquitto, folder)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(sqlite_url(tmp_path / "store.db"))
    yield database
    database.close()


@pytest.fixture
def writer(database: Database) -> StoreWriter:
    return StoreWriter(database)
