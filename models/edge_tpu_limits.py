"""What Coral's table adds for single operations in its column "known limitations".

Rule: pure; each limit looks at one operation and answers with the reason why it would not be mapped, or with
nothing. What cannot be decided from the file is a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from models.flatbuffer import ACTIVATIONS, Operation, Tensor

Limit = Callable[[Operation], str]

MAX_SOFTMAX_SIZE = 16_000
"""Elements; Coral's table."""
_FUSABLE = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
"""Activation functions that the table knows as operations of their own."""
_Z_MULTIPLE = 4


def _input(operation: Operation, position: int) -> Tensor | None:
    return operation.inputs[position] if position < len(operation.inputs) else None


def _axes(operation: Operation, position: int = 1) -> tuple[int, ...] | None:
    """Axes given as an input, counted from the first; None: unknown."""
    data, axes = _input(operation, 0 if position else 1), _input(operation, position)
    if data is None or axes is None or not axes.values:
        return None
    return tuple(axis % len(data.shape) for axis in axes.values) if data.shape else None


def _fused(operation: Operation) -> str:
    return ACTIVATIONS.get(operation.options.get("fusedActivationFunction", 0), "?")


def _known_activation(operation: Operation) -> str:
    return "" if _fused(operation) in _FUSABLE else f"fused activation {_fused(operation)}"


def _no_activation(operation: Operation) -> str:
    return "" if _fused(operation) == "NONE" else f"no fused activation allowed, has {_fused(operation)}"


def _same_dilation(operation: Operation) -> str:
    across, down = (operation.options.get(f"dilation{axis}Factor", 1) for axis in "WH")
    return "" if across == down else f"dilation must be the same in x and y, is {across} and {down}"


def _constants_are_padding(operation: Operation) -> str:
    constants = [tensor for tensor in operation.inputs if tensor is not None and tensor.is_constant]
    is_padding = len(operation.inputs) == 2 and all(tensor.is_zero for tensor in constants)
    return "" if not constants or is_padding else "a constant input must be zeros, one of two inputs"


def _default_weights(operation: Operation) -> str:
    return "weights are not in the default format" if operation.options.get("weightsFormat", 0) else ""


def _flat_output(operation: Operation) -> str:
    shape = operation.outputs[0].shape
    return "" if sum(size > 1 for size in shape) <= 1 else f"output must be one row, is {list(shape)}"


def _not_over_batch(operation: Operation) -> str:
    axes = _axes(operation)
    if axes is None:
        return "the axes are not constant"
    data = operation.inputs[0]
    is_4d = data is not None and len(data.shape) == 4  # otherwise there is no batch
    return "must not reduce over the batch" if is_4d and 0 in axes else ""


def _mean_over_depth(operation: Operation) -> str:
    axes, data = _axes(operation), operation.inputs[0]
    if axes is None or data is None or len(data.shape) - 1 not in axes:
        return ""
    depth = data.shape[-1]
    return f"mean over {depth} channels; must be a multiple of {_Z_MULTIPLE}" if depth % _Z_MULTIPLE else ""


def _no_batch_padding(operation: Operation) -> str:
    paddings = _input(operation, 1)
    if paddings is None or not paddings.values:
        return "the paddings are not constant"
    return "must not pad the batch" if any(paddings.values[:2]) else ""


def _no_batch_packing(operation: Operation) -> str:
    axis = operation.options.get("axis", 0)
    return "must not pack along the batch" if axis in {0, -len(operation.outputs[0].shape)} else ""


def _no_batch_split(operation: Operation) -> str:
    axes = _axes(operation, 0)
    if axes is None:
        return "the axis is not constant"
    return "must not split the batch" if 0 in axes else ""


def _flat_alpha(operation: Operation) -> str:
    alpha = _input(operation, 1)
    if alpha is None or any(size > 1 for size in alpha.shape[:-1]):
        return "alpha must have one number for each channel"
    return ""


def _short_row(operation: Operation) -> str:
    data = operation.inputs[0]
    if data is None or sum(size > 1 for size in data.shape) > 1:
        return "input must be one row"
    return "" if data.size <= MAX_SOFTMAX_SIZE else f"more than {MAX_SOFTMAX_SIZE} elements"


def _plain_slice(operation: Operation) -> str:
    strides = _input(operation, 3)
    if strides is None or set(strides.values) != {1}:
        return "strides must all be 1"
    masks = [operation.options.get(f"{name}Mask", 0) for name in ("ellipsis", "newAxis")]
    return "no ellipsis and no new axis allowed" if any(masks) else ""


LIMITS: Mapping[str, tuple[Limit, ...]] = {
    "ADD": (_known_activation,),
    "AVERAGE_POOL_2D": (_no_activation,),
    "CONCATENATION": (_no_activation, _constants_are_padding),
    "CONV_2D": (_same_dilation, _known_activation),
    "DEPTHWISE_CONV_2D": (_same_dilation, _known_activation),
    "FULLY_CONNECTED": (_default_weights, _flat_output, _known_activation),
    "MAX_POOL_2D": (_no_activation,),
    "MEAN": (_not_over_batch, _mean_over_depth),
    "MUL": (_known_activation,),
    "PACK": (_no_batch_packing,),
    "PAD": (_no_batch_padding,),
    "PRELU": (_flat_alpha,),
    "REDUCE_MAX": (_not_over_batch,),
    "REDUCE_MIN": (_not_over_batch,),
    "SOFTMAX": (_short_row,),
    "SPLIT": (_no_batch_split,),
    "STRIDED_SLICE": (_plain_slice,),
    "SUB": (_known_activation,),
    "SUM": (_not_over_batch,),
}
