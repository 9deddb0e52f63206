"""A `.tflite` file that forecasts by a rule a reader can check: what is left of a fixed life.

It takes the inputs of `contract.forecast.assemble` by name, in batches of any size, and answers, for each
quantile, its share of `LIFE - age of the newest row`, never below 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from contract.forecast import LEVELS, InputSpec
from contract.rul_bundle import input_kinds
from tests.tflite_files import GraphBuilder, repack, unpacked

_TYPES = {np.float32: schema.TensorType.FLOAT32, np.int32: schema.TensorType.INT32}
SHARES = np.array([2.0 * level for level in LEVELS.values()], np.float32)


def rul_model(spec: InputSpec, life: float, slope: float = -1.0, is_fragile: bool = False) -> bytes:
    """Quantile q of a component that is `age` old: max(0, 2 q (life + slope age)); the mean is the median.

    A fragile one makes the runtime fail on every life with an event.
    """
    graph = GraphBuilder()
    kinds = input_kinds(spec)
    inputs = {name: _input(graph, _TYPES[kind], shape) for name, (kind, shape) in kinds.items()}  # type: ignore[index]
    newest = np.zeros((1, spec.n_rows), np.float32)
    newest[0, -1] = slope
    outputs = {
        "quantiles": _dense(graph, inputs["age"], SHARES[:, np.newaxis] * newest, SHARES * life),
        "mean": _dense(graph, inputs["age"], newest, np.array([life], np.float32)),
    }
    if is_fragile:
        table = graph.tensor(schema.TensorType.FLOAT32, (1,), data=np.zeros(1, np.float32))
        looked_up = graph.tensor(schema.TensorType.FLOAT32, (1, spec.n_events))
        graph.gather(table, inputs["event_code"], looked_up)
    return _with_signature(graph, inputs, outputs)


def _input(graph: GraphBuilder, kind: int, shape: tuple[int, ...]) -> int:
    number = graph.tensor(kind, (1, *shape))
    graph.tensors[number].shapeSignature = [-1, *shape]
    return number


def _dense(
    graph: GraphBuilder, source: int, weights: np.ndarray[Any, Any], bias: np.ndarray[Any, Any]
) -> int:
    weights, bias = weights.astype(np.float32), bias.astype(np.float32)
    kind = schema.TensorType.FLOAT32
    parts = [graph.tensor(kind, array.shape, data=array) for array in (weights, bias)]
    result = graph.tensor(kind, (1, len(bias)))
    graph.tensors[result].shapeSignature = [-1, len(bias)]
    graph.operate(schema.BuiltinOperator.FULLY_CONNECTED, [source, *parts], result)
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.RELU
    graph.operators[-1].builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    graph.operators[-1].builtinOptions = options
    return result


def _with_signature(graph: GraphBuilder, inputs: dict[str, int], outputs: dict[str, int]) -> bytes:
    model = unpacked(graph.build(0, 0))
    model.subgraphs[0].inputs, model.subgraphs[0].outputs = list(inputs.values()), list(outputs.values())
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = b"serving_default", 0
    signature.inputs = [_mapping(name, number) for name, number in inputs.items()]
    signature.outputs = [_mapping(name, number) for name, number in outputs.items()]
    model.signatureDefs = [signature]
    return repack(model)


def _mapping(name: str, number: int) -> Any:
    mapping = schema.TensorMapT()
    mapping.name, mapping.tensorIndex = name, number
    return mapping
