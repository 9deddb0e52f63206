"""The child processes of a demo: started, watched, restarted, killed on purpose, and stopped in order.

Rule: a child that dies is started again after a pause, and every end is said aloud; nothing is left behind
when the supervisor closes or is killed. Children run in sessions of their own, so that Ctrl-C reaches the
supervisor alone and it decides the order.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from contract.errors import IndustrialGuardError
from simulators.leash import leash

log = logging.getLogger(__name__)

RESTART_PAUSE_S = 1.0
LOG_TAIL_LINES = 5


class PartError(IndustrialGuardError):
    """A part of the demo did not come up or keeps dying."""


@dataclass(frozen=True, slots=True)
class PartSpec:
    """One child process."""

    name: str
    command: tuple[str, ...]
    log_path: Path
    """Where its output goes."""
    is_ready: Callable[[], bool]
    """True once others may rely on it."""
    restarts: bool = True
    """Whether it is started again when it dies."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables beyond ours; passwords belong here."""


@dataclass(slots=True)
class _Part:
    spec: PartSpec
    process: subprocess.Popen[bytes]
    log_file: IO[bytes]
    restart_at: float | None = None


class Supervisor:
    """Runs the parts of a demo; use as a context manager."""

    def __init__(self) -> None:
        self._parts: dict[str, _Part] = {}
        self._restarts: Counter[str] = Counter()
        self._peak_rss = 0

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, spec: PartSpec) -> None:
        """Start one part; `wait_ready` says when it can be relied on."""
        log_file = spec.log_path.open("ab")
        self._parts[spec.name] = _Part(spec, _spawn(spec, log_file), log_file)

    def wait_ready(self, name: str, timeout_s: float) -> None:
        """Block until the part is ready.

        Raises:
            PartError: it died or did not get ready in time; the message ends with the last lines of its log.
        """
        part = self._parts[name]
        deadline = time.monotonic() + timeout_s
        while not part.spec.is_ready():
            if part.process.poll() is not None:
                raise PartError(
                    f"{name} ended at once (exit {part.process.returncode}): {last_lines(part.spec.log_path)}"
                )
            if time.monotonic() > deadline:
                raise PartError(
                    f"{name} was not ready after {timeout_s:.0f} s: {last_lines(part.spec.log_path)}"
                )
            time.sleep(0.05)

    def poll(self) -> list[str]:
        """Start again what has died; returns a sentence for each thing that happened."""
        now = time.monotonic()
        events = []
        for part in self._parts.values():
            if part.process.poll() is None or not part.spec.restarts:
                continue
            if part.restart_at is None:
                part.restart_at = now + RESTART_PAUSE_S
                events.append(f"{part.spec.name} ended (exit {part.process.returncode}); starting it again")
            elif now >= part.restart_at:
                part.process = _spawn(part.spec, part.log_file)
                part.restart_at = None
                self._restarts[part.spec.name] += 1
        return events

    def kill(self, name: str, hold_s: float) -> None:
        """SIGKILL a part and keep it down for `hold_s` seconds."""
        part = self._parts[name]
        part.process.kill()
        part.process.wait()
        part.restart_at = time.monotonic() + hold_s

    def pid(self, name: str) -> int:
        """The process id the part runs under now."""
        return self._parts[name].process.pid

    def restarts(self) -> dict[str, int]:
        """How often each part had to be started again; parts that never had are left out."""
        return dict(self._restarts)

    def is_running(self, name: str) -> bool:
        """Whether the part is alive at this moment."""
        return self._parts[name].process.poll() is None

    def exit_code(self, name: str) -> int | None:
        """The part's exit code; None while it runs."""
        return self._parts[name].process.poll()

    def rss_bytes(self) -> dict[str, int]:
        """Resident memory of each part with its children, and of this process as `demo`."""
        usage = {name: _tree_rss(part.process.pid) for name, part in self._parts.items()}
        usage["demo"] = psutil.Process().memory_info().rss
        self._peak_rss = max(self._peak_rss, sum(usage.values()))
        return usage

    @property
    def peak_rss_bytes(self) -> int:
        """Largest sum that `rss_bytes` has seen."""
        return self._peak_rss

    def stop(self, name: str, timeout_s: float) -> None:
        """Ask a part to end (SIGTERM), insist (SIGKILL) after `timeout_s`."""
        part = self._parts.pop(name)
        if part.process.poll() is None:
            part.process.terminate()
            try:
                part.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                log.warning("part did not stop when asked; killed", extra={"part": name})
                part.process.kill()
                part.process.wait()
        part.log_file.close()

    def close(self) -> None:
        """Stop everything, the last started first."""
        for name in reversed(list(self._parts)):
            self.stop(name, timeout_s=5.0)


def _spawn(spec: PartSpec, log_file: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment |= spec.environment
    return subprocess.Popen(
        leash(spec.command),
        stdin=subprocess.DEVNULL,
        stdout=log_file,
        stderr=log_file,
        env=environment,
        start_new_session=True,
    )


def _tree_rss(pid: int) -> int:
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += member.memory_info().rss
    return total


def last_lines(path: Path) -> str:
    """The end of a log in one line, for an error message."""
    lines = path.read_text("utf-8", errors="replace").strip().splitlines()[-LOG_TAIL_LINES:]
    return " | ".join(line.strip() for line in lines) or f"its log {path} is empty"


def raise_interrupt_on_sigterm() -> None:
    """Make SIGTERM stop this process the way Ctrl-C does."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def module_command(executable: str, module: str, arguments: Sequence[str]) -> tuple[str, ...]:
    """`python -m module arguments…` as a list."""
    return (executable, "-m", module, *arguments)
