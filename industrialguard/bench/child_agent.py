"""A real agent in a process of its own: how long it takes to be ready, and how much memory it needs.

Rule: the command as a device runs it. It says itself when it is ready, as it says to systemd, and the kernel
says how large it became; nothing of this process is counted.
"""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from contract.bundle import Bundle, write_bundle
from contract.errors import ConfigError, IndustrialGuardError
from contract.profiles import MachineProfile
from industrialguard.bench.noise_machine import NoiseMachine, write_rows
from simulators.machine import MachineConfig, SimulatedMachine

READY = b"READY=1"
LONGEST_START_S = 60.0
LONGEST_RUN_S = 300.0
POLL_S = 0.02
WATCHED_WARMUPS = 1.5
"""Machine time that the agent watches, in multiples of its warm-up: the model must have run."""
SPARE_HOPS = 4
"""Hops that a table is longer than the agent watches it, because a table never ends."""


class ChildAgentError(IndustrialGuardError):
    """The agent's process did not start or end as it should, or never scored."""


@dataclass(frozen=True, slots=True)
class ChildAgent:
    """What one start of the agent cost."""

    startup_s: float
    """From the start of the process to READY=1, in s."""
    peak_rss_bytes: int | None
    """Largest resident set; None where the kernel does not say (no /proc)."""
    scored: int
    """Windows that the model judged."""


def run_child_agent(bundle: Bundle) -> ChildAgent:
    """Start an agent on a simulated machine, as fast as it can, until well past its warm-up.

    Where the simulator cannot build the machine, the agent follows a table of noise.

    Raises:
        ChildAgentError: it did not become ready, failed, or never scored.
        ConfigError: the profile can neither be simulated nor be put into a table.
    """
    with (
        tempfile.TemporaryDirectory(prefix="igbench-") as name,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify,
    ):
        folder = Path(name)
        write_bundle(folder / "bench.igb", bundle)
        notify.bind(str(folder / "notify"))
        notify.settimeout(POLL_S)
        return _run(_command(bundle, folder), folder, notify)


def _command(bundle: Bundle, folder: Path) -> list[str]:
    profile = bundle.profile
    windows = profile.warmup.baseline_windows + profile.warmup.calibration_windows + profile.window.context
    hops = math.ceil(WATCHED_WARMUPS * windows)
    line = [sys.executable, "-m", "industrialguard", "agent", "--bundle", str(folder / "bench.igb")]
    line += [
        "--source",
        _source(profile, hops, folder),
        "--device",
        "bench",
        "--state",
        str(folder / "state"),
    ]
    seconds = f"{hops * profile.window.hop_s:g}"
    return [*line, "--speed", "0", "--seconds", seconds, "--offline", "--log-level", "warning"]


def _source(profile: MachineProfile, hops: int, folder: Path) -> str:
    """What the agent reads: the simulator, or a table with more rows than it will take."""
    try:
        SimulatedMachine(MachineConfig(profile=profile, seed=1))
    except ConfigError:
        table = folder / "rows.csv"
        write_rows(NoiseMachine(profile, 1, time.time()), profile, hops + SPARE_HOPS, table)
        return f"tail:{table}?from=start"
    return "sim:seed=1"


def _run(line: list[str], folder: Path, notify: socket.socket) -> ChildAgent:
    """Run the agent to its end."""
    environment = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify")}
    out, log = folder / "out", folder / "log"
    with out.open("wb") as stdout, log.open("wb") as stderr:
        started = time.perf_counter()
        with subprocess.Popen(line, stdout=stdout, stderr=stderr, env=environment) as process:
            try:
                startup_s = _await_ready(notify, process, started)
                peak = _watch(process)
            finally:
                process.kill()
    scored = int(json.loads(out.read_text() or "{}").get("scored", 0)) if process.returncode == 0 else 0
    if startup_s is None or not scored:
        said = log.read_text("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise ChildAgentError(
            f"the agent's process ended with {process.returncode} and {scored} scores: {said[0]}"
        )
    return ChildAgent(startup_s, peak, scored)


def _await_ready(notify: socket.socket, process: subprocess.Popen[bytes], started: float) -> float | None:
    """Seconds until the process said that it is ready; None: it ended first, or took too long."""
    while process.poll() is None and time.perf_counter() - started < LONGEST_START_S:
        try:
            said = notify.recv(256)
        except TimeoutError:
            continue
        if said == READY:
            return time.perf_counter() - started
    return None


def _watch(process: subprocess.Popen[bytes]) -> int | None:
    """Follow a process to its end and return its peak resident set in bytes.

    `getrusage` would not do: a child inherits the mark of the large process that started it.
    """
    peak: int | None = None
    ends_at = time.monotonic() + LONGEST_RUN_S
    while process.poll() is None and time.monotonic() < ends_at:
        peak = max(filter(None, (peak, _read_peak(process.pid))), default=None)
        time.sleep(POLL_S)
    return peak


def _read_peak(pid: int) -> int | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # no /proc, or the process has just ended
        return None
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return kilobytes[0] * 1024 if kilobytes else None
