"""A plant to look at: machines in every state, mapped to lines, with cases, forecasts and planned stops.

Rule: seeded, and written through the store's own writers, so that what is read is what a cloud would have.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cloud.assets import Asset, EquipmentClass, Place, PlannedStop
from cloud.outcomes import MadeForecast
from cloud.store.assets import save_assets
from cloud.store.batch import Arrival
from cloud.store.database import Database
from cloud.store.forecasts import store_forecasts
from cloud.store.planned_stops import add_stop
from cloud.store.writer import StoreWriter
from cloud.triage import Criticality
from contract.aggregates import NO_FEATURES
from contract.forecast import Forecast
from contract.messages import Alarm, AlarmTransition, Birth, Death, MachineState, Message, ScoreSummary
from contract.profiles import format_profile, load_profile

LINES_PER_SITE, MACHINES_PER_LINE = 10, 40
ALARMING, GONE, UNMAPPED = 0.06, 0.03, 0.01
"""Shares of machines."""
LEAD = timedelta(minutes=30)
"""How far its clocks run ahead, so that nobody goes offline while it is looked at."""
_BATCH = 400


class SeededPlant:
    """Machines that can be filled in and changed.

    Args:
        database: An empty store.
        machines: How many.
        seed: Another one, another plant.
    """

    def __init__(self, database: Database, machines: int, seed: int) -> None:
        self.devices = [f"m-{number:05d}" for number in range(machines)]
        self._database = database
        self._rng = random.Random(seed)
        self._writer = StoreWriter(database)
        self._now = datetime.now(UTC) + LEAD
        self._alarms = 0
        self.calm: list[str] = []
        """Machines without an alarm."""

    def fill(self) -> None:
        """Write all of it."""
        arrivals: list[Arrival] = []
        for device in self.devices:
            arrivals += self._arrivals(device)
            if len(arrivals) >= _BATCH:
                self._writer.write(arrivals)
                arrivals = []
        self._writer.write(arrivals)
        mapped = [device for device in self.devices if self._rng.random() >= UNMAPPED]
        with self._database.transaction() as session:
            save_assets(session, [self._asset(number, device) for number, device in enumerate(mapped)])
            store_forecasts(session, [self._forecast(device) for device in self.devices], self._now)
            for week in range(12):
                starts_at = self._now + timedelta(days=7 * week + 3)
                place = Place(f"site-{week % 3}")
                add_stop(session, PlannedStop(starts_at, starts_at + timedelta(hours=12), place))

    def raise_alarm(self, device: str) -> None:
        """One more alarm of a machine that has been calm, as if it arrived now."""
        self._alarms += 1
        now = datetime.now(UTC) + LEAD
        alarm = Alarm(1000 + self._alarms, AlarmTransition.RAISED, 0.9, 0.5, now - timedelta(minutes=1))
        self._writer.write([Arrival(_message(device, 100 + self._alarms, now, alarm), now)])

    def _arrivals(self, device: str) -> Iterator[Arrival]:
        now, fate = self._now, self._rng.random()
        yield Arrival(_message(device, 0, now, Birth("1.0.0", _PROFILE)), now)
        yield Arrival(_message(device, 1, now, _summary(self._rng.random() * 0.4)), now)
        if fate < ALARMING:
            score = 0.6 + 0.4 * self._rng.random()
            alarm = Alarm(1, AlarmTransition.RAISED, score, 0.5, now - timedelta(minutes=5), "full_load")
            yield Arrival(_message(device, 2, now, alarm), now)
        elif fate < ALARMING + GONE:
            yield Arrival(_message(device, 0, now, Death("connection lost")), now)
        else:
            self.calm.append(device)

    def _asset(self, number: int, device: str) -> Asset:
        line, place = number // MACHINES_PER_LINE, number // MACHINES_PER_LINE // LINES_PER_SITE
        area = f"area-{line % LINES_PER_SITE // 5}"
        return Asset(
            tag=f"P-{number:05d}",
            place=Place(f"site-{place}", area, f"L{line}"),
            name=f"Pump {number}",
            kind=EquipmentClass.PUMP,
            criticality=self._rng.choice(list(Criticality)),
            components=("bearing", "seal"),
            device_id=device,
        )

    def _forecast(self, device: str) -> MadeForecast:
        median = self._rng.uniform(24.0, 24.0 * 150)
        forecast = Forecast(median, median * 0.7, median, median * 1.5, 24.0 * 180)
        return MadeForecast(device, "bearing", self._now - LEAD, "1-bench", "pump", "h", forecast)


_PROFILE = format_profile(load_profile("pump"))


def _message(
    device: str, sequence: int, time: datetime, body: Birth | Death | Alarm | ScoreSummary
) -> Message:
    return Message(device, 1, sequence, time, body, model_version="pump-1")


def _summary(score: float) -> ScoreSummary:
    return ScoreSummary(
        interval_s=3600.0,
        state=MachineState.WATCHING,
        window_count=60,
        scored_count=60,
        score_mean=score,
        score_max=score,
        score_p50=score,
        score_p90=score,
        confidence=1.0,
        regime="full_load",
        features=NO_FEATURES,
        quality=(),
    )
