"""Runs an exported model in the runtimes of devices, so that what is promised is what a device computes.

Rule: the only file of this package that knows a device runtime. All that are installed run in this one
process: `ai-edge-litert` 2.3 and `tflite-runtime` 2.14 were loaded in either order, before and after
TensorFlow, and gave the same answers as alone (Linux, x86-64).

Kernels round a requantisation in one of three ways (docs/arm.md): `ai-edge-litert` with its default delegate
as on any 64-bit board, with reference kernels as on armv7, and `tflite-runtime` as on x86-64. All three are
compared, so that this machine can speak for a board it is not.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from models.errors import ModelFileError

Int8 = npt.NDArray[np.int8]
Float32 = npt.NDArray[np.float32]

MAX_GOLDEN_STEPS = 1
"""Largest difference of a golden output, in int8 steps: runtimes may round a requantisation either way."""

_MODULES = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}
"""Distribution and module of each runtime, the one that a device prefers first."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A TFLite runtime that is installed here."""

    name: str
    """Of the distribution: ai-edge-litert."""
    version: str
    module: Any = field(repr=False, compare=False)
    """Its interpreter module."""
    kernels: Literal["default", "reference"] = "default"


@dataclass(frozen=True, slots=True)
class RuntimeParity:
    """How far one runtime is from the outputs that a bundle promises."""

    runtime: str
    version: str
    max_steps: int
    """Largest difference, in int8 steps."""
    differing_share: float
    """Share of the numbers that differ at all, 0..1."""


@dataclass(frozen=True, slots=True)
class FloatParity:
    """How far the int8 model is from the float network, in a machine's own standard deviations."""

    mean_spreads: float
    max_spreads: float


@dataclass(frozen=True, slots=True)
class Quantisation:
    """How int8 stands for real numbers: real = scale x (int8 - zero_point)."""

    scale: float
    zero_point: int

    def quantise(self, values: npt.NDArray[Any]) -> Int8:
        """Real numbers to int8, rounded half to even and saturating."""
        raw: Float32 = np.rint(np.asarray(values, np.float32) / np.float32(self.scale)) + self.zero_point
        return np.clip(raw, -128, 127).astype(np.int8)

    def dequantise(self, values: Int8) -> Float32:
        """int8 to real numbers."""
        real: Float32 = (values.astype(np.float32) - self.zero_point) * np.float32(self.scale)
        return real


