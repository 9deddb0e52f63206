"""Processor time and memory of real processes, with their children."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from industrialguard.bench.ingest.usage import Stages, find_listener, spent
from tests.edge_agent.wire import wait_until
from tools.servers.mosquitto import Mosquitto
from tools.servers.process import free_port

BURN = "import time\nuntil = time.process_time() + 0.5\nwhile time.process_time() < until: pass"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}]); input()"


def test_a_child_counts_while_it_runs_and_after_it_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE) as process:
        stages = Stages({"parent": [process.pid]})
        before = stages.read()
        wait_until(lambda: spent(before, stages.read())["parent"] >= 0.4, "half a second of work")
        assert stages.read()["parent"].rss_bytes > 1_000_000
        process.communicate(b"\n")
    assert stages.read() == {}


def test_who_listens_is_found(broker: Mosquitto) -> None:
    assert find_listener("127.0.0.1", broker.port) == broker.pid
    assert find_listener("127.0.0.1", free_port(but=broker.port)) is None


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_another_machines_processes_are_nobodys(host: str, broker: Mosquitto) -> None:
    assert find_listener(host, broker.port) is None


def test_a_stage_that_was_seen_once_has_no_figure() -> None:
    seen = Stages({"me": [os.getpid()]}).read()
    assert spent({}, seen) == spent(seen, {}) == {}
    assert spent(seen, seen) == {"me": 0.0}
