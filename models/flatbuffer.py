"""Reads what a `.tflite` file holds: its operations in order, and the tensors between them.

Rule: reads and never judges; a file that is not one whole TFLite FlatBuffer is refused in one line. The
schema's classes are those that come with `ai-edge-litert`, because TensorFlow's own load all of TensorFlow.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
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


def read_network(model: bytes) -> Network:
    """Read the graph of a `.tflite` file.

    Raises:
        ModelFileError: it is none, or damaged.
    """
    if model[4:8] != _MARK:
        raise ModelFileError("no TFLite model: its mark TFL3 is missing")
    try:
        return _network(schema.ModelT.InitFromPackedBuf(model, 0))
    except _DAMAGE as error:
        raise ModelFileError(f"the TFLite model is damaged: {' '.join(str(error).split())[:120]}") from error


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
    # Codes above 127 do not fit into the older field; the newer one is 0 in files of older converters.
    name = _BUILTINS[max(code.deprecatedBuiltinCode, code.builtinCode)]
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