class DeviceModel:
    """A model file in a device's runtime, one context at a time; int8, or float32 to compare with.

    Args:
        model: The content of a `.tflite` file.
        runtime: Which; None: the one that a device prefers.

    Raises:
        ModelFileError: the runtime refuses the file, or it has more than one input and one output.
    """

    def __init__(self, model: bytes, runtime: Runtime | None = None) -> None:
        runtime = runtime or runtimes()[0]
        module = runtime.module
        is_reference = runtime.kernels == "reference"
        resolver = module.OpResolverType.BUILTIN_REF if is_reference else module.OpResolverType.AUTO
        try:
            self._runtime = module.Interpreter(
                model_content=model, num_threads=1, experimental_op_resolver_type=resolver
            )
            self._runtime.allocate_tensors()
            (self._input,) = self._runtime.get_input_details()
            (self._output,) = self._runtime.get_output_details()
        except (ValueError, RuntimeError, TypeError) as error:
            raise ModelFileError(f"the model cannot be run: {_in_one_line(error)}") from error
        self.input = Quantisation(*self._input["quantization"])
        self.output = Quantisation(*self._output["quantization"])
        self.shape: tuple[int, ...] = tuple(int(n) for n in self._input["shape"])
        self.dtypes = (self._input["dtype"], self._output["dtype"])

    def run(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(n, 1, T, F) of the file's own type in, the same out."""
        out = np.empty_like(batch)
        for row, context in enumerate(batch):
            self._runtime.set_tensor(self._input["index"], context[np.newaxis])
            self._runtime.invoke()
            out[row] = self._runtime.get_tensor(self._output["index"])[0]
        return out

    def reconstruct(self, contexts: Float32) -> Float32:
        """Standardised features float32 (n, T, F) in, reconstructed out, both through int8 if the file is."""
        if self.dtypes[0] is np.float32:
            return self.run(contexts[:, np.newaxis])[:, 0]
        quantised = self.input.quantise(contexts[:, np.newaxis])
        return self.output.dequantise(self.run(quantised))[:, 0]

    def operations(self) -> list[str]:
        """Names of the operations in the file, without the runtime's own delegates."""
        details = self._runtime._get_ops_details()
        return sorted({d["op_name"] for d in details if d["op_name"] != "DELEGATE"})


@functools.cache
def runtimes() -> tuple[Runtime, ...]:
    """The runtimes that are installed, the one that a device prefers first, its reference kernels last.

    Raises:
        ModelFileError: there is none.
    """
    found = []
    for name, module in _MODULES.items():
        try:
            found.append(Runtime(name, importlib.metadata.version(name), importlib.import_module(module)))
        except (ImportError, importlib.metadata.PackageNotFoundError):
            continue
    if not found:
        raise ModelFileError("no TFLite runtime is installed; install the extra 'edge'")
    return (*found, replace(found[0], kernels="reference"))


def agreeing(model: bytes, inputs: Int8) -> npt.NDArray[np.bool_]:
    """Which inputs all runtimes here answer alike, to one step; only those can tell that a device is broken.

    Args:
        model: The content of an int8 `.tflite` file.
        inputs: int8 (n, 1, T, F).

    Returns:
        bool (n,).
    """
    answers = np.array([DeviceModel(model, runtime).run(inputs) for runtime in runtimes()], np.int16)
    apart = np.abs(answers - answers[0]).max(axis=(0, 2, 3, 4))
    return np.asarray(apart <= MAX_GOLDEN_STEPS)


def parity(model: bytes, golden_input: Int8, golden_output: Int8) -> tuple[RuntimeParity, ...]:
    """Compare golden outputs with what every installed runtime computes.

    Args:
        model: The content of an int8 `.tflite` file.
        golden_input: int8 (n, 1, T, F).
        golden_output: int8 (n, 1, T, F), what must come out.

    Raises:
        ModelFileError: a runtime refuses the file, or the arrays do not fit it.
    """
    return tuple(_compare(runtime, model, golden_input, golden_output) for runtime in runtimes())


def float_parity(
    device: DeviceModel, reconstruct: Callable[[Float32], Float32], contexts: Float32
) -> FloatParity:
    """Compare the int8 model with the float network that it was made of.

    Args:
        device: The int8 model.
        reconstruct: The float network: standardised float32 (n, T, F) in, the same shape out.
        contexts: float32 (n, T, F), n at least 1.
    """
    difference = np.abs(device.reconstruct(contexts) - reconstruct(contexts))
    return FloatParity(float(difference.mean()), float(difference.max()))


def _compare(runtime: Runtime, model: bytes, golden_input: Int8, golden_output: Int8) -> RuntimeParity:
    device = DeviceModel(model, runtime)
    if device.dtypes != (np.int8, np.int8):
        raise ModelFileError("the model is not int8 in and out; quantise it fully")
    if golden_input.shape != golden_output.shape or golden_input.shape[1:] != device.shape[1:]:
        raise ModelFileError(
            f"golden arrays {golden_input.shape}, {golden_output.shape} do not fit the model's {device.shape}"
        )
    try:
        steps = np.abs(device.run(golden_input).astype(np.int16) - golden_output)
    except (ValueError, RuntimeError) as error:
        raise ModelFileError(f"{runtime.name} fails on the model: {_in_one_line(error)}") from error
    name = runtime.name if runtime.kernels == "default" else f"{runtime.name}, reference kernels"
    return RuntimeParity(name, runtime.version, int(steps.max()), float(np.mean(steps > 0)))


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
