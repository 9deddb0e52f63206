"""What the planning page shows, worked out beforehand.

Rule: pure; plans in, dates, words and geometry out. The picture of a row repeats its dates, which stand in
the row as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud.assets import PlannedStop
from cloud.planning import Catch, MachinePlan

WIDTH, HEIGHT = 1000, 24
LEAST_SPAN, MOST_SPAN = timedelta(days=14), timedelta(days=365)
_TICKS = 6
CATCHES = {
    Catch.OVERDUE: "Risk reached",
    Catch.NONE: "No stop in time",
    Catch.STOP: "Planned stop",
    Catch.FAR: "Nothing due",
}
_MEANINGS = {
    Catch.OVERDUE: "The chosen risk is reached already: act without waiting for a stop",
    Catch.NONE: "The chosen risk is reached before any planned stop begins",
    Catch.STOP: "The last planned stop that begins before the chosen risk is reached",
    Catch.FAR: "Not reached as far as the forecast sees",
}


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of the time axis."""

    x: float
    width: float


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One machine."""

    plan: MachinePlan
    name: str
    place: str
    level: str
    """`overdue`, `none`, `stop` or `far`."""
    catch: str
    meaning: str
    window: Band
    """From p10 to p90."""
    median_x: float
    safe_x: float
    stops: tuple[Band, ...]
    says: str
    """The picture in words."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The time axis that all rows share."""

    start: datetime
    end: datetime

    def x(self, time: datetime) -> float:
        """Where a time stands, within the picture."""
        share = (time - self.start) / (self.end - self.start)
        return round(min(max(share, 0.0), 1.0) * WIDTH, 1)

    def band(self, start: datetime, end: datetime) -> Band:
        """A stretch, never too thin to be seen."""
        x = self.x(start)
        return Band(min(x, WIDTH - 3), max(3.0, round(self.x(end) - x, 1)))

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Positions in percent, and dates."""
        step = (self.end - self.start) / _TICKS
        return tuple((round(100 * n / _TICKS, 1), f"{self.start + n * step:%d %b}") for n in range(_TICKS))


def make_axis(plans: Iterable[MachinePlan], now: datetime) -> Axis:
    """From now until the last date that matters, at least two weeks and at most a year."""
    last = max((plan.window.p90_at for plan in plans if plan.catch is not Catch.FAR), default=now)
    return Axis(now, now + min(max((last - now) * 1.1, LEAST_SPAN), MOST_SPAN))


def plan_row(plan: MachinePlan, stops: Sequence[PlannedStop], axis: Axis) -> PlanRow:
    """A machine in the list.

    Args:
        plan: What there is to plan.
        stops: Those in which it stands still.
        axis: Shared by all rows.
    """
    window = plan.window
    seen = [each for each in stops if each.starts_at < axis.end]
    return PlanRow(
        plan=plan,
        name=plan.asset.tag if plan.asset else window.device_id,
        place=str(plan.asset.place) if plan.asset else "not mapped, so no stop is known",
        level=plan.catch.name.lower(),
        catch=CATCHES[plan.catch],
        meaning=_MEANINGS[plan.catch],
        window=axis.band(window.p10_at, window.p90_at),
        median_x=axis.x(window.p50_at),
        safe_x=axis.x(plan.safe_until),
        stops=tuple(axis.band(each.starts_at, each.ends_at) for each in seen),
        says=f"Fails between {window.p10_at:%d %b %Y} (10 %) and {_late(plan)} (90 %)",
    )


def _late(plan: MachinePlan) -> str:
    window = plan.window
    beyond = "after " if window.p90_at >= window.horizon_at else ""
    return f"{beyond}{window.p90_at:%d %b %Y}"
