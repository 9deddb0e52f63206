"""What a bundle must be before it is written for devices.

Rule: the one gate; the trainer passes it before it writes, and `industrialguard train check` shows what it
found. Everything is looked at before anything is refused, so that one run tells all that is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from contract.bundle import Bundle
from models.edge_tpu import EdgeTpuReport, check_model
from models.edge_tpu_compiler import CompiledModel, compile_model, find_compiler
from models.errors import EdgeTpuCompilerError, ModelFileError, NotReleasableError
from models.parity import MAX_GOLDEN_STEPS, DeviceModel, Int8, RuntimeParity, parity

MAX_STUDENT_BYTES = 32_000
"""Largest model in bytes: what the edge model was designed to, and what a small core's first-level cache
holds (32 kB on many Cortex-A), so that a window costs no traffic with the memory."""
NOISE_WINDOWS = 64
"""Windows that runtimes are compared with when a model comes without golden ones."""

Golden = tuple[Int8, Int8]
"""int8 (n, 1, T, F) twice: inputs, and what must come out."""


@dataclass(frozen=True, slots=True)
class ReleaseReport:
    """What was found out about a model."""

    model_bytes: int
    edge_tpu: EdgeTpuReport
    parities: tuple[RuntimeParity, ...]
    """One for each runtime installed here, on the golden windows; these are chosen so that runtimes agree."""
    unchosen: tuple[RuntimeParity, ...]
    """The same on noise that nobody chose: how far runtimes really differ. Told, and no reason to refuse."""
    compiled: CompiledModel | None = None
    """What Coral's compiler made of it; None: it is not installed here, or it failed."""
    has_compiler: bool = False
    """Whether Coral's compiler is installed here."""
    failures: tuple[str, ...] = ()
    """What could not be found out, and why: a runtime that refuses the model, a compiler that failed."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that keeps the model from a release, one line each; empty: nothing does."""
        found = []
        if self.model_bytes > MAX_STUDENT_BYTES:
            found.append(f"the model has {self.model_bytes} bytes, at most {MAX_STUDENT_BYTES} are allowed")
        if not self.edge_tpu.is_fully_mapped:
            first = next(iter(self.edge_tpu.refusals), "there are none")
            found.append(f"not every operation would run on an Edge TPU ({first})")
        found += [
            f"{row.runtime} {row.version} is off the golden outputs by {row.max_steps} steps"
            for row in self.parities
            if row.max_steps > MAX_GOLDEN_STEPS
        ]
        if self.compiled is not None and not self.compiled.is_fully_mapped:
            found.append(f"the compiler disagrees ({self.compiled.summary})")
        return (*found, *self.failures)


def examine(model: bytes, golden: Golden | None = None) -> ReleaseReport:
    """Find out all that matters for a release.

    Args:
        model: The content of an int8 `.tflite` file.
        golden: None: seeded noise, with what the first runtime makes of it, shows whether runtimes agree.

    Raises:
        ModelFileError: the file is no TFLite model.
    """
    edge_tpu, failures = check_model(model), []
    parities: tuple[RuntimeParity, ...] = ()
    unchosen: tuple[RuntimeParity, ...] = ()
    try:
        unchosen = parity(model, *_noise(model))
        parities = parity(model, *golden) if golden else unchosen
    except ModelFileError as error:
        failures.append(str(error))
    compiled, compiler = None, find_compiler()
    try:
        compiled = compile_model(model, compiler) if compiler else None
    except EdgeTpuCompilerError as error:
        failures.append(str(error))
    return ReleaseReport(
        len(model), edge_tpu, parities, unchosen, compiled, compiler is not None, tuple(failures)
    )


def require_releasable(bundle: Bundle) -> Bundle:
    """Let a bundle pass, or refuse it.

    Returns:
        The same bundle; with its model for the Edge TPU where Coral's compiler is installed.

    Raises:
        NotReleasableError: it is too large, an operation would not run on an Edge TPU, a runtime that is
            installed here does not reproduce its golden outputs, or Coral's compiler fails.
        ModelFileError: its model is no TFLite model.
    """
    report = examine(bundle.model, (bundle.golden_input, bundle.golden_output))
    require_no_problems(report)
    return replace(bundle, edge_tpu_model=report.compiled.model) if report.compiled else bundle


def require_no_problems(report: ReleaseReport) -> None:
    """Refuse what has any.

    Raises:
        NotReleasableError: all of them, in one line.
    """
    if report.problems:
        raise NotReleasableError(f"not fit for devices: {'; '.join(report.problems)}")


def _noise(model: bytes) -> Golden:
    device = DeviceModel(model)
    if device.dtypes != (np.int8, np.int8):
        raise ModelFileError("the model is not int8 in and out; quantise it fully")
    shape = (NOISE_WINDOWS, *device.shape[1:])
    noise = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)
    return noise, device.run(noise)
