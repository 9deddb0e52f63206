"""Runs a staged bundle where it can harm nobody: in a process of its own, with little memory and little time.

Rule: whatever the model does there, crash, hang or eat memory, ends in one answer with a reason. The process
reads the file once: what is tested has the SHA-256 that was signed. It computes as the agent will, on the
Edge TPU where one answers; while the agent itself holds the stick, on the CPU.

    python -m edge_agent.self_test < order.json
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from contract.bundle import Bundle, parse_bundle
from contract.errors import IndustrialGuardError
from contract.profiles import MachineProfile, format_profile, parse_profile
from edge_agent.comparison import SLOW_SHARE
from edge_agent.health import read_rss_bytes
from edge_agent.scorer import Scorer
from edge_agent.settings import MIB, AcceleratorChoice
from edge_agent.slot_rules import Failed, Passed
from edge_agent.slot_state import Reason, Release
from edge_agent.slot_store import read_release
from edge_agent.tflite import ModelRunner

LONGEST_S = 120.0
"""After this the process is ended; a slow board needs some of it to start Python."""
MEMORY_BYTES = 32 * MIB
"""What a model may add to the process that runs it; a shipped one adds less than 2 MiB."""
_RUNS = 20
"""Times that every golden input is shown; the median counts."""
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be tested, against what."""

    path: str
    release: Release
    profile: str
    """Of the machine, as TOML."""
    accelerator: AcceleratorChoice


class ChildTest:
    """The agent's side: one test at a time.

    Args:
        profile: The machine's.
        accelerator: As in the agent's settings.
        command: The program; a test's own where it shall misbehave.
        longest_s: Its time.
    """

    def __init__(
        self,
        profile: MachineProfile,
        accelerator: AcceleratorChoice,
        command: Sequence[str] = (sys.executable, "-m", "edge_agent.self_test"),
        longest_s: float = LONGEST_S,
    ) -> None:
        self._profile = profile
        self._accelerator = accelerator
        self._command = tuple(command)
        self._longest_s = longest_s
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def run(self, path: Path, release: Release) -> Passed | Failed:
        """Test a staged bundle; takes seconds.

        Raises:
            OSError: no process can be started.
        """
        order = Order(str(path), release, format_profile(self._profile), self._accelerator)
        with self._lock:
            if self._is_stopped:
                return Failed(Reason.CANCELLED, "the agent is ending")
            self._child = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        with self._child as child:
            try:
                said, _ = child.communicate(json.dumps(asdict(order)).encode(), timeout=self._longest_s)
            except subprocess.TimeoutExpired:
                child.kill()
                return Failed(Reason.CRASHED, f"the self-test did not end within {self._longest_s:.0f} s")
        return _read_answer(said, child.returncode)

    def stop(self) -> None:
        """End the process, if there is one, and start no other."""
        with self._lock:
            self._is_stopped = True
            if self._child is not None:
                self._child.kill()


def _read_answer(said: bytes, code: int) -> Passed | Failed:
    if code < 0:
        with suppress(ValueError):
            return Failed(Reason.CRASHED, f"the self-test's process ended by {signal.Signals(-code).name}")
    try:
        answer = json.loads(said)
        return Failed(Reason(answer["reason"]), answer["sentence"]) if answer["reason"] else Passed()
    except (ValueError, KeyError, TypeError):
        return Failed(Reason.CRASHED, f"the self-test ended with code {code} and no answer")


# -- in the process --------------------


def main() -> int:
    """Read an order from stdin, write one line of JSON to stdout."""
    _confine()
    content = json.load(sys.stdin)
    order = replace(Order(**content), release=Release(**content["release"]))
    found = examine(order)
    answer: dict[str, Any] = {"reason": "", "sentence": ""}
    if isinstance(found, Failed):
        answer = {"reason": found.reason.value, "sentence": " ".join(found.sentence.split())}
    print(json.dumps(answer), flush=True)
    return 0


