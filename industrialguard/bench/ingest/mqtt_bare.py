"""Bare MQTT through the road's broker.

Rule: publisher and subscriber are processes of their own; QoS and session are those of the road.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from industrialguard.bench.errors import ProcessLostError
from industrialguard.bench.ingest.ceilings import Ceiling, per_1000
from industrialguard.bench.ingest.clients import KEEP, PUBLISH, READY, SUBSCRIBE, TAKE
from industrialguard.bench.ingest.places import BROKER_STAGE, GENERATOR_STAGE, INGEST_STAGE
from industrialguard.bench.ingest.usage import Stages, spent
from simulators.leash import leash

PAHO, AIOMQTT = "paho", "aiomqtt"
CLIENT_S = 180.0
PASSED, WAITING = "MQTT publish and subscribe", "MQTT take what waits"


@dataclass(frozen=True, slots=True)
class BareLoad:
    """What bare clients carry."""

    url: str
    """Of the broker, for who may write and read everything."""
    prefix: str
    """Of the messages' devices."""
    messages: int
    identity: Path | None = None
    """As whom; None: as nobody."""
    root: str = ""
    """Topics lie below; empty: where no process of the cloud hears them."""

    def command(self, client: str, role: str) -> list[str]:
        """The command line of a client."""
        line = [sys.executable, "-m", "industrialguard.bench.ingest.clients", client, role, self.url]
        line += [self.root or f"bench/{self.prefix}", self.prefix, str(self.messages)]
        return line if self.identity is None else [*line, str(self.identity)]


def measure_mqtt(load: BareLoad, stages: Stages) -> list[Ceiling]:
    """Publish to nobody, then publish to one subscriber, with each library that is installed."""
    found, server = [], stages.only(BROKER_STAGE)
    for client in (PAHO, *([AIOMQTT] if find_spec(AIOMQTT) else [])):
        before = server.read()
        published = run_client(load, client, PUBLISH)
        costs = {GENERATOR_STAGE: published["cpu_s"], **spent(before, server.read())}
        name, rate = f"MQTT publish, {client}", load.messages / published["seconds"]
        found.append(Ceiling(name, rate, per_1000(costs, load.messages), is_counted=False))
        found.append(_measure_passing(load, client, server))
    return found


def measure_waiting(load: BareLoad, stages: Stages) -> Ceiling:
    """Take messages that wait in a session, as after a time away."""
    run_client(load, PAHO, KEEP)
    run_client(load, PAHO, PUBLISH)
    server = stages.only(BROKER_STAGE)
    before = server.read()
    taken = run_client(load, PAHO, TAKE)
    costs = {INGEST_STAGE: taken["cpu_s"], **spent(before, server.read())}
    rate = load.messages / taken["seconds"]
    return Ceiling(f"{WAITING}, {PAHO}", rate, per_1000(costs, load.messages))


def run_client(load: BareLoad, client: str, role: str) -> dict[str, float]:
    """One client, to its end.

    Raises:
        ProcessLostError: it failed, or took too long.
    """
    return _finish(_start_client(load, client, role))


def _measure_passing(load: BareLoad, client: str, server: Stages) -> Ceiling:
    before = server.read()
    subscriber = _start_client(load, client, SUBSCRIBE)
    published = run_client(load, client, PUBLISH)
    taken = _finish(subscriber)
    costs = {GENERATOR_STAGE: published["cpu_s"], INGEST_STAGE: taken["cpu_s"]}
    costs |= spent(before, server.read())
    rate = load.messages / taken["seconds"]
    is_ours = client == PAHO
    return Ceiling(f"{PASSED}, {client}", rate, per_1000(costs, load.messages), is_counted=is_ours)


def _start_client(load: BareLoad, client: str, role: str) -> subprocess.Popen[str]:
    """A client in a process of its own, which is connected when this returns."""
    process = subprocess.Popen(leash(load.command(client, role)), stdout=subprocess.PIPE, text=True)
    if _said(process).readline().strip() != READY:
        _end(process)
        raise ProcessLostError(f"the bare {client} client did not connect; see above")
    return process


def _finish(process: subprocess.Popen[str]) -> dict[str, float]:
    try:
        code = process.wait(CLIENT_S)  # what it says is short: it never waits for us
        result: dict[str, float] = json.loads(_said(process).read()) if code == 0 else {}
    except subprocess.TimeoutExpired:
        raise ProcessLostError(f"a bare MQTT client took over {CLIENT_S:.0f} s") from None
    finally:
        _end(process)
    if code != 0:
        raise ProcessLostError("a bare MQTT client failed; see above")
    return result


def _said(process: subprocess.Popen[str]) -> IO[str]:
    if process.stdout is None:
        raise ValueError("its output is not read")
    return process.stdout


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.__exit__(None, None, None)
