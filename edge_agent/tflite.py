"""Runs the int8 model; the only module that imports a TFLite runtime.

Rule: a model file is trusted only after its shape was checked and its golden outputs were reproduced on this
very device. The Edge TPU only ever makes it faster: whatever is wrong with it, the CPU computes the same
window, and `ModelRunner.accelerator` says why.
"""

from __future__ import annotations

import ctypes
import logging
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from numpy import add, divide, maximum, minimum, rint

from edge_agent.errors import ModelError
from edge_agent.native_stderr import without_native_chatter
from edge_agent.settings import AcceleratorChoice

try:
    from ai_edge_litert import interpreter as runtime
except ImportError:  # armv7 has only the older name
    from tflite_runtime import interpreter as runtime

_LOG = logging.getLogger(__name__)

Int8 = npt.NDArray[np.int8]
Float32 = npt.NDArray[np.float32]
INT8_MIN, INT8_MAX = -128, 127
EDGE_TPU_LIBRARY = "libedgetpu.so.1"
"""What Coral's runtime installs; the loader finds it by name."""
_DELEGATE_FUNCTIONS = ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate")


@dataclass(frozen=True, slots=True)
class Accelerator:
    """What computes the model on this device."""

    kind: Literal["cpu", "edge_tpu"]
    reason: str
    """Why this one, in one line for people."""


class ModelRunner:
    """One autoencoder: int8 (1, 1, T, F) in, the same shape out, quantisation parameters from the file.

    The CPU's interpreter is always there. When there is a compiled model and an Edge TPU answers, it is used
    until its self-test or a window fails; that window is computed again on the CPU, and so are all after it
    until the agent starts anew.

    Args:
        model: The content of a `.tflite` file.
        edge_tpu_model: What Coral's compiler made of the same file; None: nobody compiled it.
        accelerator: As in the agent's settings.
        library: The delegate that reaches the Edge TPU.

    Raises:
        ModelError: no model, or one of another shape or type.
    """

    def __init__(
        self,
        model: bytes,
        edge_tpu_model: bytes | None = None,
        accelerator: AcceleratorChoice = "auto",
        library: str = EDGE_TPU_LIBRARY,
    ) -> None:
        self._cpu = _Engine(model)
        self._codec = _Codec(self._cpu)
        self._window_shape = (self._cpu.shape[2], self._cpu.shape[3])
        self._edge_tpu: _Engine | None = None
        if accelerator == "cpu":
            self._accelerator = Accelerator("cpu", "the settings say so")
        elif edge_tpu_model is None:
            self._accelerator = Accelerator("cpu", "the bundle holds no model compiled for an Edge TPU")
        else:
            self._accelerator = self._open_edge_tpu(edge_tpu_model, library)
            _LOG.info("accelerator chosen", extra=asdict(self._accelerator))

    @property
    def shape(self) -> tuple[int, int]:
        """(T, F): windows in the context, features in a window."""
        return self._window_shape

    @property
    def accelerator(self) -> Accelerator:
        """What computes the next window, and why."""
        return self._accelerator

    def reconstruct(self, standardised: Float32) -> Float32:
        """What a healthy machine would have shown.

        Args:
            standardised: float32 (T, F), features in the machine's own standard deviations.

        Returns:
            float32 (T, F), newly allocated.

        Raises:
            ModelError: wrong shape, or the runtime failed.
        """
        if standardised.shape != self._window_shape:
            raise ModelError(f"the model takes {self.shape}, not {standardised.shape}")
        return self._codec.dequantise(self.invoke_quantised(self._codec.quantise(standardised)))

    def self_test(self, golden_input: Int8, golden_output: Int8, tolerance_steps: int = 1) -> None:
        """Check that this device computes what the training machine computed.

        An Edge TPU that does not is given up; a CPU that does not is an error.

        Args:
            golden_input: int8 (n, 1, T, F).
            golden_output: int8 (n, 1, T, F), what the model gave where it was made.
            tolerance_steps: Largest difference allowed, in quantisation steps.

        Raises:
            ModelError: the CPU does not, or the golden arrays do not fit the model.
        """
        shape = self._cpu.shape
        if golden_input.shape != golden_output.shape or golden_input.shape[1:] != shape[1:]:
            raise ModelError(f"golden arrays {golden_input.shape}, {golden_output.shape} do not fit {shape}")
        self._cpu.self_test(golden_input, golden_output, tolerance_steps)
        if self._edge_tpu is None:
            return
        try:
            self._edge_tpu.self_test(golden_input, golden_output, tolerance_steps)
        except ModelError as error:
            self._give_up_edge_tpu(error)

    def invoke_quantised(self, quantised: Int8) -> Int8:
        """Run the model on what it really takes: int8 (1, 1, T, F) in and out.

        Raises:
            ModelError: the runtime failed.
        """
        if self._edge_tpu is not None:
            try:
                return self._edge_tpu.invoke(quantised)
            except ModelError as error:
                self._give_up_edge_tpu(error)
        return self._cpu.invoke(quantised)

    def _open_edge_tpu(self, model: bytes, library: str) -> Accelerator:
        try:
            engine = _Engine(model, _open_delegate(library))
            if engine.signature != self._cpu.signature:
                raise ModelError("the compiled model takes or gives other numbers than the model")
        except ModelError as error:
            return Accelerator("cpu", str(error))
        self._edge_tpu = engine
        return Accelerator("edge_tpu", f"an Edge TPU answers through {library}")

    def _give_up_edge_tpu(self, error: ModelError) -> None:
        self._edge_tpu = None
        self._accelerator = Accelerator("cpu", f"the Edge TPU was given up: {error}")
        _LOG.warning("edge tpu given up, the cpu goes on", extra={"reason": str(error)})


