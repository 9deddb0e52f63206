"""A real broker, a real cloud's part and a real model for the agent's tests."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contract.bundle import Bundle
from contract.signals import Reading
from edge_agent.agent import Agent
from edge_agent.outbox import Outbox, OutboxLimits
from edge_agent.settings import AgentSettings
from tests.edge_agent.box import ROOMY
from tests.edge_agent.releases import rig_bundle
from tests.edge_agent.rig import ListSource
from tests.edge_agent.update_site import Device, open_device
from tests.edge_agent.wire import Cloud
from tools.servers.mosquitto import Mosquitto


@pytest.fixture
def open_cloud(broker: Mosquitto) -> Iterator[Callable[[], Cloud]]:
    opened: list[Cloud] = []

    def build() -> Cloud:
        opened.append(Cloud(broker.port))
        return opened[-1]

    yield build
    for cloud in opened:
        cloud.close()


@pytest.fixture
def cloud(open_cloud: Callable[[], Cloud]) -> Cloud:
    return open_cloud()


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The test rig's model: its error grows with the square of the deviations."""
    return rig_bundle()


@pytest.fixture
def outbox_path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.sqlite"


@pytest.fixture
def open_outbox(outbox_path: Path) -> Iterator[Callable[..., Outbox]]:
    opened: list[Outbox] = []

    def build(limits: OutboxLimits = ROOMY, clock: Callable[[], float] = lambda: 0.0) -> Outbox:
        opened.append(Outbox(outbox_path, limits, clock))
        return opened[-1]

    yield build
    for outbox in opened:
        outbox.close()


@pytest.fixture
def run_agent(tmp_path: Path, bundle: Bundle) -> Callable[..., Agent]:
    """Run readings through an offline agent to the end."""

    def run(readings: Iterator[Reading], folder: str = "state", **changes: object) -> Agent:
        settings = AgentSettings("press-7", tmp_path / folder, status_interval_s=20.0)
        agent = Agent(dataclasses.replace(settings, **changes), ListSource(readings), bundle)  # type: ignore[arg-type]
        agent.start()
        agent.run(threading.Event())
        agent.close()
        return agent

    return run


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    """A device that looks for updates, in front of a real repository."""
    with open_device(tmp_path) as device:
        yield device
