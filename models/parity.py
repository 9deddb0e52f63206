"""Runs an exported model in the device's own runtime, so that what is promised is what a device computes.

Rule: the only file of this package that knows the device runtime.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, OpResolverType

Int8 = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Quantisation:
    """How int8 stands for real numbers: real = scale x (int8 - zero_point)."""

    scale: float
    zero_point: int

    def quantise(self, values: npt.NDArray[Any]) -> Int8:
        """Real numbers to int8, rounded half to even and saturating."""
        raw: npt.NDArray[np.float32] = (
            np.rint(np.asarray(values, np.float32) / np.float32(self.scale)) + self.zero_point
        )
        return np.clip(raw, -128, 127).astype(np.int8)

    def dequantise(self, values: Int8) -> npt.NDArray[np.float32]:
        """int8 to real numbers."""
        real: npt.NDArray[np.float32] = (values.astype(np.float32) - self.zero_point) * np.float32(self.scale)
        return real


class DeviceModel:
    """An int8 model file in the device's runtime, one context at a time."""

    def __init__(self, model: bytes) -> None:
        # Without the default delegate, as the agent runs it: golden outputs must be those of its kernels.
        self._runtime = Interpreter(
            model_content=model,
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        self._runtime.allocate_tensors()
        (self._input,) = self._runtime.get_input_details()
        (self._output,) = self._runtime.get_output_details()
        self.input = Quantisation(*self._input["quantization"])
        self.output = Quantisation(*self._output["quantization"])
        self.shape: tuple[int, ...] = tuple(int(n) for n in self._input["shape"])
        self.dtypes = (self._input["dtype"], self._output["dtype"])

    def run(self, batch: Int8) -> Int8:
        """int8 (n, 1, T, F) in, the same shape out."""
        out = np.empty_like(batch)
        for row, context in enumerate(batch):
            self._runtime.set_tensor(self._input["index"], context[np.newaxis])
            self._runtime.invoke()
            out[row] = self._runtime.get_tensor(self._output["index"])[0]
        return out

    def reconstruct(self, contexts: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Standardised features float32 (n, T, F) in, reconstructed out, both through int8."""
        quantised = self.input.quantise(contexts[:, np.newaxis])
        return self.output.dequantise(self.run(quantised))[:, 0]

    def operations(self) -> list[str]:
        """Names of the operations in the file, without the runtime's own delegates."""
        details = self._runtime._get_ops_details()
        return sorted({d["op_name"] for d in details if d["op_name"] != "DELEGATE"})
