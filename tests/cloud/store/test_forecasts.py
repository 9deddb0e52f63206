"""Forecasts are kept as they were made and read beside what happened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud.outcomes import MadeForecast
from cloud.store.database import Database
from cloud.store.forecasts import live_error_of, newest_forecasts, past_forecasts, store_forecasts
from cloud.store.machine_events import store_events
from cloud.store.queries import change_marker
from contract.forecast import Forecast
from tests.cloud.life_samples import DEVICE, at, event

NUMBERS = Forecast(50.0, 30.0, 50.0, 70.0, 200.0)


def made(hours: float, component: str = "machine", **changes: object) -> MadeForecast:
    whole = MadeForecast(DEVICE, component, at(hours), "1-abc", "dough_mixer", "h", NUMBERS)
    return replace(whole, **changes)  # type: ignore[arg-type]


def store(database: Database, *forecasts: MadeForecast) -> None:
    with database.transaction() as session:
        store_forecasts(session, forecasts, at(1000))


def test_the_newest_of_each_component_is_shown(database: Database) -> None:
    store(database, made(1), made(3), made(2), made(2, "gear"), made(9, device_id="mix-2"))
    with database.session() as session:
        assert newest_forecasts(session, DEVICE) == [made(2, "gear"), made(3)]
        assert newest_forecasts(session, "mix-3") == []


def test_of_two_models_the_one_that_spoke_last_is_shown(database: Database) -> None:
    store(database, made(3))
    store(database, made(3, model_version="2-def"))
    with database.session() as session:
        assert newest_forecasts(session, DEVICE) == [made(3, model_version="2-def")]


def test_what_was_said_first_stays(database: Database) -> None:
    store(database, made(3))
    store(database, made(3, forecast=replace(NUMBERS, mean=1.0)), made(4))
    with database.session() as session:
        assert [each for each, _ in past_forecasts(session, DEVICE)] == [made(4), made(3)]


def test_storing_nothing_changes_nothing(database: Database) -> None:
    with database.session() as session:
        before = change_marker(session)
    store(database)
    with database.session() as session:
        assert change_marker(session) == before
    store(database, made(1))
    with database.session() as session:
        assert change_marker(session) > before


def test_past_forecasts_come_with_what_happened_and_in_pages(database: Database) -> None:
    store(database, made(10), made(40), made(70), made(20, "gear"))
    with database.transaction() as session:
        store_events(session, [event("failure", 60)], at(60))
    with database.session() as session:
        found = past_forecasts(session, DEVICE)
        assert [(each.made_at, outcome and outcome.remaining) for each, outcome in found] == [
            (at(70), None),
            (at(40), 20.0),
            (at(20), None),
            (at(10), 50.0),
        ]
        page = past_forecasts(session, DEVICE, limit=2, before=at(70))
        assert [each.made_at for each, _ in page] == [at(40), at(20)]


def test_the_live_error_is_that_of_a_type_a_span_and_a_model(database: Database) -> None:
    store(
        database,
        made(10),
        made(10, device_id="mix-2"),
        made(12, model_version="2-def", forecast=replace(NUMBERS, mean=40.0)),
        made(10, device_id="fan-1", machine_type="fan"),
    )
    with database.session() as session:
        assert live_error_of(session, "dough_mixer", at(0)) is None
    with database.transaction() as session:
        store_events(session, [event("failure", 70)], at(70))
    with database.session() as session:
        first = live_error_of(session, "dough_mixer", at(0), "1-abc")
        assert first is not None
        assert (first.forecasts, first.failures, first.rmse, first.coverage) == (1, 1, 10.0, 1.0)
        both = live_error_of(session, "dough_mixer", at(0))
        assert both is not None
        assert (both.forecasts, both.failures) == (2, 1)
        assert both.rmse == pytest.approx(((10.0**2 + 18.0**2) / 2) ** 0.5)
        assert live_error_of(session, "dough_mixer", at(13)) is None
        assert live_error_of(session, "fan", at(0)) is None
