"""Reads what a `.tflite` file holds: its operations in order, and the tensors between them.

Rule: reads and never judges; a file that is not one whole TFLite FlatBuffer is refused in one line. The
schema's classes are those that come with `ai-edge-litert`, because TensorFlow's own load all of TensorFlow.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from models.errors import ModelFileError

_MARK = b"TFL3"
_DAMAGE = (struct.error, TypeError, ValueError, LookupError, AttributeError, OverflowError)
"""What the schema's classes raise when offsets lead nowhere."""
_LARGEST_PARAMETER = 64
"""Most numbers of a constant that are read as parameters: axes, paddings, strides; weights are not."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor as the file describes it."""

    name: str
    dtype: str
    """As the schema spells it: INT8, INT32, FLOAT32 …"""
    shape: tuple[int, ...]
    """Empty for a scalar, and also where the file gives none."""
    signature: tuple[int, ...]
    """The shape with -1 where a size is left open."""
    scales: tuple[float, ...] = ()
    """One for all, or one for each channel; empty: not quantised."""
    zero_points: tuple[int, ...] = ()
    channel_axis: int = 0
    """Axis that the scales run along when there are several."""
    is_constant: bool = False
    values: tuple[int, ...] = field(default=(), repr=False)
    """Of a small int32 constant, flat; empty for all else."""
    is_zero: bool = False
    """A constant that stands for zeros only."""

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the graph."""

    name: str
    """As the schema spells it: CONV_2D; a custom one by its own name."""
    version: int
    inputs: tuple[Tensor | None, ...]
    """None where an optional input is left out."""
    outputs: tuple[Tensor, ...]
    options: Mapping[str, int] = field(default_factory=dict)
    """Numbers of its option table, named as in the schema's Python classes: `strideW`, `dilationHFactor`."""
    is_custom: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    """A model file's graph."""

    operations: tuple[Operation, ...]
    """In the order in which they run; of the first subgraph."""
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    n_subgraphs: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """An int8 convolution with what it learned."""

    kernel: npt.NDArray[np.int8] = field(repr=False)
    """(channels out, height, width, channels in)."""
    bias: npt.NDArray[np.int32] = field(repr=False)
    """(channels out,)."""
    kernel_scales: npt.NDArray[np.float32] = field(repr=False)
    """(channels out,); zero points are 0."""
    bias_scales: npt.NDArray[np.float32] = field(repr=False)
    """(channels out,); zero points are 0."""
    scale: float
    """Of its output."""
    zero_point: int
    """Of its output."""


def read_network(model: bytes) -> Network:
    """Read the graph of a `.tflite` file.

    Raises:
        ModelFileError: it is none, or damaged.
    """
    with _reading(model) as root:
        return _network(root)


def read_convolutions(model: bytes) -> tuple[Convolution, ...]:
    """Read the weights of an int8 `.tflite` file, in the order in which they are used.

    Raises:
        ModelFileError: it is none, or damaged, or a convolution is not int8 with a bias.
    """
    with _reading(model) as root:
        graph = root.subgraphs[0]
        return tuple(
            _convolution(operator, graph.tensors, root.buffers)
            for operator in _each(graph.operators)
            if _operation_name(root.operatorCodes[operator.opcodeIndex]) == "CONV_2D"
        )


@contextmanager
def _reading(model: bytes) -> Iterator[Any]:
    if model[4:8] != _MARK:
        raise ModelFileError("no TFLite model: its mark TFL3 is missing")
    try:
        yield schema.ModelT.InitFromPackedBuf(model, 0)
    except _DAMAGE as error:
        raise ModelFileError(f"the TFLite model is damaged: {' '.join(str(error).split())[:120]}") from error