class _Engine:
    """One model file in one interpreter, with or without a delegate."""

    def __init__(self, model: bytes, delegate: Any = None) -> None:
        if not model:
            raise ModelError("the model is empty; build the bundle anew")
        try:
            with without_native_chatter():
                # The default kernels: the fastest, the same to the bit on x86-64 and ARM64 (docs/arm.md).
                self._interpreter = runtime.Interpreter(
                    model_content=model,
                    num_threads=1,
                    experimental_delegates=None if delegate is None else [delegate],
                    experimental_op_resolver_type=runtime.OpResolverType.AUTO,
                )
                self._interpreter.allocate_tensors()
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except (ValueError, RuntimeError, TypeError) as error:
            raise ModelError(f"the model cannot be loaded: {_in_one_line(error)}") from error
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(
                f"the model has {len(inputs)} inputs and {len(outputs)} outputs; needs one of each"
            )
        self._input, *self.input_scale = _describe(inputs[0], "input")
        self._output, *self.output_scale = _describe(outputs[0], "output")
        self.shape = tuple(int(n) for n in inputs[0]["shape"])
        if self.shape != tuple(int(n) for n in outputs[0]["shape"]) or self.shape[:2] != (1, 1):
            raise ModelError(
                f"the model maps {inputs[0]['shape']} to {outputs[0]['shape']}; needs (1, 1, T, F) both ways"
            )

    @property
    def signature(self) -> tuple[object, ...]:
        """What another file of the same model must agree in."""
        return (self.shape, *self.input_scale, *self.output_scale)

    def invoke(self, quantised: Int8) -> Int8:
        try:
            self._interpreter.set_tensor(self._input, quantised)
            self._interpreter.invoke()
            output: Int8 = self._interpreter.get_tensor(self._output)
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"the model failed: {_in_one_line(error)}") from error
        return output

    def self_test(self, golden_input: Int8, golden_output: Int8, tolerance_steps: int) -> None:
        for number, (given, expected) in enumerate(zip(golden_input, golden_output, strict=True)):
            got = self.invoke(given[np.newaxis].astype(np.int8, copy=False))[0]
            worst = int(np.max(np.abs(got.astype(np.int16) - expected.astype(np.int16)), initial=0))
            if worst > tolerance_steps:
                raise ModelError(f"self-test {number} is off by {worst} steps (allowed {tolerance_steps})")


class _Codec:
    """Real numbers to int8 and back, as often as there are windows, so with nothing allocated but the result.

    For arrays this small a call costs more than its arithmetic: an operand of the full shape spares NumPy a
    conversion and a broadcast each time, and all 256 answers fit into a table.
    """

    def __init__(self, engine: _Engine) -> None:
        shape = engine.shape[2:]
        scale, zero = engine.input_scale
        self._scale, self._zero = np.full(shape, scale), np.full(shape, zero)
        self._least, self._most = np.full_like(self._zero, INT8_MIN), np.full_like(self._zero, INT8_MAX)
        self._real = np.empty(shape, np.float32)
        self._quantised = np.empty(engine.shape, np.int8)
        self._window = self._quantised[0, 0]
        self._codes = np.empty(shape, np.intp)
        scale, zero = engine.output_scale
        codes = np.arange(INT8_MAX - INT8_MIN + 1).astype(np.int8)  # 0..127, then -128..-1, as an index wraps
        self._answers: Float32 = (codes.astype(np.float32) - zero) * scale

    def quantise(self, real: Float32) -> Int8:
        """int8 (1, 1, T, F), rounded half to even and saturating; overwritten by the next call."""
        scratch = self._real
        divide(real, self._scale, scratch)
        rint(scratch, scratch)
        add(scratch, self._zero, scratch)
        maximum(scratch, self._least, scratch)
        minimum(scratch, self._most, scratch)
        self._window[...] = scratch
        return self._quantised

    def dequantise(self, quantised: Int8) -> Float32:
        """float32 (T, F), newly allocated."""
        self._codes[...] = quantised
        real: Float32 = self._answers[self._codes]
        return real


def _open_delegate(library: str) -> Any:
    """The Edge TPU's delegate.

    Raises:
        ModelError: there is no library, it is none of a delegate, or no device answers it.
    """
    # Asked first: of a library that is not as it should be, the runtime leaves a half-built object behind.
    try:
        loaded = ctypes.CDLL(library)
    except OSError as error:
        raise ModelError(f"{library} cannot be loaded on this device: {_in_one_line(error)}") from error
    if not all(hasattr(loaded, name) for name in _DELEGATE_FUNCTIONS):
        raise ModelError(f"{library} is no TFLite delegate; install Coral's Edge TPU runtime")
    try:
        return runtime.load_delegate(library)
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"no Edge TPU answers through {library}: {_in_one_line(error)}") from error


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


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
