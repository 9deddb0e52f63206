"""Keeps the chatter of native libraries off stderr, where every line is a log record.

Rule: nothing is lost but lines that a library itself calls information; whatever else was written meanwhile,
by any thread, is passed on.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2
_CHATTER = b"INFO: "
_LOCK = threading.Lock()
"""Stderr is the whole process's: two blocks at once would restore each other's."""


@contextmanager
def without_native_chatter() -> Iterator[None]:
    """Hold back what this process writes to stderr during the block, then pass on all but `INFO: ` lines.

    Where there is no stderr, or the system has no files in memory, nothing is held back.
    """
    if sys.stderr is None or sys.platform != "linux":
        yield
        return
    with _LOCK, os.fdopen(os.memfd_create("stderr"), "w+b") as held:
        stderr = os.dup(_STDERR)
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(stderr, _STDERR)
            os.close(stderr)
            held.seek(0)
            os.write(_STDERR, b"".join(line for line in held if not line.startswith(_CHATTER)))
