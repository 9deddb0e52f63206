"""Says, operation by operation, whether Coral's compiler would put a model onto the Edge TPU.

Rule: pure; what is judged is the file's own graph against Coral's published table, "TensorFlow models on the
Edge TPU" (coral.ai/docs/edgetpu/models-intro, table 1, compiler 16.0, runtime 14), and where the table leaves
a doubt the answer is no.

The table names no operation versions; `Support.max_version` is the version in which TensorFlow writes the
int8 form of an operation (tensorflow/lite/tools/versioning/op_version.cc). Seen with the compiler itself:
RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR of version 3 are refused (google-coral/edgetpu, issues 187, 396
and 420), and so is TRANSPOSE_CONV of version 4, which quantization-aware training makes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from models.edge_tpu_limits import LIMITS
from models.flatbuffer import Network, Operation, Tensor, read_network

_QUANTISED = ("INT8", "UINT8")
_INNERMOST = 3
"""Dimensions, counted from the last, that may be larger than 1."""
_COMPILED = "edgetpu-custom-op"


@dataclass(frozen=True, slots=True)
class Support:
    """One row of the table: what an operation must be to be mapped."""

    max_version: int
    weights: int | None = None
    """Which input holds weights: a quantised constant, one scale for each channel allowed."""
    parameters: tuple[int, ...] = ()
    """Which inputs are int32 constants: bias, shape, axes."""
    channel_axis: int = 0
    """Of the weights, when each channel has a scale of its own."""


_ELEMENTWISE = Support(2)
_REDUCTION = Support(2, parameters=(1,))
SUPPORTED: Mapping[str, Support] = {
    "ADD": _ELEMENTWISE,
    "AVERAGE_POOL_2D": Support(2),
    "CONCATENATION": Support(2),
    "CONV_2D": Support(3, weights=1, parameters=(2,)),
    "DEPTHWISE_CONV_2D": Support(3, weights=1, parameters=(2,), channel_axis=3),
    "EXPAND_DIMS": Support(1, parameters=(1,)),
    "FULLY_CONNECTED": Support(4, weights=1, parameters=(2,)),
    "L2_NORMALIZATION": Support(2),
    "LOGISTIC": Support(2),
    "MAXIMUM": _ELEMENTWISE,
    "MAX_POOL_2D": Support(2),
    "MEAN": _REDUCTION,
    "MINIMUM": _ELEMENTWISE,
    "MUL": _ELEMENTWISE,
    "PACK": Support(2),
    "PAD": Support(2, parameters=(1,)),
    "PRELU": Support(1),
    "QUANTIZE": Support(1),
    "REDUCE_MAX": _REDUCTION,
    "REDUCE_MIN": _REDUCTION,
    "RELU": Support(2),
    "RELU6": Support(2),
    "RELU_N1_TO_1": Support(1),
    "RESHAPE": Support(1, parameters=(1,)),
    "RESIZE_BILINEAR": Support(2, parameters=(1,)),
    "RESIZE_NEAREST_NEIGHBOR": Support(2, parameters=(1,)),
    "RSQRT": Support(2),
    "SLICE": Support(2, parameters=(1, 2)),
    "SOFTMAX": Support(2),
    "SPACE_TO_DEPTH": Support(2),
    "SPLIT": Support(2, parameters=(0,)),
    "SQUARED_DIFFERENCE": _ELEMENTWISE,
    "SQUEEZE": Support(1),
    "STRIDED_SLICE": Support(2, parameters=(1, 2, 3)),
    "SUB": _ELEMENTWISE,
    "SUM": _REDUCTION,
    "TANH": Support(2),
    "TRANSPOSE": Support(2, parameters=(1,)),
    "TRANSPOSE_CONV": Support(3, weights=1, parameters=(0, 3)),
}
"""Coral's table. LSTM is left out: its one line there cannot be checked tensor by tensor."""


@dataclass(frozen=True, slots=True)
class OperationCheck:
    """What becomes of one operation."""

    name: str
    version: int
    shape: tuple[int, ...]
    """Of its first output."""
    macs: int
    """Multiplications with accumulation for one window."""
    is_mapped: bool
    reason: str
    """Why it stays on the CPU; empty when it is mapped."""


