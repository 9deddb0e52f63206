"""The demo as a person or a script runs it: a child process with a JSON summary."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 90.0


@dataclass
class RunningDemo:
    """A demo under way."""

    process: subprocess.Popen[str]
    log_path: Path
    address: str = ""
    link: str = ""
    """Signs in whoever opens it first."""
    lines: list[str] = field(default_factory=list)

    def output(self) -> str:
        """Everything printed so far."""
        return self.log_path.read_text("utf-8")

    def wait_for(self, text: str, timeout_s: float) -> None:
        """Until it has printed that."""
        deadline = time.monotonic() + timeout_s
        while text not in self.output():
            assert self.process.poll() is None, f"the demo ended: {self.output()}"
            assert time.monotonic() < deadline, f"no {text!r} within {timeout_s} s: {self.output()}"
            time.sleep(0.2)

    def interrupt(self, timeout_s: float = 60.0) -> int:
        """Ctrl-C; returns the exit code, and shows what was printed where that is not 0."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(timeout_s)
        if code:
            print(self.output())
        return code


def demo_command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "industrialguard", "demo", *arguments]


def run_demo(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run to its end; returns the JSON summary with the exit code under `exit_code`."""
    path = folder / "demo.json"
    command = demo_command([*arguments, "--json", str(path), "--data", str(folder / "data")])
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert path.exists(), f"no summary (exit {done.returncode}): {done.stdout[-2000:]} {done.stderr[-2000:]}"
    summary: dict[str, Any] = json.loads(path.read_text("utf-8"))
    summary["exit_code"] = done.returncode
    summary["output"] = done.stdout
    return summary


@contextmanager
def start_demo(folder: Path, *arguments: str) -> Iterator[RunningDemo]:
    """Start a demo and wait until it has printed the page's address."""
    log_path = folder / "demo.log"
    with log_path.open("w") as log:
        process = subprocess.Popen(demo_command(arguments), stdout=log, stderr=log, text=True)
    demo = RunningDemo(process, log_path)
    try:
        demo.link = _wait_for_link(demo)
        demo.address = demo.link.partition("enter?")[0]
        yield demo
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for_link(demo: RunningDemo) -> str:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        found = re.search(r"http://127\.0\.0\.1:\d+/enter\?token=\S+", demo.output())
        if found:
            return found.group()
        assert demo.process.poll() is None, f"the demo ended: {demo.output()}"
        time.sleep(0.1)
    raise AssertionError(f"no address within {START_TIMEOUT_S} s: {demo.output()}")
