"""A real broker, a real cloud's part and a real model for the agent's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from contract.bundle import Bundle, Manifest
from contract.features import feature_specs
from edge_agent.tflite import ModelRunner
from tests.edge_agent.rig import TINY_MODEL, rig_profile
from tests.edge_agent.wire import Cloud, RestartableBroker


@pytest.fixture
def broker(mosquitto: str) -> Iterator[RestartableBroker]:
    running = RestartableBroker(mosquitto)
    running.start()
    yield running
    running.kill()


@pytest.fixture
def open_cloud(broker: RestartableBroker) -> Iterator[Callable[[], Cloud]]:
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
        fleet_error_spread=0.3,
        fleet_error_location=0.0,
    )
    return Bundle(manifest, profile, model, golden, answers)