def _convolution(operator: Any, tensors: list[Any], buffers: list[Any]) -> Convolution:
    _, kernel, bias = (tensors[index] for index in operator.inputs)
    output = tensors[operator.outputs[0]].quantization
    if (_DTYPES[kernel.type], _DTYPES[bias.type]) != ("INT8", "INT32"):
        raise ModelFileError("the TFLite model has a convolution that is not int8")
    raw_kernel, raw_bias = (np.asarray(buffers[each.buffer].data, np.uint8) for each in (kernel, bias))
    return Convolution(
        raw_kernel.view(np.int8).reshape(_ints(kernel.shape)),
        raw_bias.view("<i4").astype(np.int32),
        np.asarray(kernel.quantization.scale, np.float32),
        np.asarray(bias.quantization.scale, np.float32),
        float(output.scale[0]),
        int(output.zeroPoint[0]),
    )


def _network(root: Any) -> Network:
    graph = root.subgraphs[0]
    tensors = [_tensor(tensor, root.buffers) for tensor in graph.tensors]
    operations = tuple(_operation(op, root.operatorCodes, tensors) for op in _each(graph.operators))
    inputs, outputs = (tuple(_pick(tensors, i) for i in _each(ids)) for ids in (graph.inputs, graph.outputs))
    return Network(operations, inputs, outputs, len(root.subgraphs))


def _tensor(tensor: Any, buffers: list[Any]) -> Tensor:
    shape = _ints(tensor.shape)
    data = buffers[tensor.buffer].data
    is_constant = data is not None and len(data) > 0
    raw = np.asarray(data, np.uint8) if is_constant else np.empty(0, np.uint8)
    quantisation, dtype = tensor.quantization, _DTYPES[tensor.type]
    is_parameter = dtype == "INT32" and 0 < len(raw) <= 4 * _LARGEST_PARAMETER
    zero_points = _ints(quantisation.zeroPoint) if quantisation else ()
    return Tensor(
        name=(tensor.name or b"").decode("utf-8", "replace"),
        dtype=dtype,
        shape=shape,
        signature=_ints(tensor.shapeSignature) or shape,
        scales=tuple(float(s) for s in _each(quantisation.scale)) if quantisation else (),
        zero_points=zero_points,
        channel_axis=int(quantisation.quantizedDimension) if quantisation else 0,
        is_constant=is_constant,
        values=tuple(raw.view("<i4").tolist()) if is_parameter else (),
        is_zero=is_constant and bool(np.all(raw == (zero_points or (0,))[0] % 256)),
    )


def _operation(operator: Any, codes: list[Any], tensors: list[Tensor]) -> Operation:
    code = codes[operator.opcodeIndex]
    name = _operation_name(code)
    is_custom = name == "CUSTOM"
    options = vars(operator.builtinOptions) if operator.builtinOptions else {}
    return Operation(
        name=(code.customCode or b"?").decode("utf-8", "replace") if is_custom else name,
        version=int(code.version),
        inputs=tuple(None if i == -1 else _pick(tensors, i) for i in _each(operator.inputs)),
        outputs=tuple(_pick(tensors, i) for i in _each(operator.outputs)),
        options={key: int(value) for key, value in options.items() if isinstance(value, int)},
        is_custom=is_custom,
    )


def _operation_name(code: Any) -> str:
    """Codes above 127 do not fit into the older field; the newer one is 0 in files of older converters."""
    return _BUILTINS[max(code.deprecatedBuiltinCode, code.builtinCode)]


def _pick(tensors: list[Tensor], index: int) -> Tensor:
    if index < 0:  # would be counted from the end
        raise IndexError(f"tensor {index}")
    return tensors[index]


def _each(vector: Any) -> Iterable[Any]:
    return () if vector is None else vector


def _ints(vector: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in _each(vector))


def _names(enum: type) -> dict[int, str]:
    return {number: name for name, number in vars(enum).items() if isinstance(number, int)}


_DTYPES, _BUILTINS = _names(schema.TensorType), _names(schema.BuiltinOperator)
ACTIVATIONS: Mapping[int, str] = _names(schema.ActivationFunctionType)
"""Names of the fused activation functions: NONE, RELU, RELU6 …"""
