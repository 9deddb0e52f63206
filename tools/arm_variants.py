"""The agent on this machine, with what its model gives changed as another board's arithmetic may change it.

Rule: readings, features, learning and scoring stay the agent's own; only the model's outputs differ. `steps`
changes nothing, and says in one more line of JSON how far the reference kernels would have been.

    python -m tools.arm_variants reference|lowest|highest|steps ARGUMENTS_OF_INDUSTRIALGUARD_AGENT
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from contract.bundle import Bundle
from edge_agent import __main__ as program
from edge_agent import running_model, tflite
from edge_agent.tflite import ModelRunner

Floats = npt.NDArray[np.float32]
_RUNTIME: Any = vars(tflite)["runtime"]
"""The one that the agent found on this machine."""


@dataclass(frozen=True, slots=True)
class KernelSteps:
    """How far the reference kernels are from the default ones, on the contexts that an agent saw."""

    contexts: int
    max_steps: int
    """Largest difference of any output, in int8 steps."""
    same_share: float
    """Share of the outputs that are equal, 0..1."""


class Push(IntEnum):
    """Which way every output is moved by one int8 step."""

    TOWARDS = 1
    """To what went in, and no further: the smallest error."""
    AWAY = -1
    """From what went in: the largest error."""


def main(arguments: Sequence[str]) -> int:
    """Run the agent in one variant; returns its exit code, 2 for a variant that is not known."""
    name, *line = arguments or [""]
    if name not in VARIANTS:
        print(f"usage: arm_variants.py {'|'.join(VARIANTS)} AGENT_ARGUMENTS", file=sys.stderr)
        return 2
    with VARIANTS[name](line):
        return program.main(line)


@contextmanager
def reference_kernels(_: Sequence[str] = ()) -> Iterator[None]:
    """Within it models run on the runtime's reference kernels, whatever is asked for, as they do on armv7."""
    usual = _RUNTIME.Interpreter
    kernels = {"experimental_op_resolver_type": _RUNTIME.OpResolverType.BUILTIN_REF}

    def build(**given: Any) -> Any:
        return usual(**{**given, **kernels})

    with patch.object(_RUNTIME, "Interpreter", build):
        yield


@contextmanager
def lowest_scores(line: Sequence[str]) -> Iterator[None]:
    """Within it agents learn from the largest errors and judge the smallest."""
    with _pushed(line, Push.AWAY, Push.TOWARDS):
        yield


@contextmanager
def highest_scores(line: Sequence[str]) -> Iterator[None]:
    """Within it agents learn from the smallest errors and judge the largest."""
    with _pushed(line, Push.TOWARDS, Push.AWAY):
        yield


@contextmanager
def counted_steps(line: Sequence[str]) -> Iterator[None]:
    """Within it models run on the default kernels and on the reference ones; prints a `KernelSteps`."""
    bundle = _find_bundle(line)
    step = _output_step(bundle.model)
    with reference_kernels():
        reference = ModelRunner(bundle.model)
    found: list[Floats] = []

    class Compared(ModelRunner):
        """The usual model, and each time the other one beside it."""

        def reconstruct(self, standardised: Floats) -> Floats:
            got = super().reconstruct(standardised)
            found.append(np.rint(np.abs(got - reference.reconstruct(standardised)) / step))
            return got

    with patch.object(running_model, "ModelRunner", Compared):
        yield
    steps = np.array(found)
    apart = KernelSteps(len(found), int(steps.max(initial=0)), float(np.mean(steps == 0)) if found else 1.0)
    print(json.dumps(asdict(apart)))


def push_outputs(given: Floats, got: Floats, step: float, push: Push) -> Floats:
    """Every output one step off, or less where it would pass what went in.

    Args:
        given: float32 (T, F), what went into the model.
        got: float32 (T, F), what came out.
        step: Of the int8 output, in the unit of both.
        push: Which way.
    """
    residual = given - got
    if push is Push.TOWARDS:
        pushed: Floats = got + np.clip(residual, -step, step)
        return pushed
    away: Floats = got - np.copysign(np.float32(step), residual)
    return away


def _pushed(line: Sequence[str], learning: Push, judging: Push) -> AbstractContextManager[Any]:
    """Pushes one way while the machine's healthy error is learned, and the other way from then on."""
    to_learn = _find_bundle(line).profile.warmup.calibration_windows

    class Pushed(ModelRunner):
        """A model that is one int8 step off in every output."""

        def __init__(self, model: bytes, *others: Any) -> None:
            super().__init__(model, *others)
            self._step = _output_step(model)
            self._to_learn = to_learn

        def reconstruct(self, standardised: Floats) -> Floats:
            self._to_learn -= 1
            push = learning if self._to_learn >= 0 else judging
            return push_outputs(standardised, super().reconstruct(standardised), self._step, push)

    return patch.object(running_model, "ModelRunner", Pushed)


def _find_bundle(line: Sequence[str]) -> Bundle:
    """The one that the agent will find."""
    options = program.build_parser().parse_args(line)
    return program.find_bundle(options.bundle, options.profile)


def _output_step(model: bytes) -> float:
    """One int8 step of what the model gives, in standard deviations."""
    (output,) = _RUNTIME.Interpreter(model_content=model).get_output_details()
    return float(output["quantization"][0])


VARIANTS: dict[str, Callable[[Sequence[str]], AbstractContextManager[None]]] = {
    "reference": reference_kernels,
    "lowest": lowest_scores,
    "highest": highest_scores,
    "steps": counted_steps,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
