"""Small `.tflite` files put together by hand, for what no converter would make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
from ai_edge_litert import schema_py_generated as schema

Shape = tuple[int, ...]


@dataclass
class GraphBuilder:
    """Collects tensors and operations of one graph."""

    tensors: list[Any] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])
    codes: list[Any] = field(default_factory=list)
    operators: list[Any] = field(default_factory=list)

    def tensor(
        self, kind: int, shape: Shape, scale: float = 0.0, data: np.ndarray[Any, Any] | None = None
    ) -> int:
        """Add a tensor, constant when it has data; returns its number."""
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.shape = f"t{len(self.tensors)}", kind, list(shape)
        tensor.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self.buffers.append(buffer)
            tensor.buffer = len(self.buffers) - 1
        if scale:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [0]
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def operate(self, builtin: int, inputs: list[int], output: int, version: int = 1) -> None:
        """Add an operation with default options."""
        code = schema.OperatorCodeT()
        code.deprecatedBuiltinCode, code.builtinCode = min(builtin, 127), builtin
        code.version = version
        self.codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = len(self.codes) - 1, inputs, [output]
        self.operators.append(operator)

    def gather(self, table: int, indices: int, output: int) -> None:
        """Add a look-up along the first axis."""
        self.operate(schema.BuiltinOperator.GATHER, [table, indices], output, version=2)
        self.operators[-1].builtinOptionsType = schema.BuiltinOptions.GatherOptions
        self.operators[-1].builtinOptions = schema.GatherOptionsT()

    def build(self, source: int, result: int) -> bytes:
        """The file's content."""
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = [source], [result]
        model = schema.ModelT()
        model.version, model.operatorCodes, model.subgraphs, model.buffers = (
            3,
            self.codes,
            [graph],
            self.buffers,
        )
        return repack(model)


def repack(model: Any) -> bytes:
    """The content of a file with this `ModelT`."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def unpacked(content: bytes) -> Any:
    """A file as a `ModelT`, to be changed and packed again."""
    return schema.ModelT.InitFromPackedBuf(content, 0)


def identity_model(shape: Shape, scale: float = 0.5) -> bytes:
    """int8 in, the same int8 out."""
    graph = GraphBuilder()
    source = graph.tensor(schema.TensorType.INT8, shape, scale)
    sizes = graph.tensor(schema.TensorType.INT32, (len(shape),), data=np.array(shape, np.int32))
    result = graph.tensor(schema.TensorType.INT8, shape, scale)
    graph.operate(schema.BuiltinOperator.RESHAPE, [source, sizes], result)
    return graph.build(source, result)


def fragile_identity_model(shape: Shape, scale: float = 0.5, size: int = 100) -> bytes:
    """int8 in, the same int8 out from 0 to below `size`; the runtime fails on any other number."""
    graph = GraphBuilder()
    source = graph.tensor(schema.TensorType.INT8, shape, scale)
    indices = graph.tensor(schema.TensorType.INT32, shape)
    graph.operate(schema.BuiltinOperator.CAST, [source], indices)
    table = graph.tensor(schema.TensorType.INT8, (size,), scale, np.arange(size, dtype=np.int8))
    result = graph.tensor(schema.TensorType.INT8, shape, scale)
    graph.gather(table, indices, result)
    return graph.build(source, result)
