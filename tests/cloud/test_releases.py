"""Hints to devices, and what holds a scheduler up without ending it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from cloud.errors import LinkError, StoreUnavailableError
from cloud.metrics import ReleaseMetrics, count_of
from cloud.monitor import OK, Monitor
from cloud.releases import Scheduler
from cloud.releases_process import DirectorSigner, run_releases
from cloud.settings import CloudSettings
from cloud.store.database import Database
from contract.errors import ConfigError
from ota.assignment import verify_assignment
from ota.director import Director
from ota.errors import KeyUriError
from ota.keys import make_key
from ota.rollout import Awaited
from tests.cloud.release_samples import Hints, PlainSigner, Plant


async def go_until(scheduler: Scheduler, is_done: object) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(scheduler.run(stop))
    while not is_done():  # type: ignore[operator]
        await asyncio.sleep(0.01)
    stop.set()
    await running


def test_devices_are_told_to_look(database: Database) -> None:
    plant = Plant(database)
    plant.begin()
    asyncio.run(go_until(plant.scheduler, lambda: len(plant.hints.sent) == 2))
    first = plant.assigned()[0]
    assert (f"ig/v1/{first}/down/update", b"1") in plant.hints.sent


def test_a_hint_that_is_lost_loses_nothing(database: Database) -> None:
    plant = Plant(database)
    plant.begin()

    class Gone(Hints):
        def publish(self, topic: str, payload: bytes) -> None:
            raise LinkError("not connected")

    scheduler = Scheduler(database, PlainSigner(), Gone(), lambda: plant.now)
    asyncio.run(go_until(scheduler, lambda: count_of(scheduler.metrics.unsent_hints) == 2))
    assert len(plant.assigned()) == 2


@pytest.mark.parametrize(
    "error", [StoreUnavailableError("locked"), KeyUriError("no token")], ids=["store", "key"]
)
def test_a_store_or_a_key_that_is_away_is_waited_for(
    database: Database, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = Plant(database)
    plant.begin()
    failures = [error, error]
    take_step = plant.scheduler.take_step

    def fail_first(rollout_id: str) -> object:
        if failures:
            raise failures.pop()
        return take_step(rollout_id)

    monkeypatch.setattr("cloud.releases.ROUND_S", 0.01)
    monkeypatch.setattr(plant.scheduler, "take_step", fail_first)
    asyncio.run(go_until(plant.scheduler, lambda: len(plant.hints.sent) == 2))
    metrics = plant.scheduler.metrics
    assert count_of(metrics.failed_rounds) + count_of(metrics.unsigned) == 2


def test_the_directors_keys_sign_what_a_device_verifies(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("keys")
    keys = [make_key(folder / name) for name in ("one", "two")]
    plant = Plant(database)
    signer = DirectorSigner([f"file:{folder / name}" for name in ("one", "two")])
    plant.scheduler = Scheduler(database, signer, plant.hints, lambda: plant.now)
    rollout_id = plant.begin()
    plant.go()
    found = plant.assignment(plant.assigned()[0])
    assert found is not None and json.loads(found.envelope)["payload"]
    told = verify_assignment(found.envelope, Director({key.keyid: key for key in keys}, 2))
    assert (told.device, told.rollout) == (found.device_id, rollout_id)


def test_how_long_a_rollout_waits_is_measured_by_kind(database: Database) -> None:
    plant = Plant(database)
    registry = CollectorRegistry()
    plant.scheduler = Scheduler(
        database, PlainSigner(), plant.hints, lambda: plant.now, ReleaseMetrics(registry)
    )

    def waited(kind: Awaited) -> float:
        name = "industrialguard_releases_longest_wait_seconds"
        return registry.get_sample_value(name, {"kind": str(kind)}) or 0.0

    plant.begin()
    plant.go()
    plant.go(600)
    assert (waited(Awaited.UPDATES), waited(Awaited.SILENCE)) == (600, 0)
    plant.devices = []
    plant.go(1000)
    plant.go(26 * 3600)
    assert (waited(Awaited.UPDATES), waited(Awaited.SILENCE)) == (0, 26 * 3600)


def test_without_a_key_the_process_says_which_flag_names_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--director-key"):
        asyncio.run(run_releases(CloudSettings(tmp_path), Monitor(), asyncio.Event()))


def test_with_a_key_it_goes_round_until_told_to_stop(tmp_path: Path) -> None:
    make_key(tmp_path / "director")
    settings = CloudSettings(tmp_path, director_keys=(f"file:{tmp_path / 'director'}",))

    async def run() -> None:
        stop, monitor = asyncio.Event(), Monitor()
        running = asyncio.create_task(run_releases(settings, monitor, stop))
        while not any(
            sample.value
            for metric in monitor.registry.collect()
            for sample in metric.samples
            if sample.name == "industrialguard_releases_rounds_total"
        ):
            await asyncio.sleep(0.01)
        assert (await monitor.judge())["store"] == OK
        stop.set()
        await running

    asyncio.run(run())
