"""The process between the orders and the company's maintenance system.

Rule: the one place where it is built from settings; it needs neither stream nor broker. A step that the store
broke off is taken up again; whatever the maintenance system does is part of a step.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import closing
from datetime import UTC, datetime

from cloud.eam.adapters import open_eam
from cloud.eam.settings import EamSettings
from cloud.eam.worker import EamWorker, Outcome, WorkerSettings
from cloud.errors import EamUnavailableError
from cloud.metrics import EamMetrics, count_of
from cloud.monitor import Monitor
from cloud.settings import CloudSettings
from cloud.store.database import Database, open_database
from cloud.store.eam_boxes import Boxes, count_boxes
from contract.errors import ConfigError, IndustrialGuardError

_LOG = logging.getLogger(__name__)
PERIOD_S = 10.0
"""Between two steps where nothing waits, in s."""


async def run_eam(settings: CloudSettings, monitor: Monitor, stop: asyncio.Event) -> None:
    """Orders to the maintenance system and back, until told to stop.

    Raises:
        CloudError: the store failed for good.
        ConfigError: the settings cannot be right.
    """
    if settings.eam is None:
        raise ConfigError(
            "eam needs --eam FILE, which says where the maintenance system is (docs/operations.md)"
        )
    with closing(open_database(settings.prepare_store())) as database:
        monitor.watch_store(database)
        await serve_orders(settings.eam, database, monitor, stop)


async def serve_orders(
    settings: EamSettings, database: Database, monitor: Monitor, stop: asyncio.Event
) -> None:
    """The same over a store that somebody else closes.

    Raises:
        CloudError: the store failed for good.
        ConfigError: the settings cannot be right.
    """
    told = WorkerSettings(settings.name, settings.policy, settings.link)
    worker = EamWorker(database, open_eam(settings), told, lambda: datetime.now(UTC))
    loop = _Loop(worker, database, EamMetrics(monitor.registry))
    monitor.watch(f"maintenance system ({settings.name})", loop.check)
    _LOG.info("ready", extra={"address": settings.address.host})
    await loop.run(stop)
    _LOG.info("eam stopped", extra={"sent": count_of(loop.metrics.sent)})


class _Loop:
    def __init__(self, worker: EamWorker, database: Database, metrics: EamMetrics) -> None:
        self._worker = worker
        self._database = database
        self.metrics = metrics
        self._problem = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Step after step."""
        while not stop.is_set():
            if not await self._step():
                await _wait(stop, PERIOD_S)

    async def check(self) -> None:
        """Return when the maintenance system can be used.

        Raises:
            EamUnavailableError: it cannot.
        """
        if self._problem:
            raise EamUnavailableError(self._problem)

    async def _step(self) -> bool:
        """Whether there is more to do at once."""
        try:
            outcome, boxes = await asyncio.to_thread(self._do)
        except IndustrialGuardError as error:
            if not error.retriable:
                raise
            _LOG.warning("a step broke off", extra={"reason": str(error)})
            return False
        self._note(outcome, boxes)
        return outcome.has_more and not outcome.problem

    def _do(self) -> tuple[Outcome, Boxes]:
        outcome = self._worker.step()
        with self._database.session() as session:
            return outcome, count_boxes(session)

    def _note(self, outcome: Outcome, boxes: Boxes) -> None:
        if outcome.problem != self._problem:
            word = "cannot be used" if outcome.problem else "can be used again"
            _LOG.warning("the maintenance system %s", word, extra={"reason": outcome.problem})
        self._problem = outcome.problem
        for counter, number in (
            (self.metrics.sent, outcome.sent),
            (self.metrics.failed, outcome.failed),
            (self.metrics.refused, outcome.refused),
            (self.metrics.taken, outcome.taken),
        ):
            counter.inc(number)
        oldest = boxes.oldest_waiting
        self.metrics.oldest_wait.set((datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0)
        self.metrics.dead_letters.set(boxes.dead_out + boxes.dead_in)


async def _wait(stop: asyncio.Event, wait_s: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), wait_s)
    except TimeoutError:
        return
