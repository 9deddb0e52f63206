"""Forecasts held against what happened.

Rule: pure. A forecast is judged once its component has failed, by the maintenance log; one whose component
was replaced first, or still runs, has no outcome. Errors are counted up to the horizon, because a forecast
says nothing beyond it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from cloud.machine_events import MachineEvent
from contract.checks import LATEST
from contract.forecast import Forecast
from contract.life_log import MachineRecord, find_spans
from contract.lives import End
from contract.snapshot import age_at


@dataclass(frozen=True, slots=True)
class MadeForecast:
    """What was forecast of a component, and by which model."""

    device_id: str
    component: str
    made_at: datetime
    """End of the newest row that it was made from, the device's clock."""
    model_version: str
    """In the registry."""
    machine_type: str
    time_unit: str
    """Of every number in it."""
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class Outcome:
    """A forecast, and how long its component lived on."""

    made: MadeForecast
    failed_at: datetime

    @property
    def remaining(self) -> float:
        """True remaining life when it was made, in its unit."""
        return age_at(self.failed_at, self.made.made_at, self.made.time_unit)

    @property
    def error(self) -> float:
        """Forecast minus truth, both up to the horizon; positive: it promised too much."""
        return self.made.forecast.mean - min(self.remaining, self.made.forecast.horizon)

    @property
    def is_covered(self) -> bool:
        """Whether the truth lies in the 80 % interval; beyond the horizon all truths are one."""
        forecast = self.made.forecast
        return forecast.p10 <= min(self.remaining, forecast.horizon) <= forecast.p90


@dataclass(frozen=True, slots=True)
class LiveError:
    """How good forecasts turned out to be."""

    forecasts: int
    failures: int
    """Lives that ended, and of which there was a forecast."""
    rmse: float
    """Root of the mean squared error, in the type's unit; each failure weighs the same."""
    coverage: float
    """Share of truths within the 80 % interval; each failure weighs the same."""


def outcomes_of(made: Iterable[MadeForecast], events: Sequence[MachineEvent]) -> list[Outcome]:
    """The forecasts of one machine whose component has failed since.

    Args:
        made: Forecasts of the machine.
        events: Its maintenance log.
    """
    by_component: dict[str, list[MadeForecast]] = {}
    for each in made:
        by_component.setdefault(each.component, []).append(each)
    return [o for component, mine in by_component.items() for o in _of_component(component, mine, events)]


def live_error(outcomes: Sequence[Outcome]) -> LiveError | None:
    """Sum up outcomes; None where there are none.

    A machine that was forecast every hour for a year must not drown one that failed after a week, so each
    failure weighs the same.
    """
    failures: dict[tuple[str, str, datetime], list[Outcome]] = {}
    for outcome in outcomes:
        made = outcome.made
        failures.setdefault((made.device_id, made.component, outcome.failed_at), []).append(outcome)
    if not failures:
        return None
    n = len(failures)
    squares = sum(sum(o.error**2 for o in each) / len(each) for each in failures.values())
    covered = sum(sum(o.is_covered for o in each) / len(each) for each in failures.values())
    return LiveError(len(outcomes), n, math.sqrt(squares / n), covered / n)


def _of_component(
    component: str, made: Sequence[MadeForecast], events: Sequence[MachineEvent]
) -> Iterator[Outcome]:
    first_s, nothing = min(each.made_at for each in made).timestamp(), np.empty((1, 0), np.float32)
    log = [event.entry for event in events]
    record = MachineRecord("", np.array([first_s]), nothing, nothing, log, LATEST.timestamp())
    failed = [span for span in find_spans(record, component) if span.end is End.FAILED]
    for each in made:
        for span in failed:
            if span.start_s <= each.made_at.timestamp() <= span.end_s:
                yield Outcome(each, datetime.fromtimestamp(span.end_s, UTC))
                break
