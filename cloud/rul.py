"""Forecasts of remaining useful life (RUL), for all machines, at every interval.

Rule: the road is stream → rows → exported model → store. Every forecast names the version of the model that
made it; a machine without a model, or with columns that its model does not know, is said once and left out;
beyond the horizon nothing is said but that. A model that cannot be loaded leaves the one before it in charge.

Several workers share the machines as the stream shares its partitions. The lives of a partition's machines go
with it: who has it next reads them from the store. A round begins when the stream has said what is this
worker's own, and all that it held by then is read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TypeVar

from cloud.backoff import Backoff, retry
from cloud.champions import Champions, ServedModel, find_misfit
from cloud.errors import ModelError
from cloud.fleet_lives import FleetLives, Form, OnlineLife
from cloud.life_plan import machine_type_of, plan_of
from cloud.metrics import RulMetrics
from cloud.outcomes import MadeForecast
from cloud.store.batch import Arrival
from cloud.store.database import Database
from cloud.store.forecasts import store_forecasts
from cloud.stream import Consumer, StoredRecord
from contract.codec import decode
from contract.errors import ConfigError, IndustrialGuardError, MessageError
from contract.forecast import Forecast, assemble
from contract.profiles import MachineProfile
from contract.registry import Registry

GROUP = "rul"
"""The consumer group of the workers; each has the machines of its partitions."""
_T = TypeVar("_T")
_LOG = logging.getLogger(__name__)
_POLL_S = 1.0
_RETRY_BASE_S, _RETRY_CAP_S = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class RulSettings:
    """How forecasts are made.

    Raises:
        ConfigError: a number that cannot be right.
    """

    registry: Path
    """Folder of the model registry."""
    plans: Path | None = None
    """Folder of life plans; None: what follows from the machines' profiles."""
    interval_s: float = 900.0
    """Between two rounds of forecasts, in s."""
    batch: int = 256
    """Lives that the model reads at once."""
    poll_batch: int = 1000
    """Records taken from the stream at once."""
    threads: int = 1
    """That one run of a model may use."""

    def __post_init__(self) -> None:
        if not (self.interval_s > 0 and min(self.batch, self.poll_batch, self.threads) >= 1):
            raise ConfigError("rul: interval, batches and threads must be positive")


