"""Real child processes that live, die and are killed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from simulators.processes import PartError, PartSpec, Supervisor, module_command

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as parts:
        yield parts


def part(folder: Path, code: str = SLEEPER, restarts: bool = True) -> PartSpec:
    log = folder / "part.log"
    is_ready: Callable[[], bool] = lambda: log.exists() and "up" in log.read_text()  # noqa: E731
    return PartSpec("part", (sys.executable, "-c", code), log, is_ready, restarts)


def wait_until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_a_part_starts_and_stops(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(part(tmp_path))
    supervisor.wait_ready("part", 20.0)
    pid = supervisor.pid("part")
    assert supervisor.is_running("part")

    supervisor.stop("part", 5.0)

    assert not psutil.pid_exists(pid)


def test_a_part_that_ends_at_once_is_reported_with_its_last_words(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.start(part(tmp_path, "raise SystemExit('no broker here')"))

    with pytest.raises(PartError, match="no broker here"):
        supervisor.wait_ready("part", 20.0)


def test_a_part_that_never_gets_ready_is_reported(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(part(tmp_path, "import time; time.sleep(60)"))

    with pytest.raises(PartError, match="not ready after 0 s"):
        supervisor.wait_ready("part", 0.3)


def test_a_dead_part_is_started_again_and_counted(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(part(tmp_path))
    supervisor.wait_ready("part", 20.0)
    first = supervisor.pid("part")
    os.kill(first, 9)

    said: list[str] = []

    def is_back() -> bool:
        said.extend(supervisor.poll())
        return supervisor.pid("part") != first

    wait_until(is_back)

    assert supervisor.restarts() == {"part": 1}
    assert "starting it again" in said[0]


def test_a_killed_part_stays_down_for_as_long_as_asked(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(part(tmp_path))
    supervisor.wait_ready("part", 20.0)

    supervisor.kill("part", hold_s=3600.0)
    supervisor.poll()

    assert not supervisor.is_running("part")
    assert supervisor.restarts() == {}


def test_a_part_that_must_not_restart_stays_dead(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(part(tmp_path, "print('up')", restarts=False))
    wait_until(lambda: not supervisor.is_running("part"))

    assert supervisor.poll() == []
    assert supervisor.exit_code("part") == 0


def test_a_part_deaf_to_sigterm_is_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
    supervisor.start(part(tmp_path, deaf))
    supervisor.wait_ready("part", 20.0)
    pid = supervisor.pid("part")

    supervisor.stop("part", 0.2)

    assert not psutil.pid_exists(pid)


def test_closing_leaves_nothing_behind(tmp_path: Path) -> None:
    with Supervisor() as parts:
        parts.start(part(tmp_path))
        parts.wait_ready("part", 20.0)
        pid = parts.pid("part")

    assert not psutil.pid_exists(pid)


def test_memory_is_counted_and_its_peak_kept(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(part(tmp_path))
    supervisor.wait_ready("part", 20.0)

    usage = supervisor.rss_bytes()

    assert usage["part"] > 1e6
    assert supervisor.peak_rss_bytes == sum(usage.values())


def test_a_module_command_is_a_list() -> None:
    assert module_command("python", "a.b", ["-x"]) == ("python", "-m", "a.b", "-x")