@dataclass(frozen=True, slots=True)
class EdgeTpuReport:
    """What Coral's compiler would make of a model."""

    operations: tuple[OperationCheck, ...]

    @property
    def is_fully_mapped(self) -> bool:
        """Whether there are operations, and the CPU is left with none of them."""
        return bool(self.operations) and all(op.is_mapped for op in self.operations)

    @property
    def mapped(self) -> int:
        """Number of operations on the Edge TPU."""
        return sum(op.is_mapped for op in self.operations)

    @property
    def macs_share(self) -> float:
        """Share of the multiplications that the Edge TPU does, 0..1; of operations, where none multiply."""
        total = sum(op.macs for op in self.operations)
        if total == 0:
            return self.mapped / max(1, len(self.operations))
        return sum(op.macs for op in self.operations if op.is_mapped) / total

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why, once for each operation that is not mapped."""
        return tuple(
            f"{number} {op.name}: {op.reason}"
            for number, op in enumerate(self.operations)
            if not op.is_mapped
        )


def check_model(model: bytes) -> EdgeTpuReport:
    """Judge the content of a `.tflite` file.

    Raises:
        ModelFileError: it is none.
    """
    return check_network(read_network(model))


def check_network(network: Network) -> EdgeTpuReport:
    """Judge a graph.

    The compiler cuts it once only: from the first operation that it can map to the next that it cannot.
    Float models may start with a QUANTIZE, which it leaves to the CPU; the cut starts after it.
    """
    reasons = [_whole(network) or check_operation(op) for op in network.operations]
    start = 0
    while start < len(reasons) and network.operations[start].name == "QUANTIZE" and reasons[start]:
        start += 1
    stop = next((i for i in range(start, len(reasons)) if reasons[i]), len(reasons))
    after = (
        f"after {network.operations[stop].name}, with which the Edge TPU's part ends"
        if stop < len(reasons)
        else ""
    )
    return EdgeTpuReport(
        tuple(
            OperationCheck(
                name=op.name,
                version=op.version,
                shape=op.outputs[0].shape if op.outputs else (),
                macs=count_macs(op),
                is_mapped=start <= number < stop,
                reason=reasons[number] or (after if number > stop else ""),
            )
            for number, op in enumerate(network.operations)
        )
    )


def check_operation(operation: Operation) -> str:
    """Why the compiler would refuse an operation wherever it stood; empty when it would not."""
    if operation.is_custom:
        is_compiled = operation.name == _COMPILED
        return "compiled already; check the file it was made of" if is_compiled else "a custom operation"
    support = SUPPORTED.get(operation.name)
    if support is None:
        return "not in Coral's table of operations"
    if operation.version > support.max_version:
        return f"version {operation.version} is not known, at most {support.max_version}"
    reason = _check_tensors(operation, support)
    return reason or next((why for limit in LIMITS.get(operation.name, ()) if (why := limit(operation))), "")


def count_macs(operation: Operation) -> int:
    """Multiplications with accumulation: those of convolutions and dense layers, 0 for all else."""
    if operation.name not in {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"}:
        return 0
    if len(operation.inputs) < 2 or not operation.outputs:
        return 0
    weights, output = operation.inputs[1], operation.outputs[0]
    if weights is None or not weights.shape:
        return 0
    if operation.name == "DEPTHWISE_CONV_2D":  # (1, height, width, channels): each output sees one channel
        return output.size * math.prod(weights.shape[:-1])
    if operation.name == "TRANSPOSE_CONV":  # (out, height, width, in): each input number is spread out
        data = operation.inputs[2] if len(operation.inputs) > 2 else None
        return data.size * math.prod(weights.shape[:-1]) if data is not None else 0
    return output.size * math.prod(weights.shape[1:])  # (out, …)


def _whole(network: Network) -> str:
    """What is wrong with the file as a whole."""
    return "" if network.n_subgraphs == 1 else f"the file holds {network.n_subgraphs} graphs; must be one"


def _check_tensors(operation: Operation, support: Support) -> str:
    if not operation.outputs or len(operation.inputs) <= (support.weights or 0):
        return "its inputs and outputs are incomplete"
    for position, tensor in enumerate(operation.inputs):
        if tensor is not None and (reason := _check_input(tensor, position, support)):
            return f"input {position}: {reason}"
    return next((f"output: {reason}" for tensor in operation.outputs if (reason := _check_data(tensor))), "")


def _check_input(tensor: Tensor, position: int, support: Support) -> str:
    if position in support.parameters:
        is_right = tensor.dtype == "INT32" and tensor.is_constant
        return "" if is_right else f"must be a constant INT32, is {_describe(tensor)}"
    if position == support.weights:
        return _check_weights(tensor, support.channel_axis)
    return _check_data(tensor)


def _check_weights(tensor: Tensor, channel_axis: int) -> str:
    if tensor.dtype not in _QUANTISED or not tensor.is_constant:
        return f"weights must be constant INT8, are {_describe(tensor)}"
    if not _has_scales(tensor):
        return "weights are not quantised"
    if len(tensor.scales) > 1 and tensor.channel_axis != channel_axis:
        return f"weights have scales along axis {tensor.channel_axis}, must be {channel_axis}"
    return ""


def _check_data(tensor: Tensor) -> str:
    """What flows through the network: 8 bits, one scale, fixed sizes, three dimensions."""
    if tensor.dtype not in _QUANTISED:
        return f"must be INT8, is {_describe(tensor)}"
    if not _has_scales(tensor):
        return "not quantised"
    if len(tensor.scales) > 1:
        return "a scale for each channel is for weights only"
    if any(size < 1 for size in (*tensor.signature, *tensor.shape)):
        return f"sizes must be fixed, are {list(tensor.signature)}"
    if any(size > 1 for size in tensor.shape[:-_INNERMOST]):
        return f"only the last {_INNERMOST} sizes may be larger than 1, are {list(tensor.shape)}"
    return ""


def _has_scales(tensor: Tensor) -> bool:
    return bool(tensor.scales) and all(0 < scale < math.inf for scale in tensor.scales)


def _describe(tensor: Tensor) -> str:
    return f"{'constant' if tensor.is_constant else 'computed'} {tensor.dtype}"