class RulWorker:
    """Follows the stream and forecasts.

    Args:
        database: Where rows are read from and forecasts go.
        settings: How.
        clock: Cloud time, aware UTC.
        metrics: Where it counts.
    """

    def __init__(
        self,
        database: Database,
        settings: RulSettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        metrics: RulMetrics | None = None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._champions = Champions(Registry(settings.registry), settings.threads)
        self._fleets: dict[tuple[int, int], FleetLives] = {}
        """By partition and turn."""
        self._forms: dict[MachineProfile, Form | None] = {}
        """Of this round; thousands of machines share a profile."""
        self._said: set[str] = set()
        self._newest: dict[tuple[str, str], tuple[datetime, str]] = {}
        self.metrics = metrics or RulMetrics()

    async def run(self, consumer: Consumer, stop: asyncio.Event) -> None:
        """Forecast at every interval until told to stop.

        Raises:
            CloudError: one that waiting does not cure.
        """
        due_s, is_first = time.monotonic() + self._settings.interval_s, True
        while not stop.is_set():
            has_caught_up = await self._read(consumer) == 0
            if (has_caught_up and is_first) or time.monotonic() >= due_s:
                due_s, is_first = time.monotonic() + self._settings.interval_s, False
                await self._catch_up(consumer, stop)
                await self._retry(lambda: asyncio.to_thread(self.forecast_all))
                self.metrics.late_rounds.inc(time.monotonic() > due_s)

    async def _read(self, consumer: Consumer) -> int:
        records = await consumer.poll(self._settings.poll_batch, _POLL_S)
        self.follow(consumer.turns())
        if records:
            self.take(records)
            await consumer.commit(records)
        return len(records)

    async def _catch_up(self, consumer: Consumer, stop: asyncio.Event) -> None:
        """Read what the stream holds now: a row that is forecast with half of its summaries stays so."""
        unread = await self._retry(consumer.lag)
        self.follow(consumer.turns())
        while unread > 0 and not stop.is_set() and (n_read := await self._read(consumer)):
            unread -= n_read

    def follow(self, turns: Mapping[int, int]) -> None:
        """Follow these turns of partitions; machines of others are forgotten."""
        known = self._fleets
        self._fleets = {turn: known.get(turn) or FleetLives(self._form_of) for turn in turns.items()}

    def take(self, records: Sequence[StoredRecord]) -> None:
        """Follow the stream by these records; whoever has their partition by now reads those of others."""
        fleets = {partition: fleet for (partition, _), fleet in self._fleets.items()}
        for record in records:
            try:
                arrival = Arrival(decode(record.value), record.append_time)
            except MessageError:
                self.metrics.undecodable.inc()  # the sink makes it a dead letter
            else:
                if record.partition in fleets:
                    fleets[record.partition].take([arrival])

    def forecast_all(self) -> int:
        """Forecast every component that has a row since its last forecast.

        Returns:
            How many forecasts were stored.

        Raises:
            StoreError: the store cannot be read or written; the forecasts so far are stored.
        """
        with self.metrics.round_time.time():
            stored = self._forecast_all(self._clock())
        self.metrics.rounds.inc()
        wrong_clocks = sum(fleet.wrong_clocks for fleet in self._fleets.values())
        _LOG.info("forecasts made", extra={"forecasts": stored, "wrong_clocks": wrong_clocks})
        return stored

    def _forecast_all(self, now: datetime) -> int:
        self._champions.refresh()
        self._forms.clear()
        with self._database.session() as session:
            for fleet in self._fleets.values():
                fleet.settle(session, now)
        unknown = {pair for fleet in self._fleets.values() for pair in fleet.unknown_components}
        for machine_type, component in sorted(unknown):
            reason = f"the model of {machine_type} does not know {component}; train it anew"
            self._say(reason, reason)
        stored = 0
        for served, online in self._batches(now):
            stored += self._forecast(served, online, now)
        return stored

    def _batches(self, now: datetime) -> Iterator[tuple[ServedModel, list[OnlineLife]]]:
        """Lives with a row that their model has not seen, as many at once as the settings say."""
        waiting: dict[str, list[OnlineLife]] = {}
        for online in chain.from_iterable(fleet.lives(now) for fleet in self._fleets.values()):
            served = self._champions.of(online.form.plan.machine_type)
            if served is None or self._newest.get(_component(online)) == (online.made_at, served.version):
                continue
            batch = waiting.setdefault(served.manifest.inputs.life.machine_type, [])
            batch.append(online)
            if len(batch) >= self._settings.batch:
                yield served, batch[:]
                batch.clear()
        for machine_type, batch in waiting.items():
            served = self._champions.of(machine_type)
            if served is not None and batch:
                yield served, batch

    def _forecast(self, served: ServedModel, online: Sequence[OnlineLife], now: datetime) -> int:
        pairs = list(zip(online, self._ask(served, online), strict=True))
        made = [_made(each, forecast, served) for each, forecast in pairs if forecast is not None]
        with self._database.transaction() as session:
            store_forecasts(session, made, now)
        self._newest |= {_component(each): (each.made_at, served.version) for each in online}
        self.metrics.forecasts.inc(len(made))
        self.metrics.beyond.inc(sum(each.forecast.is_beyond for each in made))
        self.metrics.unanswered.inc(len(pairs) - len(made))
        for each, forecast in pairs:
            if forecast is None:
                self._say(f"{each.device_id}: model {served.version} has no answer", each.device_id)
        return len(made)

    def _ask(self, served: ServedModel, online: Sequence[OnlineLife]) -> list[Forecast | None]:
        """A model's answers; where it fails, in halves until what it fails on stands alone."""
        try:
            outputs = served.model.run(assemble([each.life for each in online], served.manifest.inputs))
        except ModelError as error:
            if len(online) == 1:
                _LOG.error("no answer", extra={"device_id": online[0].device_id, "reason": str(error)})
                return [None]
            half = len(online) // 2
            return self._ask(served, online[:half]) + self._ask(served, online[half:])
        return served.manifest.forecasts(outputs)

    def _form_of(self, device: str, profile: MachineProfile) -> Form | None:
        if profile not in self._forms:
            self._forms[profile] = self._make_form(device, profile)
        return self._forms[profile]

    def _make_form(self, device: str, profile: MachineProfile) -> Form | None:
        machine_type = machine_type_of(profile)
        served = self._champions.of(machine_type)
        if served is None:
            self._say(f"no model for machine type {machine_type}", machine_type)
            return None
        try:
            plan = plan_of(profile, self._settings.plans)
        except ConfigError as error:
            self._say(str(error), machine_type)
            return None
        wrong = find_misfit(served.manifest, plan, profile)
        if wrong:
            self._say(
                f"{device}: {wrong}; model {served.version}", f"{machine_type} {served.version} {wrong}"
            )
            return None
        return Form(plan, served.manifest.inputs)

    def _say(self, reason: str, about: str) -> None:
        if about not in self._said:
            self._said.add(about)
            _LOG.warning("no forecast", extra={"reason": reason})

    async def _retry(self, attempt: Callable[[], Awaitable[_T]]) -> _T:
        return await retry(attempt, self._note_failure, Backoff(_RETRY_BASE_S, _RETRY_CAP_S))

    def _note_failure(self, error: IndustrialGuardError, wait_s: float) -> None:
        self.metrics.failed_rounds.inc()
        _LOG.error("forecasts are waiting", extra={"reason": str(error), "wait_s": round(wait_s, 3)})


def _component(online: OnlineLife) -> tuple[str, str]:
    return online.device_id, online.life.component


def _made(online: OnlineLife, forecast: Forecast, served: ServedModel) -> MadeForecast:
    life = served.manifest.inputs.life
    return MadeForecast(
        device_id=online.device_id,
        component=online.life.component,
        made_at=online.made_at,
        model_version=served.version,
        machine_type=life.machine_type,
        time_unit=life.time_unit,
        forecast=forecast,
    )
