"""What goes into a bundle besides the network, and that a device can check itself with it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.bundle import Bundle, read_bundle, write_bundle
from contract.features import feature_specs
from contract.scoring import Z_CLIP
from models import export
from models.dataset import prior_windows
from models.errors import NotReleasableError
from models.export import GOLDEN_CONTEXTS, code_version, data_digest
from models.parity import MAX_GOLDEN_STEPS, DeviceModel, Int8, agreeing, parity
from models.trainer import TrainingData, assemble
from tests.models.machines import PROFILE

SPECS = feature_specs(PROFILE)


def test_the_manifest_says_what_training_found(bundle: Bundle, loops: TrainingData) -> None:
    manifest = bundle.manifest
    assert (manifest.name, manifest.context) == ("pump-loop", PROFILE.window.context)
    assert manifest.features == tuple(spec.name for spec in SPECS)
    assert manifest.prior_windows == prior_windows(PROFILE)
    np.testing.assert_array_equal(manifest.fleet_spread, loops.wander.spread.astype(np.float32))
    assert manifest.fleet_residual.shape == (len(SPECS),)
    assert (manifest.fleet_residual > 0).all()
    assert manifest.fleet_error_spread > 0
    assert manifest.metrics["held_out_machines"] == 1
    assert manifest.version.startswith(f"{PROFILE.version}.{PROFILE.feature_version}-")


def test_golden_outputs_are_the_devices_and_every_runtime_agrees(bundle: Bundle) -> None:
    device = DeviceModel(bundle.model)
    assert len(bundle.golden_input) == GOLDEN_CONTEXTS
    np.testing.assert_array_equal(device.run(bundle.golden_input), bundle.golden_output)
    assert np.abs(device.input.dequantise(bundle.golden_input)).max() > Z_CLIP - 0.1, "one of them is widened"
    rows = parity(bundle.model, bundle.golden_input, bundle.golden_output)
    assert all(row.max_steps <= MAX_GOLDEN_STEPS for row in rows), rows


def test_inputs_on_which_runtimes_differ_are_passed_over(
    bundle: Bundle, loops: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_but(refused: Int8) -> Bundle:
        def agree(model: bytes, inputs: Int8) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
            is_refused = [any(np.array_equal(i, r) for r in refused) for i in inputs]
            return agreeing(model, inputs) & ~np.array(is_refused)

        monkeypatch.setattr(export, "agreeing", agree)
        return assemble(loops, bundle.model, 1, {}, bundle.manifest.lineage)

    again = all_but(bundle.golden_input[:0])
    np.testing.assert_array_equal(again.golden_input, bundle.golden_input)
    others = all_but(bundle.golden_input[[1, 4]])
    assert len(others.golden_input) == GOLDEN_CONTEXTS
    kept = [row.tobytes() for row in np.delete(bundle.golden_input, [1, 4], axis=0)]
    assert [row.tobytes() for row in others.golden_input[: len(kept)]] == kept


def test_a_model_that_every_runtime_computes_differently_is_refused(
    bundle: Bundle, loops: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "agreeing", lambda _, inputs: np.arange(len(inputs)) < GOLDEN_CONTEXTS - 1)
    with pytest.raises(NotReleasableError, match=r"agree on 7 of \d+ contexts only, 8 are needed"):
        assemble(loops, bundle.model, 1, {}, {})


def test_a_bundle_is_read_back_as_it_was_written(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "loop.igb"
    write_bundle(path, bundle)
    read = read_bundle(path)
    assert read.model == bundle.model
    assert read.manifest.error_prior == bundle.manifest.error_prior
    np.testing.assert_array_equal(read.golden_output, bundle.golden_output)


def test_the_digest_is_of_machines_and_values_and_not_of_their_order(loops: TrainingData) -> None:
    machines = loops.machines
    digest = data_digest(machines)
    assert data_digest(machines[::-1]) == digest
    assert data_digest(machines[:-1]) != digest
    assert data_digest([*machines[:-1], replace(machines[-1], machine_id="other")]) != digest
    shorter = replace(machines[0], vectors=machines[0].vectors[:-1])
    assert data_digest([shorter, *machines[1:]]) != digest
    assert code_version()[0].isdigit() or code_version() == "unknown"
