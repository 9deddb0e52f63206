"""The champion in charge is the one that is loaded, unless it cannot be."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.champions import Champions, find_misfit
from contract.registry import ModelLine, Registry
from tests.cloud.life_samples import INPUTS, NOTE, PLAN, PROFILE, make_bundle, publish
from tests.rul_files import rul_model

LINE = ModelLine("dough_mixer")


@pytest.fixture
def champions(tmp_path: Path) -> Champions:
    return Champions(Registry(tmp_path))


def version_of(champions: Champions) -> str | None:
    champions.refresh()
    served = champions.of("dough_mixer")
    return served.version if served else None


def test_the_champion_is_followed(champions: Champions, tmp_path: Path) -> None:
    assert version_of(champions) is None
    first = publish(tmp_path, make_bundle(100.0))
    assert version_of(champions) == first
    served = champions.of("dough_mixer")
    assert version_of(champions) == first and champions.of("dough_mixer") is served  # not loaded again
    second = publish(tmp_path, make_bundle(200.0))
    assert version_of(champions) == second
    Registry(tmp_path).roll_back(LINE, NOTE)
    assert version_of(champions) == first
    assert champions.of("fan") is None


def test_a_champion_that_cannot_be_loaded_is_said_once_and_the_one_before_stays(
    champions: Champions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = publish(tmp_path, make_bundle(100.0))
    assert version_of(champions) == first
    publish(tmp_path, replace(make_bundle(100.0), model=rul_model(INPUTS, 50.0)))
    caplog.clear()
    with caplog.at_level(logging.ERROR):
        assert version_of(champions) == version_of(champions) == first
    (record,) = caplog.records
    assert "differ from the golden ones" in str(vars(record)["reason"])
    good = publish(tmp_path, make_bundle(300.0))
    assert version_of(champions) == good


def test_damage_in_the_registry_leaves_what_is_loaded(
    champions: Champions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = publish(tmp_path, make_bundle(100.0))
    assert version_of(champions) == first
    second = publish(tmp_path, make_bundle(200.0))
    Registry(tmp_path).version(LINE, second).bundle_path.write_bytes(b"rotten")
    caplog.clear()
    with caplog.at_level(logging.ERROR):
        assert version_of(champions) == version_of(champions) == first
    assert len(caplog.records) == 1


def test_a_damaged_history_stops_only_its_own_machine_type(
    champions: Champions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = publish(tmp_path, make_bundle(100.0))
    (tmp_path / "rul" / "axle").mkdir()
    (tmp_path / "rul" / "axle" / "history.jsonl").write_text("nonsense\n")
    caplog.clear()
    with caplog.at_level(logging.ERROR):
        assert version_of(champions) == version_of(champions) == first
    assert ["axle" in str(vars(r)["reason"]) for r in caplog.records] == [True]


def test_a_model_of_another_machine_type_is_refused(champions: Champions, tmp_path: Path) -> None:
    publish(tmp_path, make_bundle(100.0), "fan")
    champions.refresh()
    assert champions.of("fan") is None


def test_a_model_fits_machines_that_measure_what_it_asks_for() -> None:
    manifest = make_bundle().manifest
    assert find_misfit(manifest, PLAN, PROFILE) == ""
    fewer = replace(INPUTS, life=replace(INPUTS.life, sensors=("max_temp_level",), settings=()))
    assert find_misfit(replace(manifest, inputs=fewer), PLAN, PROFILE) == ""
    for changes, reason in (
        ({"time_unit": "s"}, "counts in s"),
        ({"sensors": ("mean_flow_level",)}, "has no flow_level"),
        ({"settings": ("speed",)}, "column 'speed'"),
    ):
        life = replace(INPUTS.life, **changes)
        assert reason in find_misfit(replace(manifest, inputs=replace(INPUTS, life=life)), PLAN, PROFILE)


def test_a_model_reads_rows_as_long_as_those_that_taught_it() -> None:
    manifest, hours = make_bundle().manifest, PLAN.step_s / 3600
    for step in (0.0, hours, 1.005 * hours):
        assert find_misfit(replace(manifest, step=step), PLAN, PROFILE) == ""
    said = find_misfit(replace(manifest, step=2 * hours), PLAN, PROFILE)
    assert f"learned from rows every {2 * hours:g} h" in said
    assert f"makes one every {hours:g}; train it anew" in said
