"""A real broker, a real cloud's part and a real model for the agent's tests."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from contract.bundle import Bundle, Manifest
from contract.features import feature_specs
from contract.signals import Reading
from edge_agent.agent import Agent
from edge_agent.outbox import Outbox, OutboxLimits
from edge_agent.settings import AgentSettings
from edge_agent.tflite import ModelRunner
from tests.edge_agent.box import ROOMY
from tests.edge_agent.rig import TINY_MODEL, ListSource, rig_profile
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
    profile, model = rig_profile(), TINY_MODEL.read_bytes()
    names = tuple(spec.name for spec in feature_specs(profile))
    context = profile.window.context
    golden = np.random.default_rng(5).integers(-100, 100, (4, 1, context, len(names)), np.int8)
    answers = np.stack([ModelRunner(model).invoke_quantised(sample[np.newaxis])[0] for sample in golden])
    manifest = Manifest(
        name="test-rig",
        version="test-rig-7",
        profile_name=profile.name,
        profile_version=profile.version,
        feature_version=profile.feature_version,
        features=names,
        context=context,
        fleet_spread=np.full(len(names), 0.05, np.float32),
        fleet_residual=np.ones(len(names), np.float32),
        fleet_error_spread=0.3,
        fleet_error_location=0.0,
    )
    return Bundle(manifest, profile, model, golden, answers)


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
