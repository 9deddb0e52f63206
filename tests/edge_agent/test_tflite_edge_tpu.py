"""The Edge TPU only makes it faster: whatever is wrong with it, every window is computed, and why is told.

The runtime, the models and the delegate library are real; only the silicon is missing, so that the CPU's
kernels compute what an Edge TPU would.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from contract.bundle import Bundle
from edge_agent.errors import ModelError
from edge_agent.tflite import EDGE_TPU_LIBRARY, Accelerator, ModelRunner
from tests.conftest import require
from tests.tflite_files import fragile_identity_model, identity_model, repack, unpacked

SOURCE = Path(__file__).with_name("edge_tpu_delegate.c")
SHAPE = (1, 1, 4, 3)
MODEL, COMPILED = identity_model(SHAPE), fragile_identity_model(SHAPE)
GOLDEN = np.arange(5 * 12, dtype=np.int8).reshape(5, *SHAPE[1:])

BuildLibrary = Callable[..., str]


@pytest.fixture(scope="module")
def build_library(tmp_path_factory: pytest.TempPathFactory) -> BuildLibrary:
    """Builds the delegate as a loadable library."""
    compiler = shutil.which("cc") or ""
    require(bool(compiler), "no C compiler `cc` on the PATH to build a delegate with; install gcc")
    folder = tmp_path_factory.mktemp("delegate")

    def build(*options: str) -> str:
        library = folder / f"lib{''.join(options) or 'plain'}.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, *options, SOURCE], check=True)
        return str(library)

    return build


def kind_of(runner: ModelRunner) -> str:
    return runner.accelerator.kind


def test_a_bundle_without_a_compiled_model_runs_on_the_cpu() -> None:
    runner = ModelRunner(MODEL)
    assert runner.accelerator == Accelerator("cpu", "the bundle holds no model compiled for an Edge TPU")


def test_the_settings_can_forbid_it(build_library: BuildLibrary) -> None:
    runner = ModelRunner(MODEL, COMPILED, "cpu", build_library())
    assert runner.accelerator == Accelerator("cpu", "the settings say so")


def test_a_device_without_corals_library_runs_on_the_cpu(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "edge_agent.tflite"):
        runner = ModelRunner(MODEL, COMPILED)  # libedgetpu is installed on no machine that runs these tests
    assert runner.accelerator.kind == "cpu"
    assert EDGE_TPU_LIBRARY in runner.accelerator.reason
    assert [record.getMessage() for record in caplog.records] == ["accelerator chosen"]
    runner.self_test(GOLDEN, GOLDEN, tolerance_steps=0)


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"not a library at all\n" * 500])
def test_a_broken_library_is_no_reason_to_fail(tmp_path: Path, content: bytes) -> None:
    library = tmp_path / "libedgetpu.so.1"
    library.write_bytes(content)
    runner = ModelRunner(MODEL, COMPILED, library=str(library))
    assert runner.accelerator.kind == "cpu"
    assert str(library) in runner.accelerator.reason
    assert "\n" not in runner.accelerator.reason


def test_a_library_of_something_else_is_no_delegate(build_library: BuildLibrary) -> None:
    runner = ModelRunner(MODEL, COMPILED, library="libm.so.6")
    assert runner.accelerator.kind == "cpu"
    assert "is no TFLite delegate" in runner.accelerator.reason


def test_a_library_without_a_device_runs_on_the_cpu(build_library: BuildLibrary) -> None:
    runner = ModelRunner(MODEL, COMPILED, library=build_library("-DNO_DEVICE"))
    assert runner.accelerator.kind == "cpu"
    assert runner.accelerator.reason.startswith("no Edge TPU answers")
    assert runner.accelerator.reason.endswith("Failed to open device")
    runner.self_test(GOLDEN, GOLDEN, tolerance_steps=0)


def test_a_device_that_takes_no_model_is_left_alone(build_library: BuildLibrary) -> None:
    runner = ModelRunner(MODEL, COMPILED, library=build_library("-DREFUSES_MODEL"))
    assert runner.accelerator.kind == "cpu"
    assert "cannot be loaded" in runner.accelerator.reason
    runner.self_test(GOLDEN, GOLDEN, tolerance_steps=0)


@pytest.mark.parametrize(
    ("compiled", "why"),
    [
        (identity_model((1, 1, 3, 4)), "other numbers than the model"),
        (identity_model(SHAPE, scale=0.25), "other numbers than the model"),
        (b"\x1c\0\0\0TFL3" + bytes(100), "cannot be loaded"),
        (b"", "empty"),
    ],
    ids=["another shape", "another scale", "damaged", "empty"],
)
def test_a_compiled_model_of_something_else_is_not_used(
    build_library: BuildLibrary, compiled: bytes, why: str
) -> None:
    runner = ModelRunner(MODEL, compiled, library=build_library())
    assert runner.accelerator.kind == "cpu"
    assert why in runner.accelerator.reason


def test_an_edge_tpu_that_answers_is_used(
    build_library: BuildLibrary, caplog: pytest.LogCaptureFixture
) -> None:
    library = build_library()
    with caplog.at_level(logging.INFO, "edge_agent.tflite"):
        runner = ModelRunner(MODEL, COMPILED, library=library)
    assert runner.accelerator == Accelerator("edge_tpu", f"an Edge TPU answers through {library}")
    assert [vars(record)["kind"] for record in caplog.records] == ["edge_tpu"]
    runner.self_test(GOLDEN, GOLDEN, tolerance_steps=0)
    assert runner.accelerator.kind == "edge_tpu"


def test_an_edge_tpu_that_computes_something_else_is_given_up(
    build_library: BuildLibrary, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    changed = unpacked(bundle.model)
    weights = changed.subgraphs[0].tensors[changed.subgraphs[0].operators[0].inputs[1]]
    changed.buffers[weights.buffer].data = changed.buffers[weights.buffer].data // 2
    runner = ModelRunner(bundle.model, repack(changed), library=build_library())
    assert kind_of(runner) == "edge_tpu"

    runner.self_test(bundle.golden_input, bundle.golden_output)
    assert kind_of(runner) == "cpu"
    assert runner.accelerator.reason.startswith("the Edge TPU was given up: self-test 0 is off by")
    assert any(record.levelno == logging.WARNING for record in caplog.records)
    answer = runner.invoke_quantised(bundle.golden_input[:1])
    assert np.array_equal(answer, bundle.golden_output[:1])


def test_a_cpu_that_fails_its_self_test_is_an_error_even_beside_an_edge_tpu(
    build_library: BuildLibrary,
) -> None:
    runner = ModelRunner(MODEL, COMPILED, library=build_library())
    with pytest.raises(ModelError, match="self-test 0 is off by 9 steps"):
        runner.self_test(GOLDEN, GOLDEN + np.int8(9))


def test_no_window_is_lost_when_the_stick_is_pulled_out(
    build_library: BuildLibrary, caplog: pytest.LogCaptureFixture
) -> None:
    runner = ModelRunner(MODEL, COMPILED, library=build_library())
    runner.self_test(GOLDEN, GOLDEN)
    fine = np.full(SHAPE[2:], 3.0, np.float32)
    assert np.array_equal(runner.reconstruct(fine), fine)
    assert kind_of(runner) == "edge_tpu"

    failing = np.full(SHAPE[2:], -3.0, np.float32)  # the compiled model fails on what is negative
    assert np.array_equal(runner.reconstruct(failing), failing), "the CPU computed this very window"
    assert kind_of(runner) == "cpu"
    assert "failed to invoke" in runner.accelerator.reason
    assert np.array_equal(runner.reconstruct(fine), fine)

    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in warnings] == ["edge tpu given up, the cpu goes on"]
    assert "\n" not in vars(warnings[0])["reason"]
