"""Runs a command that ends when its parent does, even when the parent was killed.

Rule: a supervisor that dies without a word leaves no process behind. Linux only (`prctl`, PR_SET_PDEATHSIG);
elsewhere the command runs unleashed.

    python -m simulators.leash PARENT_PID COMMAND [ARGUMENT …]
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
"""From linux/prctl.h; the setting survives the exec that follows."""


def leash(command: Sequence[str]) -> tuple[str, ...]:
    """The command line that runs `command` on a leash held by this process."""
    if sys.platform != "linux":
        return tuple(command)
    return (sys.executable, "-m", "simulators.leash", str(os.getpid()), *command)


def main(argv: Sequence[str]) -> None:
    """Become the command; ends at once when the parent is already gone."""
    parent, *command = argv
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("the supervisor is gone")
    os.execvp(command[0], command)  # noqa: S606 - the supervisor's own list, never a shell line


if __name__ == "__main__":
    main(sys.argv[1:])
