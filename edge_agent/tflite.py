"""Runs the int8 model; the only module that imports a TFLite runtime.

Rule: a model file is trusted only after its shape was checked and its golden outputs were reproduced on this
very device.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.errors import ModelError

try:
    from ai_edge_litert import interpreter as runtime
except ImportError:  # armv7 has only the older name
    from tflite_runtime import interpreter as runtime

Int8 = npt.NDArray[np.int8]
Float32 = npt.NDArray[np.float32]
INT8_MIN, INT8_MAX = -128, 127


class ModelRunner:
    """One autoencoder: int8 (1, 1, T, F) in, the same shape out, quantisation parameters from the file.

    Args:
        model: The content of a `.tflite` file.

    Raises:
        ModelError: no model, or one of another shape or type.
    """

    def __init__(self, model: bytes) -> None:
        if not model:
            raise ModelError("the model is empty; build the bundle anew")
        try:
            # Without the default delegate: as fast for a model this small, less memory, and silent on stderr.
            self._interpreter = runtime.Interpreter(
                model_content=model,
                num_threads=1,
                experimental_op_resolver_type=runtime.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            self._interpreter.allocate_tensors()
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except (ValueError, RuntimeError, TypeError) as error:
            raise ModelError(f"the model cannot be loaded: {' '.join(str(error).split())[:200]}") from error
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(
                f"the model has {len(inputs)} inputs and {len(outputs)} outputs; needs one of each"
            )
        self._input, self._input_scale, self._input_zero = _describe(inputs[0], "input")
        self._output, self._output_scale, self._output_zero = _describe(outputs[0], "output")
        self._shape = tuple(int(n) for n in inputs[0]["shape"])
        if self._shape != tuple(int(n) for n in outputs[0]["shape"]) or self._shape[:2] != (1, 1):
            raise ModelError(
                f"the model maps {inputs[0]['shape']} to {outputs[0]['shape']}; needs (1, 1, T, F) both ways"
            )
        self._scratch = np.empty(self._shape, np.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """(T, F): windows in the context, features in a window."""
        return self._shape[2], self._shape[3]

    def reconstruct(self, standardised: Float32) -> Float32:
        """What a healthy machine would have shown.

        Args:
            standardised: float32 (T, F), features in the machine's own standard deviations.

        Returns:
            float32 (T, F), newly allocated.

        Raises:
            ModelError: wrong shape, or the runtime failed.
        """
        if standardised.shape != self.shape:
            raise ModelError(f"the model takes {self.shape}, not {standardised.shape}")
        np.divide(standardised, self._input_scale, out=self._scratch[0, 0])
        np.rint(self._scratch, out=self._scratch)
        self._scratch += self._input_zero
        np.clip(self._scratch, INT8_MIN, INT8_MAX, out=self._scratch)
        output: Float32 = self.invoke_quantised(self._scratch.astype(np.int8))[0, 0].astype(np.float32)
        output -= self._output_zero
        output *= self._output_scale
        return output

    def self_test(self, golden_input: Int8, golden_output: Int8, tolerance_steps: int = 1) -> None:
        """Check that this device computes what the training machine computed.

        Args:
            golden_input: int8 (n, 1, T, F).
            golden_output: int8 (n, 1, T, F), what the model gave where it was made.
            tolerance_steps: Largest difference allowed, in quantisation steps.

        Raises:
            ModelError: it does not, or the golden arrays do not fit the model.
        """
        if golden_input.shape != golden_output.shape or golden_input.shape[1:] != self._shape[1:]:
            raise ModelError(
                f"golden arrays {golden_input.shape}, {golden_output.shape} do not fit {self._shape}"
            )
        for number, (given, expected) in enumerate(zip(golden_input, golden_output, strict=True)):
            got = self.invoke_quantised(given[np.newaxis].astype(np.int8, copy=False))[0]
            worst = int(np.max(np.abs(got.astype(np.int16) - expected.astype(np.int16)), initial=0))
            if worst > tolerance_steps:
                raise ModelError(f"self-test {number} is off by {worst} steps (allowed {tolerance_steps})")

    def invoke_quantised(self, quantised: Int8) -> Int8:
        """Run the model on what it really takes: int8 (1, 1, T, F) in and out.

        Raises:
            ModelError: the runtime failed.
        """
        try:
            self._interpreter.set_tensor(self._input, quantised)
            self._interpreter.invoke()
            output: Int8 = self._interpreter.get_tensor(self._output)
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"the model failed: {' '.join(str(error).split())[:200]}") from error
        return output


def _describe(tensor: dict[str, Any], name: str) -> tuple[int, np.float32, np.float32]:
    """Index, scale and zero point of an int8 tensor (1, 1, T, F) with one scale for all."""
    if tensor["dtype"] is not np.int8 or len(tensor["shape"]) != 4:
        raise ModelError(
            f"the model's {name} is {tensor['dtype'].__name__} {tensor['shape']}; needs int8 (1, 1, T, F)"
        )
    scale, zero = tensor["quantization"]
    if not scale > 0:
        raise ModelError(
            f"the model's {name} has no quantisation scale; convert it with full int8 quantisation"
        )
    return int(tensor["index"]), np.float32(scale), np.float32(zero)