def examine(order: Order) -> Passed | Failed:
    """Everything that can be found out about a bundle without the machine."""
    try:
        data = read_release(Path(order.path), order.release)
    except IndustrialGuardError as error:
        return Failed(Reason.DAMAGED, str(error))
    try:
        bundle = parse_bundle(data)
    except IndustrialGuardError as error:
        return Failed(Reason.BUNDLE, str(error))
    if bundle.profile.name != order.release.family:
        sentence = f"it was said to be for {order.release.family} and is for {bundle.profile.name}"
        return Failed(Reason.BUNDLE, sentence)
    machine = parse_profile(order.profile)
    if not fits(bundle.profile, machine):
        return Failed(
            Reason.PROFILE,
            "its sensors, windows, regimes or features are not those of this machine's profile",
        )
    return _run(bundle, order.accelerator)


def fits(profile: MachineProfile, machine: MachineProfile) -> bool:
    """Whether two profiles make the same windows and summaries of the same readings.

    Alarm rule and warm-up may differ: they change with a model. What is measured, and how, does not.
    """
    alike = replace(
        profile,
        version=machine.version,
        description=machine.description,
        alarm=machine.alarm,
        warmup=machine.warmup,
    )
    return alike == machine


def _run(bundle: Bundle, accelerator: AcceleratorChoice) -> Passed | Failed:
    before_bytes = read_rss_bytes()
    try:
        runner = ModelRunner(bundle.model, bundle.edge_tpu_model, accelerator)
        Scorer(bundle, runner)  # refuses a model of another shape than the profile's
        runner.self_test(bundle.golden_input, bundle.golden_output)
        return _watch_numbers(runner, bundle) or _hold_to_budget(runner, bundle, before_bytes)
    except MemoryError:
        return Failed(Reason.MEMORY, f"it needs more than {MEMORY_BYTES // MIB} MiB")
    except IndustrialGuardError as error:
        return Failed(Reason.SELF_TEST, str(error))


def _hold_to_budget(runner: ModelRunner, bundle: Bundle, before_bytes: int) -> Passed | Failed:
    grown_bytes = _peak_bytes() - before_bytes
    if grown_bytes > MEMORY_BYTES:
        sentence = f"it needs {grown_bytes // MIB} MiB, {MEMORY_BYTES // MIB} are allowed"
        return Failed(Reason.MEMORY, sentence)
    took_s, allowed_s = _median_s(runner, bundle), SLOW_SHARE * bundle.profile.window.hop_s
    if took_s > allowed_s:
        sentence = f"a window takes {1e3 * took_s:.1f} ms here, {1e3 * allowed_s:.1f} ms are allowed"
        return Failed(Reason.SLOW, sentence)
    return Passed()


def _watch_numbers(runner: ModelRunner, bundle: Bundle) -> Failed | None:
    """A network with broken weights may reproduce its own golden outputs."""
    answers = [runner.reconstruct(window) for window in _windows(bundle)]
    if not all(np.isfinite(answer).all() for answer in answers):
        return Failed(Reason.NOT_A_NUMBER, "its answers are no finite numbers")
    if all(np.array_equal(answers[0], answer) for answer in answers[1:]):
        return Failed(Reason.CONSTANT, "it gives the same answer whatever it is shown")
    return None


def _windows(bundle: Bundle) -> list[Any]:
    """Contexts of a healthy machine and of ones that are far off, float32 (T, F), in standard deviations."""
    shape = bundle.golden_input.shape[2:]
    rng = np.random.default_rng(0)
    return [rng.normal(0.0, spread, shape).astype(np.float32) for spread in (1.0, 2.0, 4.0, 8.0)]


def _median_s(runner: ModelRunner, bundle: Bundle) -> float:
    times = []
    for window in _windows(bundle) * _RUNS:
        started = time.perf_counter()
        runner.reconstruct(window)
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def _peak_bytes() -> int:
    """Largest resident memory of this process; a child inherits `getrusage`'s mark from its parent."""
    if not _STATUS.exists():
        return read_rss_bytes()
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
    return int(lines["VmHWM"].split()[0]) * 1024


def _confine() -> None:
    """Be the first to be killed, ask for no more than allowed, and end even if nobody waits any more."""
    signal.alarm(int(LONGEST_S) + 1)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    with suppress(OSError):
        os.nice(10)
    with suppress(OSError, ValueError, KeyError):
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
        most = int(lines["VmData"].split()[0]) * 1024 + 2 * MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


if __name__ == "__main__":
    sys.exit(main())
