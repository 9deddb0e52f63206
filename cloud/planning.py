"""When a machine has to be worked on, and which planned stop comes in time.

Rule: pure. A forecast is three quantiles; between them the chance of a failure is taken to rise evenly, and
before the first from none at the moment when it was made. Beyond the model's horizon nothing is promised. A
stop comes in time if it begins before the chosen risk is reached; of these the last is the one to use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import pairwise

from cloud.assets import Asset, Place, PlannedStop
from cloud.outcomes import MadeForecast
from contract.checks import LATEST
from contract.snapshot import SECONDS

RISKS = (0.05, 0.1, 0.2, 0.5)
"""Chances of a failure before the work that a person can choose from."""
DEFAULT_RISK = 0.1
_LEVELS = (0.0, 0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class LifeWindow:
    """A component's forecast on the calendar."""

    device_id: str
    component: str
    made_at: datetime
    p10_at: datetime
    """By then 10 of 100 such components have failed."""
    p50_at: datetime
    p90_at: datetime
    horizon_at: datetime
    """As far as the model sees; a quantile there lies there or later."""
    model_version: str = ""


class Catch(IntEnum):
    """Whether a planned stop comes in time; the most pressing first."""

    OVERDUE = 1
    """The chosen risk is reached already."""
    NONE = 2
    """No stop comes before it is."""
    STOP = 3
    FAR = 4
    """It is not reached as far as the model sees."""


@dataclass(frozen=True, slots=True)
class MachinePlan:
    """What there is to plan for one machine."""

    window: LifeWindow
    """Of the component that is due first."""
    safe_until: datetime
    """Latest date at the chosen risk; the horizon where that is not reached before."""
    catch: Catch
    asset: Asset | None = None
    """None: the device watches nothing that is known, so no stop is known either."""
    stop: PlannedStop | None = None
    """The last one that comes in time."""


class StopCalendar:
    """Planned stops by what they stop.

    Args:
        stops: Planned anywhere.
        now: Cloud time; a stop that is over is of no use.
    """

    def __init__(self, stops: Iterable[PlannedStop], now: datetime) -> None:
        self._stops = [stop for stop in stops if stop.ends_at > now]
        self._of_places: dict[Place, list[PlannedStop]] = {}
        self._of_tags: dict[str, list[PlannedStop]] = {}
        for stop in self._stops:
            if stop.place is None:
                self._of_tags.setdefault(stop.tag, []).append(stop)

    def of(self, asset: Asset | None) -> list[PlannedStop]:
        """Those in which a machine stands still; none of a device that watches nothing that is known."""
        if asset is None:
            return []
        if asset.place not in self._of_places:
            held = [stop for stop in self._stops if stop.place is not None and stop.place.holds(asset.place)]
            self._of_places[asset.place] = held
        return self._of_places[asset.place] + self._of_tags.get(asset.tag, [])


def place_on_calendar(made: MadeForecast) -> LifeWindow | None:
    """A forecast's quantiles as dates; None: its unit has no place on a calendar."""
    unit_s = SECONDS.get(made.time_unit)
    if unit_s is None:
        return None

    def at(life: float) -> datetime:
        most_s = (LATEST - made.made_at).total_seconds()
        return made.made_at + timedelta(seconds=min(life * unit_s, most_s))

    forecast = made.forecast
    dates = at(forecast.p10), at(forecast.p50), at(forecast.p90), at(forecast.horizon)
    return LifeWindow(made.device_id, made.component, made.made_at, *dates, made.model_version)


def latest_safe(window: LifeWindow, risk: float) -> datetime:
    """The date at which the chance of a failure since the forecast reaches a risk.

    Args:
        window: The forecast.
        risk: Above 0 and at most 0.9, where the forecast ends.

    Raises:
        ValueError: another risk.

    >>> from datetime import UTC
    >>> day = [datetime(2026, 3, n, tzinfo=UTC) for n in (1, 11, 21, 31)]
    >>> latest_safe(LifeWindow("pump-07", "seal", *day, day[3]), 0.3).day
    16
    """
    if not 0 < risk <= _LEVELS[-1]:
        raise ValueError(f"a risk lies above 0 and at most {_LEVELS[-1]}, not {risk}")
    dates = (window.made_at, window.p10_at, window.p50_at, window.p90_at)
    for (low, high), (start, end) in zip(pairwise(_LEVELS), pairwise(dates), strict=True):
        if risk <= high:
            return start + (end - start) * ((risk - low) / (high - low))
    return window.p90_at


def plan_machine(
    windows: Sequence[LifeWindow], asset: Asset | None, calendar: StopCalendar, risk: float, now: datetime
) -> MachinePlan:
    """Which stop a machine should be worked on in.

    Args:
        windows: Of its components, at least one.
        asset: What its device watches; None: nothing that is known.
        calendar: What is planned.
        risk: See `latest_safe`.
        now: Cloud time.
    """
    safe, window = min(((latest_safe(each, risk), each) for each in windows), key=_by_date)
    if safe >= window.horizon_at:
        return MachinePlan(window, window.horizon_at, Catch.FAR, asset)
    if safe <= now:
        return MachinePlan(window, safe, Catch.OVERDUE, asset)
    in_time = [each for each in calendar.of(asset) if each.starts_at <= safe]
    if not in_time:
        return MachinePlan(window, safe, Catch.NONE, asset)
    return MachinePlan(
        window, safe, Catch.STOP, asset, max(in_time, key=lambda each: (each.starts_at, each.id))
    )


def plan_fleet(
    windows: Iterable[LifeWindow],
    assets: Iterable[Asset],
    calendar: StopCalendar,
    risk: float,
    now: datetime,
) -> list[MachinePlan]:
    """A plan for every machine that has a forecast; what no stop catches first, then by date."""
    by_device: dict[str, list[LifeWindow]] = {}
    for window in windows:
        by_device.setdefault(window.device_id, []).append(window)
    watched = {asset.device_id: asset for asset in assets if asset.device_id}
    return sort_plans(
        plan_machine(own, watched.get(device), calendar, risk, now) for device, own in by_device.items()
    )


def sort_plans(plans: Iterable[MachinePlan]) -> list[MachinePlan]:
    """What no stop catches first, then by date."""
    return sorted(plans, key=lambda plan: (plan.catch, plan.safe_until, plan.window.device_id))


def _by_date(pair: tuple[datetime, LifeWindow]) -> tuple[datetime, str]:
    return pair[0], pair[1].component
