"""The fleet page's questions, on both databases: what machine by machine gives, in as few statements."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, select

from cloud.api.deps import utc_now
from cloud.assets import Asset, Place
from cloud.fleet import RANKS, FleetChoice, Show
from cloud.health import Health, Known, judge_health
from cloud.outcomes import MadeForecast
from cloud.store.assets import save_assets
from cloud.store.database import Database
from cloud.store.fleet import FleetQueries
from cloud.store.fleet_health import health_rank, open_alarms
from cloud.store.forecasts import store_forecasts
from cloud.store.machine_state import read_state
from cloud.store.queries import list_machines
from cloud.store.statements import insert_rows
from cloud.store.tables import Machine, table_of
from cloud.store.writer import StoreWriter
from cloud.web.fleet_reading import FleetReader
from contract.forecast import Forecast
from tests.cloud.samples import INGEST, alarm, arrive, birth, death, summary

_MACHINE = table_of(Machine)
NOW = INGEST
RESTS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
MACHINES = st.fixed_dictionaries(
    {
        "state": st.none() | st.integers(0, 9),
        "is_connected": st.none() | st.booleans(),
        "last_ingest_time": st.none() | st.integers(-400, 5).map(lambda s: NOW + timedelta(seconds=s)),
        "summary_interval_s": st.none() | st.sampled_from([0.0, 1.0, 60.0, 120.5]),
        "score_max": st.none() | st.sampled_from([0.0, 0.49, 0.5, 1.0]),
    }
)


@RESTS
@given(st.lists(MACHINES, min_size=1, max_size=20))
def test_the_database_judges_health_as_the_rules_do(
    database: Database, found: list[dict[str, object]]
) -> None:
    empty = {column.name: getattr(Machine(device_id=""), column.name) for column in _MACHINE.columns}
    rows = [empty | values | {"device_id": f"m{n}"} for n, values in enumerate(found)]
    alarms = open_alarms()
    query = select(_MACHINE, health_rank(alarms, NOW).label("rank")).select_from(
        _MACHINE.outerjoin(alarms, alarms.c.device_id == _MACHINE.c.device_id)
    )
    with database.transaction() as session:
        session.connection().execute(_MACHINE.delete())
        insert_rows(session, _MACHINE, rows)
        for row in session.connection().execute(query).all():
            known = Known(
                read_state(row.state),
                row.is_connected,
                row.last_ingest_time,
                row.summary_interval_s,
                row.score_max,
            )
            assert row.rank == RANKS[judge_health(known, NOW)], row


@pytest.fixture
def fleet(database: Database, writer: StoreWriter) -> Database:
    """Four mapped pumps, one of them in alarm, one gone, one due, and a stranger."""
    now = utc_now()
    writer.write(arrive(*(birth(f"pump-{n}") for n in range(1, 6)), ingest_time=now))
    writer.write(arrive(*(summary(1, f"pump-{n}") for n in range(1, 6)), ingest_time=now))
    writer.write(arrive(alarm(2, 7, device="pump-4"), death("pump-3"), ingest_time=now))
    lines = [Place("north", "packing", "L1"), Place("north", "packing", "L2"), Place("south"), Place("south")]
    assets = [Asset(f"P-{n}", place, device_id=f"pump-{n}") for n, place in enumerate(lines, start=1)]
    due = MadeForecast("pump-2", "seal", now, "1-a", "pump", "h", Forecast(300, 100, 300, 500, 999))
    with database.transaction() as session:
        save_assets(session, assets)
        store_forecasts(session, [due], now)
    return database


def test_places_add_up_to_what_machines_say(fleet: Database) -> None:
    now = utc_now()
    with fleet.session() as session:
        counts = FleetQueries(session, FleetChoice(), now).count_places()
        rows = list_machines(session, now)
    by_health = Counter[Health]()
    for count in counts:
        by_health[count.health] += count.machines
    assert by_health == Counter(row.health for row in rows)
    assert {(count.path, count.health): count.due for count in counts if count.due} == {
        (("north", "packing", "L2"), Health.OK): 1
    }
    assert ("", "", "") in {count.path for count in counts}


def test_the_list_is_the_worst_first_and_a_page_long(fleet: Database) -> None:
    page = FleetReader(fleet, utc_now).fleet(FleetChoice())
    assert [line.machine.row.device_id for line in page.lines] == [
        "pump-4",
        "pump-2",
        "pump-3",
        "pump-1",
        "pump-5",
    ]
    assert (page.total, page.chosen, page.open_count) == (5, 5, 1)
    first = page.lines[0]
    assert first.case is not None and first.case.level == "" and first.place == "south"
    assert page.lines[1].lasts == "4 days"


@pytest.mark.parametrize(
    ("choice", "devices"),
    [
        (FleetChoice(site="south"), ["pump-4", "pump-3"]),
        (FleetChoice(site="north", area="packing", line="L2"), ["pump-2"]),
        (FleetChoice(sites=frozenset({"north"})), ["pump-2", "pump-1"]),
        (FleetChoice(sites=frozenset()), []),
        (FleetChoice(health=Health.ALARM), ["pump-4"]),
        (FleetChoice(show=Show.SILENT), ["pump-3"]),
        (FleetChoice(show=Show.DUE), ["pump-2"]),
        (FleetChoice(show=Show.UNMAPPED), ["pump-5"]),
        (FleetChoice(show=Show.PLAN), ["pump-4"]),
        (FleetChoice(show=Show.NOW), []),
        (FleetChoice(search="p-1"), ["pump-1"]),
        (FleetChoice(search="BEARING-RIG", health=Health.OFFLINE), ["pump-3"]),
        (FleetChoice(search="100%"), []),
        (FleetChoice(page=2), []),
    ],
    ids=range(14),
)
def test_a_choice_narrows_the_list(fleet: Database, choice: FleetChoice, devices: list[str]) -> None:
    page = FleetReader(fleet, utc_now).fleet(choice)
    assert [line.machine.row.device_id for line in page.lines] == devices
    if choice.page == 1:
        assert page.chosen == len(devices)


def test_pages_follow_each_other(fleet: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.web.fleet_reading.MACHINES_PER_PAGE", 2)
    reader = FleetReader(fleet, utc_now)
    pages = [reader.fleet(FleetChoice(page=number)) for number in (1, 2, 3)]
    shown = [[line.machine.row.device_id for line in page.lines] for page in pages]
    assert shown == [["pump-4", "pump-2"], ["pump-3", "pump-1"], ["pump-5"]]
    assert (pages[0].previous_href, pages[0].next_href) == ("", "/?page=2")
    assert (pages[2].previous_href, pages[2].next_href) == ("/?page=2", "")


def test_many_machines_take_no_more_statements_than_few(fleet: Database, writer: StoreWriter) -> None:
    said: list[str] = []

    def count(*arguments: object) -> None:
        said.append(str(arguments[2]))

    def statements() -> int:
        said.clear()
        FleetReader(fleet, utc_now).fleet(FleetChoice())
        return len(said)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        few = statements()
        now = utc_now()
        writer.write(arrive(*(birth(f"more-{n}") for n in range(60)), ingest_time=now))
        writer.write(arrive(*(alarm(1, 1, device=f"more-{n}") for n in range(30)), ingest_time=now))
        assert statements() <= few <= 15
    finally:
        event.remove(Engine, "before_cursor_execute", count)
