"""A real parent that is killed, and what becomes of its child."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from simulators.leash import leash

PARENT = """
import subprocess, sys, time
from simulators.leash import leash
sleeper = "print('up', flush=True); import time; time.sleep(60)"
child = subprocess.Popen(leash([sys.executable, "-c", sleeper]))
print(child.pid, flush=True)
time.sleep(60)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")


def test_a_killed_parent_takes_its_child_along() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert parent.stdout.readline() == "up\n"
        child = psutil.Process(pid)

        parent.kill()
        parent.wait()

        child.wait(timeout=20)
    assert not psutil.pid_exists(pid)


def test_a_command_keeps_its_arguments_and_its_exit_code() -> None:
    command = leash([sys.executable, "-c", "import sys; sys.exit(len(sys.argv))", "a", "b c"])

    assert subprocess.run(command, check=False, timeout=60).returncode == 3


def test_a_child_of_a_parent_that_is_gone_does_not_start() -> None:
    command = [*leash(["true"])]
    command[command.index("simulators.leash") + 1] = "1"

    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    assert done.returncode != 0
    assert "supervisor is gone" in done.stderr
