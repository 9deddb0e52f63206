from __future__ import annotations

import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from contract.bundle import Bundle
from contract.errors import BundleError
from edge_agent.errors import ModelError
from edge_agent.tflite import ModelRunner
from tests.edge_agent.rig import TINY_MODEL

RUNNER = ModelRunner(TINY_MODEL.read_bytes())


def smooth(context: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """What the tiny model computes, in floats."""
    padded = np.pad(context.astype(np.float64), ((1, 1), (0, 0)))
    answer: npt.NDArray[np.float64] = 0.15 * padded[:-2] + 0.3 * padded[1:-1] + 0.15 * padded[2:]
    return answer


@given(st.integers(0, 2**32), st.floats(0.01, 4.0))
@settings(max_examples=40, deadline=None)
def test_reconstruction_is_the_model_up_to_quantisation(seed: int, spread: float) -> None:
    context = np.clip(np.random.default_rng(seed).normal(0, spread, RUNNER.shape), -7.5, 7.5).astype(
        np.float32
    )
    answer = RUNNER.reconstruct(context)

    expected = smooth(context)
    inside = np.abs(expected) < 3.5  # beyond, the tiny model's own output saturates
    assert answer.dtype == np.dtype(np.float32) and answer.shape == (8, 17)
    assert np.max(np.abs(answer - expected)[inside], initial=0.0) < 0.08
    assert np.array_equal(RUNNER.reconstruct(context), answer)


@given(
    arrays(np.float32, RUNNER.shape, elements=st.floats(-1e6, 1e6, width=32)),
    st.sampled_from([0.5, 1.5, -2.5, 127.5, -128.5]),
)
@settings(max_examples=60, deadline=None)
def test_reconstruction_is_to_the_bit_what_the_formula_says(
    context: npt.NDArray[np.float32], tie_steps: float
) -> None:
    interpreter = Interpreter(model_content=TINY_MODEL.read_bytes())
    (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    (scale, zero), (out_scale, out_zero) = source["quantization"], result["quantization"]
    context.flat[:3] = np.float32(tie_steps) * np.float32(scale)  # half-way between two steps
    given_context = context.copy()

    steps = np.rint(context / np.float32(scale)) + np.float32(zero)
    quantised = np.clip(steps, -128, 127).astype(np.int8)[np.newaxis, np.newaxis]
    answer = RUNNER.invoke_quantised(quantised)[0, 0].astype(np.float32)
    expected = (answer - np.float32(out_zero)) * np.float32(out_scale)

    assert np.array_equal(RUNNER.reconstruct(context), expected)
    assert np.array_equal(context, given_context)


def test_the_answer_is_not_overwritten_by_the_next() -> None:
    first = RUNNER.reconstruct(np.ones(RUNNER.shape, np.float32))
    kept = first.copy()
    RUNNER.reconstruct(-np.ones(RUNNER.shape, np.float32))

    assert np.array_equal(first, kept)


def test_values_beyond_the_int8_range_saturate() -> None:
    huge = RUNNER.reconstruct(np.full(RUNNER.shape, 1e9, np.float32))
    assert np.all(huge > 3.0) and np.all(np.isfinite(huge))
    assert np.all(RUNNER.reconstruct(np.full(RUNNER.shape, -1e9, np.float32)) < -3.0)


@pytest.mark.parametrize("shape", [(8, 16), (7, 17), (17, 8)])
def test_a_context_of_another_shape_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ModelError, match="takes"):
        RUNNER.reconstruct(np.zeros(shape, np.float32))


@pytest.mark.parametrize("model", [b"", b"garbage" * 100, TINY_MODEL.read_bytes()[:300]])
def test_bytes_that_are_no_model_are_a_bundle_error(model: bytes) -> None:
    with pytest.raises(ModelError) as failure:
        ModelRunner(model)
    assert isinstance(failure.value, BundleError)
    assert "\n" not in str(failure.value)


def test_a_float_model_is_refused() -> None:
    with pytest.raises(ModelError, match=r"float32.*needs int8"):
        ModelRunner(TINY_MODEL.with_name("tiny_float.tflite").read_bytes())


def test_golden_outputs_are_reproduced(bundle: Bundle) -> None:
    RUNNER.self_test(bundle.golden_input, bundle.golden_output, tolerance_steps=0)


def test_self_test_tolerates_one_step_and_no_more(bundle: Bundle) -> None:
    off = bundle.golden_output.copy()
    off[2, 0, 3, 5] += 1
    RUNNER.self_test(bundle.golden_input, off)
    off[2, 0, 3, 5] += 1
    with pytest.raises(ModelError, match="self-test 2 is off by 2 steps"):
        RUNNER.self_test(bundle.golden_input, off)


def test_self_test_refuses_golden_arrays_of_another_shape(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match="do not fit"):
        RUNNER.self_test(bundle.golden_input[..., :-1], bundle.golden_output[..., :-1])
    with pytest.raises(ModelError, match="do not fit"):
        RUNNER.self_test(bundle.golden_input[:1], bundle.golden_output)


def test_the_runtime_says_nothing_on_stderr() -> None:
    code = f"from edge_agent.tflite import ModelRunner as R; R(open({str(TINY_MODEL)!r}, 'rb').read())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("", "")
