"""How long after its sending a message is a row that others see.

Rule: a reader of its own asks for new summaries of some machines again and again, so a row counts as visible
when a query that began after its commit has returned it. The resolution is the time between two queries; it
is measured and reported. A message's time is when its schedule wanted it, so waiting to be sent counts too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from industrialguard.bench.ingest.reader import StoreReader
from simulators.load.counters import Ages

POLL_S = 0.01
"""Pause between two queries about the fewest machines; longer about more: looking costs no more then."""
SATURATED_POLL_S = 0.1
"""The same where messages wait for a second, and looking takes from what is measured."""
FEWEST_MACHINES, MOST_MACHINES = 20, 200
"""How many are looked at: the more, the slower the query, but of machines that say little few see little."""
MESSAGES_PER_S = 20.0
"""How many are to be seen, roughly."""
_DAY_US = 86_400_000_000


class Probe:
    """Looks while it is open.

    Args:
        url: Of the store.
        devices: Some of these are looked at, evenly.
        rate: Messages/s of all of them together; None: very many.
    """

    def __init__(self, url: str, devices: Sequence[str], rate: float | None) -> None:
        wanted = FEWEST_MACHINES if rate is None else round(MESSAGES_PER_S * len(devices) / rate)
        n_machines = min(max(wanted, FEWEST_MACHINES), MOST_MACHINES)
        step = max(1, len(devices) // n_machines)
        self._newest = dict.fromkeys(devices[::step][:n_machines], 0)
        self._url = url
        self._stop = threading.Event()
        self._looker = ThreadPoolExecutor(1)
        self._looking: Future[None] | None = None
        per_machine_s = POLL_S / FEWEST_MACHINES
        self._pause_s = SATURATED_POLL_S if rate is None else per_machine_s * n_machines
        self._queries = 0
        self._looked_s = 0.0
        self.ages = Ages()

    @property
    def machines(self) -> list[str]:
        """Whose messages it looks for."""
        return list(self._newest)

    @property
    def resolution_s(self) -> float:
        """Mean time between two answers."""
        return self._looked_s / max(1, self._queries)

    def start(self) -> None:
        """Begin to look; what is there already does not count."""
        self._looking = self._looker.submit(self._look)

    def stop(self) -> None:
        """Look no more.

        Raises:
            Exception: what ended the looking, if anything did.
        """
        self._stop.set()
        self._looker.shutdown()
        if self._looking is not None:
            self._looking.result()

    def _look(self) -> None:
        with StoreReader(self._url) as reader:
            started_s = time.monotonic()
            while not self._stop.wait(self._pause_s):
                self._note(reader)
                self._queries += 1
                self._looked_s = time.monotonic() - started_s
            self._note(reader)

    def _note(self, reader: StoreReader) -> None:
        each = " OR ".join(["(device_id = ? AND event_time > ?)"] * len(self._newest))
        values = [value for pair in self._newest.items() for value in pair]
        today = time.time_ns() // 1000 // _DAY_US * _DAY_US  # other days' tables need not be looked into
        days = "ingest_time >= ? AND ingest_time < ?"
        query = f"SELECT device_id, event_time FROM summary WHERE {days} AND ({each})"  # noqa: S608
        rows = reader.ask(query, [today - _DAY_US // 24, today + _DAY_US, *values])
        now_us = time.time_ns() // 1000
        for device_id, time_us in rows:
            self._newest[device_id] = max(self._newest[device_id], time_us)
            self.ages.add((now_us - time_us) / 1e6)
