"""Machines that somebody else has divided are standardised as plain training does it; a bundle is adapted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.bundle import Bundle, format_bundle, write_bundle
from contract.errors import BundleError, ConfigError
from contract.profiles import load_profile
from models.config import FitConfig, TrainConfig
from models.dataset import MachineVectors, fleet_wander
from models.errors import TooLittleDataError
from models.trainer import TrainingData, build_bundle, open_start, prepare_sides, train
from ota.delta import make_delta
from tests.models.stages.fans import PROFILE, Odd, make_fan


@pytest.fixture(scope="module")
def fans() -> list[MachineVectors]:
    return [make_fan(number).vectors for number in range(4)]


def test_who_is_held_out_teaches_nothing(fans: list[MachineVectors]) -> None:
    wander = fleet_wander(fans[:3], PROFILE)
    data = prepare_sides(fans[:3], fans[3:], PROFILE, wander)
    assert [each.machine_id for each in data.learning] == ["fan-00", "fan-01", "fan-02"]
    assert [each.machine_id for each in data.held_out] == ["fan-03"]
    assert [each.machine_id for each in data.machines] == [fan.machine_id for fan in fans]
    np.testing.assert_array_equal(data.wander.spread, wander.spread)


def test_too_little_on_either_side_is_refused(fans: list[MachineVectors]) -> None:
    wander, short = fleet_wander(fans, PROFILE), make_fan(9, Odd(seconds=20)).vectors
    with pytest.raises(TooLittleDataError, match="contexts to learn from"):
        prepare_sides([short], fans, PROFILE, wander)
    with pytest.raises(TooLittleDataError, match="none of the 1 machines to calibrate on was"):
        prepare_sides(fans, [short], PROFILE, wander)


@pytest.mark.slow
def test_a_bundle_is_calibrated_anew_where_its_network_has_nothing_to_learn(
    bundle: Bundle, loops: TrainingData, tmp_path: Path
) -> None:
    path = tmp_path / "before.igb"
    write_bundle(path, bundle)
    config = FitConfig(epochs=1, adapting_rate=1.0, start_from=str(path))
    fewer = replace(loops, learning=loops.learning[1:])
    adapted = build_bundle(fewer, config, {"machines": ["loop-0"]})
    told, metrics = adapted.manifest.lineage, adapted.manifest.metrics
    assert (told["start_from"], told["machines"]) == (bundle.manifest.version, ["loop-0"])
    assert metrics["student_error"] == metrics["start_error"] > 0
    assert abs(metrics["float_error"] - metrics["start_error"]) < 0.1
    assert adapted.model == bundle.model, "such steps can only do harm"
    np.testing.assert_array_equal(adapted.golden_input, bundle.golden_input)
    assert (adapted.manifest.fleet_residual != bundle.manifest.fleet_residual).any()
    assert adapted.manifest.version != bundle.manifest.version, "it scores otherwise"
    old, new = format_bundle(bundle), format_bundle(adapted)
    assert len(make_delta(old, new)) < len(new) / 20


def test_a_bundle_of_another_profile_is_no_start(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "loop.igb"
    write_bundle(path, bundle)
    assert open_start(str(path), bundle.profile).manifest.version == bundle.manifest.version
    changed = replace(bundle.profile, version=bundle.profile.version + 1)
    for profile in (load_profile("pump"), changed):
        with pytest.raises(ConfigError, match="train from scratch"):
            open_start(str(path), profile)


def test_what_training_starts_from_is_looked_at_before_the_recordings(tmp_path: Path) -> None:
    config = TrainConfig("pump", "npz:nowhere", tmp_path / "x.igb", fit=FitConfig(start_from="./none.igb"))
    with pytest.raises(BundleError, match="no bundle"):
        train(config)
