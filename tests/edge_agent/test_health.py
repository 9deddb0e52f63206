from __future__ import annotations

import os
import socket
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.health import ServiceNotifier, read_rss_bytes


class Systemd:
    """A real datagram socket where systemd's would be."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        lines = []
        while True:
            try:
                lines.append(self._socket.recv(200).decode())
            except BlockingIOError:
                return lines

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    if request.param == "abstract" and sys.platform != "linux":
        pytest.skip("abstract sockets are Linux's")
    listener = Systemd(str(tmp_path / "n") if request.param == "path" else f"@ig-{uuid.uuid4()}")
    yield listener
    listener.close()


def test_systemd_hears_start_pings_and_stop(systemd: Systemd) -> None:
    now = [100.0]
    notifier = ServiceNotifier(systemd.address, watchdog_s=30.0, clock=lambda: now[0])
    notifier.ready()
    for _ in range(25):  # 25 s of a loop that comes round once a second
        notifier.ping()
        now[0] += 1.0
    notifier.stopping()
    notifier.close()

    assert systemd.heard() == ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]


def test_environment_is_read_as_systemd_sets_it(systemd: Systemd) -> None:
    mine = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}
    others = {**mine, "WATCHDOG_PID": "1"}
    for environment in (mine, others, {**mine, "WATCHDOG_USEC": "x"}):
        notifier = ServiceNotifier.from_environment(environment)
        notifier.ping()
        notifier.close()

    assert systemd.heard() == ["WATCHDOG=1"]


def test_without_systemd_every_call_does_nothing() -> None:
    notifier = ServiceNotifier.from_environment({})
    notifier.ready()
    notifier.ping()
    notifier.stopping()
    notifier.close()
    notifier.ready()


def test_a_socket_that_is_gone_does_not_stop_the_watch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = ServiceNotifier(str(tmp_path / "nobody"), watchdog_s=1.0)
    notifier.ready()
    notifier.close()

    assert "cannot be notified" in caplog.text


def test_memory_is_that_of_a_python_process() -> None:
    assert 5e6 < read_rss_bytes() < 5e10
