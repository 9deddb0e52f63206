"""The bundles that ship: right in the device's runtime, small, and made by the command that says it makes
them.
"""

from pathlib import Path

import numpy as np
import pytest

from contract.bundle import format_bundle, load_bundle, read_bundle
from contract.profiles import load_profile, profile_names
from edge_agent.tflite import ModelRunner
from models.__main__ import main
from models.parity import DeviceModel
from ota.delta import make_delta
from tools.build_bundles import RECIPES, ROOT, commands

SHIPPED = sorted(profile_names())
IMPROVED = "pump-improved"
"""What the demo releases."""


def test_every_profile_ships_with_a_bundle_and_a_recipe() -> None:
    assert sorted(RECIPES) == sorted([*SHIPPED, IMPROVED])
    for name in SHIPPED:
        assert load_bundle(name).profile == load_profile(name), f"{name}: build it again"


@pytest.mark.parametrize("name", SHIPPED)
def test_golden_outputs_are_those_of_the_runtime(name: str) -> None:
    bundle = load_bundle(name)
    device = DeviceModel(bundle.model)
    np.testing.assert_array_equal(device.run(bundle.golden_input), bundle.golden_output)
    ModelRunner(bundle.model).self_test(bundle.golden_input, bundle.golden_output, tolerance_steps=0)
    assert np.abs(device.input.dequantise(bundle.golden_input)).max() > 7, "one golden input is widened"
    assert len(np.unique(bundle.golden_output)) > 10


@pytest.mark.parametrize("name", SHIPPED)
def test_a_bundle_fits_a_small_device(name: str) -> None:
    bundle = load_bundle(name)
    device = DeviceModel(bundle.model)
    assert len(bundle.model) <= 32_000
    assert device.operations() == ["CONV_2D", "RESHAPE"]
    assert device.shape == (1, 1, bundle.profile.window.context, len(bundle.manifest.features))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_bundle_tells_where_it_comes_from(name: str) -> None:
    manifest = load_bundle(name).manifest
    assert manifest.metrics["shift_auc"] > 0.7
    assert manifest.metrics["false_window_rate"] < 0.01
    teacher_error = manifest.metrics["teacher_error"]
    assert manifest.metrics["student_error"] == pytest.approx(teacher_error, rel=0.1), "rounded to int8"
    assert manifest.fleet_residual.shape == manifest.fleet_spread.shape
    assert manifest.lineage["data_format"] == ("cmapss" if name == "turbofan" else "npz")
    assert not any("femto" in machine or "skab" in machine for machine in manifest.lineage["machines"])


def test_the_recipes_are_commands_that_can_be_typed(tmp_path: Path) -> None:
    record, train = commands("pump", tmp_path)
    assert record[:2] == ["simulate", "record"]
    assert train[:4] == ["train", "edge", "--profile", "pump"]
    assert f"npz:{tmp_path}" in train


def test_the_improved_model_goes_on_from_the_shipped_one(tmp_path: Path) -> None:
    record, train = commands(IMPROVED, tmp_path)
    assert train[train.index("--start-from") + 1] == "pump"
    improved, shipped = read_bundle(ROOT / train[train.index("--out") + 1]), load_bundle("pump")
    manifest, before = improved.manifest, shipped.manifest
    assert improved.profile == shipped.profile
    assert manifest.lineage["start_from"] == before.version != manifest.version
    assert set(before.lineage["machines"]) < set(manifest.lineage["machines"])
    assert len(manifest.lineage["machines"]) == int(record[record.index("--machines") + 1])
    assert manifest.metrics["student_error"] <= manifest.metrics["start_error"], "on machines left out"
    ModelRunner(improved.model).self_test(improved.golden_input, improved.golden_output, tolerance_steps=0)


@pytest.mark.slow
@pytest.mark.long
def test_the_turbofan_bundle_can_be_built_again(tmp_path: Path) -> None:
    (command,) = commands("turbofan", tmp_path)
    out = tmp_path / "turbofan.igb"
    command[command.index("--out") + 1] = str(out)
    assert main(command[1:]) == 0
    built, shipped = read_bundle(out).manifest, load_bundle("turbofan").manifest
    assert built.lineage["data_sha256"] == shipped.lineage["data_sha256"], "the features are the same"
    np.testing.assert_allclose(built.fleet_spread, shipped.fleet_spread, rtol=1e-4)
    for name, tolerance in {"held_out_error": 0.05, "shift_auc": 0.03, "false_window_rate": 0.01}.items():
        assert built.metrics[name] == pytest.approx(shipped.metrics[name], abs=tolerance), name
    assert built.fleet_error_spread == pytest.approx(shipped.fleet_error_spread, rel=0.1)


def test_the_demos_release_is_adapted_from_what_ships(tmp_path: Path) -> None:
    _, train = commands("pump-improved", tmp_path)
    assert train[train.index("--start-from") + 1] == "pump"
    released = ROOT / train[train.index("--out") + 1]
    before, after = load_bundle("pump"), read_bundle(released)
    assert released.stat().st_size < 60_000
    assert after.manifest.lineage["start_from"] == before.manifest.version != after.manifest.version
    assert set(before.manifest.lineage["machines"]) < set(after.manifest.lineage["machines"])
    delta = make_delta(format_bundle(before), format_bundle(after))
    assert len(delta) <= 0.35 * released.stat().st_size, "what devices fetch"
