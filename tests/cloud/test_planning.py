"""Which date is safe at a risk, and which planned stop comes before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.assets import Asset, Place, PlannedStop
from cloud.outcomes import MadeForecast
from cloud.planning import (
    Catch,
    LifeWindow,
    MachinePlan,
    StopCalendar,
    latest_safe,
    place_on_calendar,
    plan_fleet,
    plan_machine,
    sort_plans,
)
from contract.checks import LATEST
from contract.forecast import Forecast

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PUMP = Asset("P-101", Place("north", "packing"), device_id="pump-07")
HOURS = st.integers(0, 5000).map(lambda hours: timedelta(hours=hours))
RISK = st.floats(0.001, 0.9)


@st.composite
def windows(draw: st.DrawFn) -> LifeWindow:
    p10, p50, p90, horizon = sorted(draw(HOURS) for _ in range(4))
    made_at = NOON - draw(HOURS)
    dates = (made_at + p10, made_at + p50, made_at + p90, made_at + horizon)
    return LifeWindow("pump-07", "bearing", made_at, *dates)


@st.composite
def stops(draw: st.DrawFn) -> PlannedStop:
    starts_at = NOON - timedelta(hours=2000) + draw(HOURS)
    place = draw(st.sampled_from([Place("north"), Place("south"), Place("north", "packing")]))
    return PlannedStop(starts_at, starts_at + timedelta(hours=8), place, id=draw(st.integers(1, 99)))


@given(windows(), RISK, RISK)
def test_more_risk_is_never_earlier_and_lies_between_the_quantiles(
    window: LifeWindow, a: float, b: float
) -> None:
    low, high = sorted((a, b))
    assert window.made_at <= latest_safe(window, low) <= latest_safe(window, high) <= window.p90_at


@given(windows())
def test_at_the_quantiles_it_is_the_quantile(window: LifeWindow) -> None:
    dates = [latest_safe(window, risk) for risk in (0.1, 0.5, 0.9)]
    assert dates == [window.p10_at, window.p50_at, window.p90_at]


@pytest.mark.parametrize("risk", [0.0, -0.1, 0.91, float("nan")])
def test_a_risk_that_the_forecast_does_not_tell_is_refused(risk: float) -> None:
    with pytest.raises(ValueError, match="a risk lies"):
        latest_safe(LifeWindow("pump-07", "bearing", NOON, NOON, NOON, NOON, NOON), risk)


@given(st.lists(windows(), min_size=1, max_size=3), st.lists(stops(), max_size=8), RISK)
def test_the_stop_is_the_last_that_comes_in_time(
    found: list[LifeWindow], planned: list[PlannedStop], risk: float
) -> None:
    plan = plan_machine(found, PUMP, StopCalendar(planned, NOON), risk, NOON)
    own = [stop for stop in planned if stop.stops(PUMP) and stop.ends_at > NOON]
    in_time = [stop for stop in own if stop.starts_at <= plan.safe_until]
    assert plan.safe_until == min(latest_safe(each, risk) for each in found)
    if plan.catch is Catch.STOP:
        assert plan.stop is not None and plan.stop in in_time and plan.safe_until > NOON
        assert all(stop.starts_at <= plan.stop.starts_at for stop in in_time)
    elif plan.catch is Catch.NONE:
        assert not in_time
    else:
        assert plan.stop is None
        assert plan.safe_until <= NOON or plan.safe_until >= plan.window.horizon_at


@given(st.lists(st.tuples(windows(), RISK), max_size=6), st.lists(stops(), max_size=3))
def test_what_no_stop_catches_comes_first(
    found: list[tuple[LifeWindow, float]], planned: list[PlannedStop]
) -> None:
    plans = sort_plans(
        plan_machine([window], PUMP, StopCalendar(planned, NOON), risk, NOON) for window, risk in found
    )
    assert [plan.catch for plan in plans] == sorted(plan.catch for plan in plans)


def test_a_device_that_watches_nothing_has_no_stop() -> None:
    week = NOON + timedelta(days=7)
    window = LifeWindow("pump-07", "bearing", NOON, week, week, week, week + timedelta(days=1))
    stop = PlannedStop(NOON, week, Place("north"))
    calendar = StopCalendar([stop], NOON)
    assert plan_machine([window], None, calendar, 0.1, NOON).catch is Catch.NONE
    caught = MachinePlan(window, week, Catch.STOP, PUMP, stop)
    assert plan_fleet([window], [PUMP], calendar, 0.1, NOON) == [caught]


@given(st.lists(stops(), max_size=8), st.sampled_from([PUMP, Asset("M-1", Place("south"))]))
def test_the_calendar_holds_what_stops_a_machine(planned: list[PlannedStop], asset: Asset) -> None:
    own = [PlannedStop(NOON, NOON + timedelta(hours=1), tag=asset.tag), *planned]
    found = StopCalendar(own, NOON).of(asset)
    assert sorted(found, key=id) == sorted((s for s in own if s.stops(asset) and s.ends_at > NOON), key=id)


def test_a_forecast_goes_onto_the_calendar_where_its_unit_has_one() -> None:
    made = MadeForecast("pump-07", "bearing", NOON, "7-1", "pump", "h", Forecast(50, 24, 48, 72, 1000))
    window = place_on_calendar(made)
    assert window is not None and window.p10_at == NOON + timedelta(days=1) and window.model_version == "7-1"
    in_cycles = MadeForecast("engine-1", "core", NOON, "7-1", "engine", "cycle", made.forecast)
    assert place_on_calendar(in_cycles) is None
    for_ever = MadeForecast("pump-07", "bearing", NOON, "7-1", "pump", "h", Forecast(1e9, 1e9, 1e9, 1e9, 1e9))
    window = place_on_calendar(for_ever)
    assert window is not None and window.p10_at == LATEST
