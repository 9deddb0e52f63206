"""The newest forecast of each component is there as dates, whatever order forecasts are stored in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

from cloud.assets import Asset, Place
from cloud.migrations.run import downgrade, upgrade
from cloud.outcomes import MadeForecast
from cloud.planning import LifeWindow, place_on_calendar
from cloud.store.assets import save_assets
from cloud.store.database import Database
from cloud.store.forecasts import store_forecasts
from cloud.store.life_windows import read_windows
from cloud.store.writer import StoreWriter
from contract.forecast import Forecast
from tests.cloud.samples import arrive, birth

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def made(hours: float, device: str = "press-1", unit: str = "h", component: str = "seal") -> MadeForecast:
    forecast = Forecast(30.0, 10.5 + hours, 20.0 + hours, 40.0 + hours, 500.0)
    return MadeForecast(device, component, NOON + timedelta(hours=hours), "1-a", "press", unit, forecast)


def dates(forecast: MadeForecast) -> LifeWindow:
    window = place_on_calendar(forecast)
    assert window is not None
    return window


def test_an_older_forecast_changes_nothing(database: Database) -> None:
    for number, order in enumerate(permutations([1, 2, 3])):
        for hours in order:
            with database.transaction() as session:
                store_forecasts(session, [made(hours, f"press-{number}")], NOON)
    with database.session() as session:
        assert read_windows(session) == [dates(made(3, f"press-{number}")) for number in range(6)]


def test_the_newest_of_a_batch_counts_and_cycles_have_no_date(database: Database) -> None:
    with database.transaction() as session:
        store_forecasts(session, [made(2), made(5), made(1), made(1, unit="cycle", device="press-2")], NOON)
    with database.session() as session:
        assert read_windows(session) == [dates(made(5))]
        assert read_windows(session, devices=["press-2"]) == []


def test_only_those_of_a_site(database: Database, writer: StoreWriter) -> None:
    writer.write(arrive(birth("press-1"), birth("press-2")))
    with database.transaction() as session:
        save_assets(
            session, [Asset("P-1", Place("north"), device_id="press-1"), Asset("P-2", Place("north"))]
        )
        store_forecasts(session, [made(1), made(1, "press-2")], NOON)
        assert [each.device_id for each in read_windows(session, frozenset({"north"}))] == ["press-1"]
        assert read_windows(session, frozenset({"south"})) == []


def test_a_store_of_before_gets_them_from_its_forecasts(database: Database) -> None:
    with database.transaction() as session:
        store_forecasts(
            session, [made(2), made(1), made(9, component="bearing"), made(3, unit="cycle")], NOON
        )
        before = read_windows(session)
    with database.connection() as connection:
        downgrade(connection, "0010")
        upgrade(connection)
    with database.session() as session:
        assert [each for each in read_windows(session) if each.component == "bearing"] == [before[0]]
