"""Work beside the scoring, in threads of their own.

Rule: a defect there must not stop the machine's watch: it is logged with its traceback, and the work is begun
again after a while.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_LOG = logging.getLogger(__name__)


def start_supervised(
    name: str, run: Callable[[threading.Event], None], stop: threading.Event, pause_s: float
) -> threading.Thread:
    """Run something in a thread until it returns.

    Args:
        name: Of the thread.
        run: Returns soon after `stop` is set.
        stop: Ends it.
        pause_s: Between a defect and the next attempt, in s.
    """
    thread = threading.Thread(target=_supervise, args=(name, run, stop, pause_s), name=name, daemon=True)
    thread.start()
    return thread


def _supervise(
    name: str, run: Callable[[threading.Event], None], stop: threading.Event, pause_s: float
) -> None:
    """The one supervisor of this process."""
    while True:
        try:
            run(stop)
        except Exception:  # noqa: BLE001 - logged with its traceback, and it is started again
            _LOG.exception("%s failed unexpectedly; starting it again", name.partition("-")[0])
            if not stop.wait(pause_s):
                continue
        return
