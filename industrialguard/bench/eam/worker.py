"""One worker as a process of its own, which is killed: `python -m industrialguard.bench.eam.worker …`.

Rule: it is the worker that ships; it only kills itself, as a power cut would, between what the maintenance
system commits and what we do, where it is told to.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from cloud.eam.adapters import open_eam
from cloud.eam.contract import Capabilities, Eam, Placement
from cloud.eam.http import Address
from cloud.eam.settings import read_settings
from cloud.eam.worker import EamWorker, WorkerSettings
from cloud.store.database import open_database
from cloud.work_orders import Said
from industrialguard.bench.eam.clock import FastClock

_IDLE_S = 0.2


class DiesAfter:
    """A maintenance system of which the worker hears no more after some orders.

    Args:
        eam: The real one.
        left: Orders until then; 0: it lives.
    """

    def __init__(self, eam: Eam, left: int) -> None:
        self._eam = eam
        self._left = left

    def capabilities(self) -> Capabilities:
        """See `Eam`."""
        return self._eam.capabilities()

    def upsert(self, order: Placement) -> Said:
        """See `Eam`."""
        said = self._eam.upsert(order)
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return said

    def find(self, key: str) -> Sequence[Said]:
        """See `Eam`."""
        return self._eam.find(key)

    def changes_since(self, since: datetime | None) -> Sequence[Said]:
        """See `Eam`."""
        return self._eam.changes_since(since)

    def close(self, eam_id: str, note: str) -> None:
        """See `Eam`."""
        self._eam.close(eam_id, note)


def main(argv: Sequence[str]) -> int:
    """Step for ever: store, settings file, address, beginning and speed of the clock, orders until death."""
    store, file, address, began_s, speed, left = argv
    clock = FastClock(float(began_s), float(speed))
    settings = read_settings(Path(file), os.environ)
    settings = replace(settings, address=Address(address, is_private=True))
    with closing(open_database(store)) as database:
        worker = EamWorker(
            database, DiesAfter(open_eam(settings), int(left)), WorkerSettings(settings.name), clock
        )
        while True:
            if not worker.step().has_more:
                time.sleep(_IDLE_S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
