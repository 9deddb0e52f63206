"""Evidence is read from what the cloud and the pipeline left on disk."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cloud.settings import CloudSettings
from cloud.store.database import open_database
from cloud.store.forecasts import store_forecasts
from cloud.store.machine_events import store_events
from contract.errors import ConfigError, DataError, StateError
from industrialguard.continuous_evidence import drifted_since, gather, live_error, newest_snapshot
from models.continuous import Cause, Evidence, InCharge, Live, Newest, Policy, Trigger
from tests.cloud.life_samples import at, event
from tests.cloud.store.test_forecasts import made
from tests.industrialguard.plant import PUMP, START, Plant

TRIGGER = Trigger(Cause.FIRST, "no model is in charge")


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path)


@pytest.fixture
def trained(plant: Plant) -> Plant:
    """With one model in charge, of the first span."""
    plant.take_snapshot("first")
    plant.run(TRIGGER, plant.places.snapshots / "first")
    return plant


def test_at_first_there_is_nothing(plant: Plant) -> None:
    assert gather(plant.places, Policy(), START) == (Evidence(), None)


def test_a_model_is_known_by_registry_and_span(trained: Plant) -> None:
    evidence, newest = gather(trained.places, Policy(), trained.now)
    assert newest is not None
    assert newest.folder == trained.places.snapshots / "first"
    champion = trained.registry.champion(PUMP)
    assert champion is not None
    assert evidence == Evidence(
        Newest(newest.manifest.name, 40),
        InCharge(champion.version, START + timedelta(minutes=20), newest.manifest.name, 40, 12.0),
    )


def test_what_is_not_known_any_more_is_none(trained: Plant) -> None:
    shutil.rmtree(trained.places.spans)
    evidence, _ = gather(trained.places, Policy(), trained.now)
    assert evidence.in_charge is not None
    assert evidence.in_charge.failures is None


def test_the_newest_snapshot_is_the_one_cut_last(plant: Plant) -> None:
    plant.take_snapshot("z")
    plant.now += timedelta(days=1)
    plant.take_snapshot("a", 41)
    (plant.places.snapshots / ".aside").mkdir()
    newest = newest_snapshot(plant.places)
    assert newest is not None
    assert (newest.folder.name, newest.manifest.counts.failed) == ("a", 41)
    assert newest_snapshot(replace(plant.places, machine_type="press")) is None


def test_snapshots_that_cannot_be_read(plant: Plant) -> None:
    with pytest.raises(ConfigError, match=r"--snapshots .*none: there is no such folder"):
        newest_snapshot(replace(plant.places, snapshots=plant.folder / "none"))
    plant.take_snapshot("first")
    (plant.places.snapshots / "first" / "manifest.json").write_text("{")
    with pytest.raises(DataError, match=r"first/manifest\.json: the manifest is no JSON"):
        newest_snapshot(plant.places)


def test_drift_counts_until_a_model_has_learned_it(trained: Plant) -> None:
    champion = trained.registry.champion(PUMP)
    assert champion is not None
    assert drifted_since(trained.places, champion) == ()
    trained.write_verdict(9, 1, sensor_temp=0.9)
    assert drifted_since(trained.places, champion) == ()  # the model is of span 1 itself
    trained.write_verdict(22, 2, sensor_temp=0.5, sensor_noise=0.2)
    assert drifted_since(trained.places, champion) == ("sensor_temp",)
    trained.write_verdict(101, 3, sensor_temp=0.1)
    assert drifted_since(trained.places, champion) == ()


@pytest.mark.parametrize("text", ["{", "[]", '{"span": 9}', '{"span": 9, "shifts": [1]}'])
def test_a_damaged_verdict_is_named(trained: Plant, text: str) -> None:
    champion = trained.registry.champion(PUMP)
    assert champion is not None
    trained.write_verdict(5, 2).write_text(text)
    with pytest.raises(StateError, match=r"accepted/5/verdict\.json: cannot be read"):
        drifted_since(trained.places, champion)


def test_the_live_error_is_that_of_the_model_in_charge(plant: Plant, tmp_path: Path) -> None:
    places = replace(plant.places, machine_type="dough_mixer")
    data = tmp_path / "data"
    with pytest.raises(ConfigError, match=r"--data .*data: holds no store"):
        live_error(places, data, "1-abc", at(0))
    data.mkdir()
    database = open_database(CloudSettings(data_dir=data).store_url)
    with database.transaction() as session:
        store_forecasts(session, [made(10), made(12, model_version="2-def")], at(12))
        store_events(session, [event("failure", 70)], at(70))
    database.close()
    assert live_error(places, data, "1-abc", at(0)) == Live(10.0, 1)
    assert live_error(places, data, "3-ghi", at(0)) is None
    assert live_error(places, data, "1-abc", at(11)) is None
