"""The gate: what does not fit a device is refused with everything that is wrong with it, in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.bundle import Bundle, load_bundle, read_bundle, write_bundle
from contract.errors import BundleError
from contract.profiles import profile_names
from models.errors import ModelFileError, NotReleasableError
from models.parity import runtimes
from models.release import MAX_STUDENT_BYTES, examine, require_releasable
from tests.tflite_files import identity_model, repack, unpacked

PUMP = load_bundle("pump")
RESIZE = (Path(__file__).resolve().parents[1] / "golden" / "models" / "resize_nearest.tflite").read_bytes()


def with_golden_off(bundle: Bundle, steps: int) -> Bundle:
    off = bundle.golden_output.copy()
    off.flat[np.flatnonzero(off < 0)[0]] += steps
    return replace(bundle, golden_output=off)


@pytest.mark.parametrize("name", sorted(profile_names()))
@pytest.mark.usefixtures("no_compiler")
def test_every_bundle_that_ships_passes_unchanged(name: str) -> None:
    bundle = load_bundle(name)
    assert require_releasable(bundle) is bundle


@pytest.mark.usefixtures("no_compiler")
def test_one_step_off_passes_and_two_are_refused_for_every_runtime() -> None:
    require_releasable(with_golden_off(PUMP, 1))
    with pytest.raises(NotReleasableError) as caught:
        require_releasable(with_golden_off(PUMP, 2))
    for runtime in runtimes():
        assert f"{runtime.name} {runtime.version} is off the golden outputs by 2 steps" in str(caught.value)


@pytest.mark.usefixtures("no_compiler")
def test_a_model_over_the_limit_is_refused() -> None:
    padded = unpacked(PUMP.model)
    padded.description = "x" * (MAX_STUDENT_BYTES - len(PUMP.model) + 1000)
    bundle = replace(PUMP, model=repack(padded))
    with pytest.raises(NotReleasableError, match=f"{len(bundle.model)} bytes, at most {MAX_STUDENT_BYTES}"):
        require_releasable(bundle)


@pytest.mark.usefixtures("no_compiler")
def test_an_operation_that_is_not_mapped_is_refused_by_name() -> None:
    with pytest.raises(NotReleasableError, match=r"1 RESIZE_NEAREST_NEIGHBOR: version 3"):
        require_releasable(replace(PUMP, model=RESIZE))


@pytest.mark.usefixtures("no_compiler")
def test_everything_wrong_is_told_at_once_in_one_line() -> None:
    model = identity_model((1, 1, *PUMP.golden_input.shape[2:]), scale=0.0)
    bundle = replace(PUMP, model=model)
    with pytest.raises(NotReleasableError) as caught:
        require_releasable(bundle)
    assert issubclass(NotReleasableError, BundleError)
    assert caught.value.exit_code == 5
    message = str(caught.value)
    assert "not quantised" in message and "off the golden outputs" in message and "\n" not in message


@pytest.mark.usefixtures("no_compiler")
def test_a_model_that_no_runtime_takes_is_refused() -> None:
    with pytest.raises(NotReleasableError, match="do not fit the model"):
        require_releasable(replace(PUMP, model=identity_model((1, 1, 3, 4))))
    with pytest.raises(ModelFileError, match="damaged"):
        require_releasable(replace(PUMP, model=b"\x1c\0\0\0TFL3" + bytes(64)))


@pytest.mark.usefixtures("no_compiler")
def test_a_model_without_golden_windows_is_tried_on_the_same_noise_each_time() -> None:
    first, second = examine(PUMP.model), examine(PUMP.model)
    assert first == second
    assert first.model_bytes == len(PUMP.model) and len(first.parities) == len(runtimes())
    assert first.parities[0].max_steps == 0, "the first runtime said what must come out"
    assert all("off the golden outputs" in problem for problem in first.problems)
    assert not first.has_compiler and first.compiled is None


@pytest.mark.usefixtures("fake_compiler")
def test_a_bundle_leaves_with_its_compiled_model_where_there_is_a_compiler(tmp_path: Path) -> None:
    released = require_releasable(PUMP)
    assert released.edge_tpu_model is not None
    assert replace(released, edge_tpu_model=None).model == PUMP.model
    write_bundle(tmp_path / "pump.igb", released)
    assert read_bundle(tmp_path / "pump.igb").edge_tpu_model == released.edge_tpu_model


@pytest.mark.usefixtures("fake_compiler")
@pytest.mark.parametrize(
    ("mode", "why"), [("half", "the compiler disagrees .*7 of 9"), ("fails", "edgetpu_compiler ended with 1")]
)
def test_the_compiler_has_the_last_word(monkeypatch: pytest.MonkeyPatch, mode: str, why: str) -> None:
    monkeypatch.setenv("FAKE_MODE", mode)
    with pytest.raises(NotReleasableError, match=why):
        require_releasable(PUMP)
