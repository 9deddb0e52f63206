"""Every runtime that is installed gives the golden outputs, and a difference is seen where there is one."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from contract.bundle import load_bundle
from contract.profiles import profile_names
from models.errors import ModelFileError
from models.parity import DeviceModel, Float32, Int8, Runtime, agreeing, float_parity, parity, runtimes
from tests.conftest import require
from tests.tflite_files import fragile_identity_model, identity_model

SHAPE = (1, 1, 4, 3)
MODEL = identity_model(SHAPE)
NAMES = [*dict.fromkeys(runtime.name for runtime in runtimes()), "ai-edge-litert, reference kernels"]
GOLDEN = np.arange(60, dtype=np.int8).reshape(5, *SHAPE[1:])


def test_the_runtime_that_devices_prefer_comes_first() -> None:
    assert (runtimes()[0].name, runtimes()[0].kernels) == ("ai-edge-litert", "default")
    assert all(runtime.version[0].isdigit() for runtime in runtimes())


def test_reference_kernels_stand_for_boards_that_are_not_here() -> None:
    *default, last = runtimes()
    assert [runtime.kernels for runtime in default] == ["default"] * len(default)
    assert (last.name, last.kernels) == ("ai-edge-litert", "reference")
    assert [row.runtime for row in parity(MODEL, GOLDEN, GOLDEN)] == NAMES


def test_inputs_that_runtimes_round_apart_are_no_golden_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(self: DeviceModel, batch: Int8) -> Int8:
        out = batch.copy()
        if len(made) > 1:  # every runtime but the first
            out[1, 0, 3, 2] += 1
            out[3, 0, 0, 0] += 2
        return out

    made: list[object] = []
    build = DeviceModel.__init__

    def count(self: DeviceModel, model: bytes, runtime: Runtime | None = None) -> None:
        made.append(runtime)
        build(self, model, runtime)

    assert agreeing(MODEL, GOLDEN).tolist() == [True] * 5
    monkeypatch.setattr(DeviceModel, "__init__", count)
    monkeypatch.setattr(DeviceModel, "run", run)
    assert agreeing(MODEL, GOLDEN).tolist() == [True, True, True, False, True], (
        "one step is a matter of taste"
    )
    assert len(made) == len(runtimes())


@pytest.mark.parametrize("name", sorted(profile_names()))
def test_every_shipped_bundle_is_reproduced_by_every_runtime(name: str) -> None:
    bundle = load_bundle(name)
    rows = parity(bundle.model, bundle.golden_input, bundle.golden_output)
    assert [row.runtime for row in rows] == NAMES
    assert all(row.max_steps <= 1 for row in rows), rows


def test_a_difference_is_told_in_steps_and_in_share() -> None:
    off = GOLDEN.copy()
    off[1, 0, 2, 1] += 3
    off[4, 0, 0, 0] -= 1
    for row in parity(MODEL, GOLDEN, off):
        assert row.max_steps == 3
        assert row.differing_share == pytest.approx(2 / 60)
    for row in parity(MODEL, GOLDEN, GOLDEN):
        assert (row.max_steps, row.differing_share) == (0, 0.0)


def test_steps_are_counted_over_the_whole_range() -> None:
    lowest, highest = np.full((1, *SHAPE[1:]), -128, np.int8), np.full((1, *SHAPE[1:]), 127, np.int8)
    assert {row.max_steps for row in parity(MODEL, lowest, highest)} == {255}


@pytest.mark.parametrize("cut", [np.s_[:, :, :, :2], np.s_[:1]])
def test_golden_arrays_of_another_shape_are_refused(cut: tuple[slice, ...]) -> None:
    with pytest.raises(ModelFileError, match="do not fit"):
        parity(MODEL, GOLDEN, GOLDEN[cut])


def test_a_model_that_fails_in_a_runtime_is_one_line() -> None:
    with pytest.raises(ModelFileError, match="ai-edge-litert fails on the model") as caught:
        parity(fragile_identity_model(SHAPE, size=10), GOLDEN, GOLDEN)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model", [b"", b"\x1c\0\0\0TFL3" + bytes(100)])
def test_what_no_runtime_takes_is_refused(model: bytes) -> None:
    for runtime in runtimes():
        with pytest.raises(ModelFileError, match="cannot be run"):
            DeviceModel(model, runtime)


@pytest.mark.parametrize("runtime", runtimes(), ids=lambda runtime: f"{runtime.name}-{runtime.kernels}")
def test_the_device_model_runs_in_the_runtime_that_was_asked_for(runtime: object) -> None:
    (asked,) = [found for found in runtimes() if found is runtime]
    device = DeviceModel(MODEL, asked)
    np.testing.assert_array_equal(device.run(GOLDEN), GOLDEN)
    assert type(device._runtime).__module__ == asked.module.__name__


def test_the_float_network_is_compared_in_spreads() -> None:
    contexts = np.full((2, *SHAPE[2:]), 3.0, np.float32)  # a multiple of the scale: int8 holds it exactly

    def reconstruct(given: Float32) -> Float32:
        answer = given.copy()
        answer[0, 0, 0] += 0.75
        return answer

    found = float_parity(DeviceModel(MODEL), reconstruct, contexts)
    assert found.max_spreads == pytest.approx(0.75)
    assert found.mean_spreads == pytest.approx(0.75 / 24)


@pytest.mark.parametrize("first", ["ai_edge_litert", "tflite_runtime"])
def test_runtimes_live_together_whichever_came_first(first: str) -> None:
    require(len(NAMES) == 3, "only one TFLite runtime is installed; install the group 'dev' for both")
    code = (
        f"import {first}.interpreter\n"
        "from contract.bundle import load_bundle\n"
        "from models.parity import parity\n"
        "b = load_bundle('pump')\n"
        "print(*(row.max_steps for row in parity(b.model, b.golden_input, b.golden_output)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 3
