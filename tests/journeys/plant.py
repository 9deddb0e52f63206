"""A folder in which commands are typed, and processes run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import PROJECT_ROOT

READY_S = 60.0


class Plant:
    """A folder in which commands are typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(PROJECT_ROOT),
            "INDUSTRIALGUARD_CLOUD_DATA": str(folder / "data"),
        }

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "industrialguard", *words]

    def type(self, *words: str) -> str:
        """Run a command to its end."""
        done = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def key(self) -> str:
        """A key that may do all that a program may."""
        return self.type("cloud", "people", "key", "journey", "--role", "engineer").strip()

    def log_of(self, *words: str) -> Path:
        """What a process says."""
        return self.folder / f"{words[1].strip('-') if words[0] == 'cloud' else words[0]}.log"

    @contextmanager
    def running(self, *words: str, says: bytes = b'"ready"') -> Iterator[subprocess.Popen[bytes]]:
        """A process that has said that it is ready; it must end in order."""
        log = self.log_of(*words)
        with log.open("wb") as file:
            process = subprocess.Popen(
                self.command(*words), cwd=self.folder, env=self.environment, stdout=file, stderr=file
            )
        try:
            deadline_s = time.monotonic() + READY_S
            while says not in log.read_bytes():
                assert process.poll() is None and time.monotonic() < deadline_s, log.read_text()[-2000:]
                time.sleep(0.05)
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, log.read_text()[-2000:]
        finally:
            process.kill()
            process.wait()
