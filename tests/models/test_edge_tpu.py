"""What Coral's compiler maps: its published table, row by row, on graphs small enough to see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contract.bundle import load_bundle
from contract.profiles import profile_names
from models.edge_tpu import (
    SUPPORTED,
    EdgeTpuReport,
    check_model,
    check_network,
    check_operation,
    count_macs,
)
from models.edge_tpu_limits import LIMITS
from models.flatbuffer import Network, Operation, Tensor

MODELS = Path(__file__).resolve().parents[1] / "golden" / "models"


def data(*shape: int, dtype: str = "INT8", scales: tuple[float, ...] = (0.1,)) -> Tensor:
    return Tensor("x", dtype, shape, shape, scales, (0,) * len(scales))


def numbers(*values: int) -> Tensor:
    return Tensor("p", "INT32", (len(values),), (len(values),), is_constant=True, values=values)


def constant(*shape: int, is_zero: bool = False) -> Tensor:
    return replace(data(*shape), is_constant=True, is_zero=is_zero)


def weights(*shape: int, channels: int = 1, axis: int = 0) -> Tensor:
    return replace(constant(*shape), scales=(0.1,) * channels, channel_axis=axis)


def operation(name: str, *inputs: Tensor | None, output: Tensor | None = None, **options: int) -> Operation:
    version = SUPPORTED[name].max_version if name in SUPPORTED else 1
    return Operation(name, version, inputs, (output or data(1, 4, 4, 8),), options)


X = data(1, 4, 4, 8)
CONV = operation("CONV_2D", X, weights(8, 1, 3, 8, channels=8), numbers(*range(8)))
DENSE = operation("FULLY_CONNECTED", data(1, 8), weights(5, 8), numbers(*range(5)), output=data(1, 5))

MAPPED = [
    operation("ADD", X, X),
    operation("ADD", X, constant(1, 1, 1, 8)),
    operation("AVERAGE_POOL_2D", X),
    operation("CONCATENATION", X, X, X, axis=3),
    operation("CONCATENATION", X, constant(1, 4, 4, 8, is_zero=True), axis=3),
    CONV,
    replace(CONV, inputs=(X, weights(8, 1, 3, 8), None)),
    replace(CONV, options={"fusedActivationFunction": 1, "dilationWFactor": 2, "dilationHFactor": 2}),
    operation("DEPTHWISE_CONV_2D", X, weights(1, 3, 3, 8, channels=8, axis=3), numbers(*range(8))),
    operation("EXPAND_DIMS", data(4, 8), numbers(0), output=data(1, 4, 8)),
    DENSE,
    operation("L2_NORMALIZATION", X),
    operation("LOGISTIC", X),
    operation("MAXIMUM", X, X),
    operation("MAX_POOL_2D", X),
    operation("MEAN", X, numbers(1, 2), output=data(1, 8)),
    operation("MEAN", X, numbers(-1), output=data(1, 4, 4)),
    operation("MINIMUM", X, X),
    operation("MUL", X, X),
    operation("PACK", data(4, 8), data(4, 8), axis=1, output=data(4, 2, 8)),
    operation("PAD", X, numbers(0, 0, 1, 1, 1, 1, 0, 0)),
    operation("PRELU", X, constant(1, 1, 8)),
    operation("QUANTIZE", X),
    operation("REDUCE_MAX", X, numbers(1)),
    operation("REDUCE_MIN", data(4, 8), numbers(0), output=data(8)),
    operation("RELU", X),
    operation("RELU6", X),
    operation("RELU_N1_TO_1", X),
    operation("RESHAPE", X, numbers(1, 2, 8, 8)),
    operation("RESHAPE", X),
    operation("RESIZE_BILINEAR", X, numbers(8, 8)),
    operation("RESIZE_NEAREST_NEIGHBOR", X, numbers(8, 8)),
    operation("RSQRT", X),
    operation("SLICE", X, numbers(0, 0, 0, 0), numbers(1, 2, 2, 8)),
    operation("SOFTMAX", data(1, 10), output=data(1, 10)),
    operation("SPACE_TO_DEPTH", X),
    operation("SPLIT", numbers(3), X),
    operation("SQUARED_DIFFERENCE", X, X),
    operation("SQUEEZE", data(1, 1, 8), output=data(8)),
    operation("STRIDED_SLICE", X, numbers(0, 0, 0, 0), numbers(1, 2, 2, 8), numbers(1, 1, 1, 1)),
    operation("SUB", X, X),
    operation("SUM", X, numbers(3)),
    operation("TANH", X),
    operation("TRANSPOSE", X, numbers(0, 2, 1, 3)),
    operation(
        "TRANSPOSE_CONV", numbers(1, 4, 4, 8), weights(8, 1, 4, 3), data(1, 4, 2, 3), numbers(*range(8))
    ),
]


@pytest.mark.parametrize("good", MAPPED, ids=lambda op: op.name)
def test_what_the_table_names_is_mapped(good: Operation) -> None:
    assert check_operation(good) == ""


def test_every_row_of_the_table_is_tried() -> None:
    assert {op.name for op in MAPPED} == set(SUPPORTED)
    assert set(LIMITS) <= set(SUPPORTED)


@pytest.mark.parametrize("good", MAPPED, ids=lambda op: op.name)
def test_a_newer_version_of_an_operation_is_refused(good: Operation) -> None:
    newer = replace(good, version=good.version + 1)
    assert check_operation(newer) == f"version {newer.version} is not known, at most {good.version}"


REFUSED = {
    "must be INT8, is computed FLOAT32": replace(
        CONV, inputs=(data(1, 4, 4, 8, dtype="FLOAT32"), *CONV.inputs[1:])
    ),
    "must be INT8, is computed INT16": operation("RELU", data(1, 4, 4, 8, dtype="INT16")),
    "input 0: not quantised": operation("RELU", data(1, 4, 4, 8, scales=())),
    "not quantised": operation("RELU", data(1, 4, 4, 8, scales=(0.0,))),
    "for weights only": operation("RELU", data(1, 4, 4, 8, scales=(0.1, 0.2))),
    "output: must be INT8": operation("RELU", X, output=data(1, 4, 4, 8, dtype="FLOAT32")),
    "sizes must be fixed, are [-1, 4, 4, 8]": operation("RELU", replace(X, signature=(-1, 4, 4, 8))),
    "only the last 3 sizes may be larger than 1, are [2, 4, 4, 8]": operation("RELU", data(2, 4, 4, 8)),
    "only the last 3 sizes may be larger than 1, are [1, 2, 4, 4, 8]": operation("RELU", data(1, 2, 4, 4, 8)),
    "weights must be constant INT8, are computed INT8": replace(CONV, inputs=(X, data(8, 1, 3, 8), None)),
    "weights are not quantised": replace(CONV, inputs=(X, replace(constant(8, 1, 3, 8), scales=()), None)),
    "weights have scales along axis 3, must be 0": replace(
        CONV, inputs=(X, weights(8, 1, 3, 8, channels=8, axis=3))
    ),
    "input 2: must be a constant INT32, is constant INT8": replace(
        CONV, inputs=(X, CONV.inputs[1], constant(8))
    ),
    "input 1: must be a constant INT32, is computed INT32": operation(
        "RESHAPE", X, data(4, dtype="INT32", scales=())
    ),
    "inputs and outputs are incomplete": replace(CONV, inputs=(X,)),
    "dilation must be the same": replace(CONV, options={"dilationWFactor": 2, "dilationHFactor": 1}),
    "fused activation TANH": replace(CONV, options={"fusedActivationFunction": 4}),
    "no fused activation allowed, has RELU": operation("MAX_POOL_2D", X, fusedActivationFunction=1),
    "a constant input must be zeros": operation("CONCATENATION", X, constant(1, 4, 4, 8), axis=3),
    "one of two inputs": operation("CONCATENATION", X, X, constant(1, 4, 4, 8, is_zero=True), axis=3),
    "not in the default format": replace(DENSE, options={"weightsFormat": 1}),
    "output must be one row": replace(DENSE, outputs=(data(2, 5),)),
    "must not reduce over the batch": operation("SUM", X, numbers(-4)),
    "the axes are not constant": operation("MEAN", X),
    "mean over 6 channels; must be a multiple of 4": operation("MEAN", data(1, 4, 4, 6), numbers(3)),
    "must not pad the batch": operation("PAD", X, numbers(0, 1, 0, 0, 0, 0, 0, 0)),
    "the paddings are not constant": operation("PAD", X),
    "must not pack along the batch": operation("PACK", data(4, 8), data(4, 8), axis=0, output=data(2, 4, 8)),
    "must not split the batch": operation("SPLIT", numbers(-4), X),
    "one number for each channel": operation("PRELU", X, constant(4, 4, 8)),
    "input must be one row": operation("SOFTMAX", data(4, 10)),
    "more than 16000 elements": operation("SOFTMAX", data(1, 16_001)),
    "strides must all be 1": operation("STRIDED_SLICE", X, *[numbers(1, 1, 1, 1)] * 2, numbers(1, 2, 1, 1)),
    "no ellipsis and no new axis": operation("STRIDED_SLICE", X, *[numbers(1, 1, 1, 1)] * 3, newAxisMask=1),
    "not in Coral's table": operation("GATHER", X, numbers(1)),
}


@pytest.mark.parametrize(("why", "bad"), REFUSED.items(), ids=REFUSED)
def test_what_the_table_excludes_is_refused_with_its_reason(why: str, bad: Operation) -> None:
    assert why in check_operation(bad)


def test_custom_operations_are_refused() -> None:
    custom = Operation("mine", 1, (X,), (X,), is_custom=True)
    assert check_operation(custom) == "a custom operation"
    assert "compiled already" in check_operation(replace(custom, name="edgetpu-custom-op"))


def network(*operations: Operation, n_subgraphs: int = 1) -> EdgeTpuReport:
    return check_network(Network(operations, (X,), (X,), n_subgraphs))


BAD = operation("GATHER", X, numbers(1))


def test_what_comes_after_a_refused_operation_stays_on_the_cpu() -> None:
    report = network(CONV, operation("RELU", X), BAD, CONV, BAD)
    assert [op.is_mapped for op in report.operations] == [True, True, False, False, False]
    assert report.operations[3].reason.startswith("after GATHER")
    assert report.operations[4].reason == "not in Coral's table of operations"
    assert (report.mapped, report.macs_share, report.is_fully_mapped) == (2, 0.5, False)
    assert [refusal.split(":")[0] for refusal in report.refusals] == ["2 GATHER", "3 CONV_2D", "4 GATHER"]


def test_a_float_model_keeps_its_first_quantise_and_its_last_dequantise_on_the_cpu() -> None:
    floats = data(1, 4, 4, 8, dtype="FLOAT32", scales=())
    first = operation("QUANTIZE", floats, output=X)
    last = operation("DEQUANTIZE", X, output=floats)
    report = network(first, CONV, CONV, last)
    assert [op.is_mapped for op in report.operations] == [False, True, True, False]
    assert not report.is_fully_mapped
    assert [op.is_mapped for op in network(operation("QUANTIZE", X), CONV).operations] == [True, True]


def test_one_graph_without_anything_refused_is_fully_mapped() -> None:
    assert network(CONV, CONV).is_fully_mapped
    assert network(CONV, CONV).macs_share == 1.0
    assert not network().is_fully_mapped, "nothing to map is nothing mapped"
    assert network(operation("RELU", X), BAD).macs_share == 0.5, "without multiplications, operations count"
    assert "2 graphs" in network(CONV, n_subgraphs=2).operations[0].reason


def test_multiplications_are_counted_as_textbooks_do() -> None:
    assert count_macs(CONV) == 4 * 4 * 8 * (1 * 3 * 8)
    depthwise = operation("DEPTHWISE_CONV_2D", X, weights(1, 3, 3, 8), None)
    assert count_macs(depthwise) == 4 * 4 * 8 * 9
    assert count_macs(DENSE) == 5 * 8
    transposed = operation("TRANSPOSE_CONV", numbers(1, 4, 4, 8), weights(8, 1, 4, 3), data(1, 4, 2, 3))
    assert count_macs(transposed) == 4 * 2 * 3 * (8 * 1 * 4)
    assert count_macs(operation("RELU", X)) == 0
    assert count_macs(replace(CONV, inputs=(X,))) == 0


@pytest.mark.parametrize("name", sorted(profile_names()))
def test_every_bundle_that_ships_is_fully_mapped(name: str) -> None:
    report = check_model(load_bundle(name).model)
    assert report.refusals == ()
    assert report.is_fully_mapped
    assert {op.name for op in report.operations} == {"CONV_2D", "RESHAPE"}


@pytest.mark.parametrize(
    ("file", "operation_name", "version"),
    [("transpose_conv_qat", "TRANSPOSE_CONV", 4), ("resize_nearest", "RESIZE_NEAREST_NEIGHBOR", 3)],
)
def test_the_other_two_ways_up_are_refused_as_measured(file: str, operation_name: str, version: int) -> None:
    report = check_model((MODELS / f"{file}.tflite").read_bytes())
    assert [op.is_mapped for op in report.operations] == [True, False, False]
    refused = report.operations[1]
    assert (refused.name, refused.version) == (operation_name, version)
    assert refused.reason == f"version {version} is not known, at most {version - 1}"
