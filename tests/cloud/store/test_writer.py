"""The writer: what is new is stored once, whatever comes how often."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Table
from sqlmodel import Session, select

from cloud.errors import RecordRefusedError
from cloud.health import Health
from cloud.settings import sqlite_url
from cloud.store import machine_rows, queries, tables
from cloud.store.batch import Arrival, WriteOutcome
from cloud.store.database import Database, open_database
from cloud.store.rows import MachineRow
from cloud.store.statements import Rows, insert_new_rows
from cloud.store.writer import StoreWriter
from contract.aggregates import FeatureAggregate, FeatureTable
from contract.messages import MachineState, Message
from contract.profiles import load_profile
from tests.cloud.samples import BOOT, INGEST, alarm, arrive, at, birth, death, status, summary

POISON = {
    "sqlite": (
        "CREATE TRIGGER poison BEFORE INSERT ON summary WHEN NEW.regime = 'poison'"
        " BEGIN SELECT RAISE(ABORT, 'poisoned'); END",
    ),
    "postgresql": ("ALTER TABLE summary ADD CONSTRAINT poisoned CHECK (regime <> 'poison')",),
}


def machine(database: Database, device: str = "press-1", silent_s: float = 1.0) -> MachineRow:
    with database.session() as session:
        return queries.get_machine(session, device, INGEST + timedelta(seconds=silent_s))


def marker(database: Database) -> int:
    with database.session() as session:
        return queries.change_marker(session)


def test_a_batch_is_stored_whole(writer: StoreWriter, database: Database) -> None:
    outcome = writer.write(arrive(birth(), summary(1), status(2), alarm(3, 7), summary(1, "press-2")))
    assert outcome == WriteOutcome(stored=4, redelivered=0, presence=1)
    with database.session() as session:
        counts = queries.message_counts(session)
        assert counts.total.by_kind == {"summary": 2, "status": 1, "alarm": 1}
        assert counts.devices["press-1"].stored == 3
        assert counts.total.duplicated == 0


def test_a_repeated_batch_only_counts(writer: StoreWriter, database: Database) -> None:
    batch = arrive(summary(1), summary(2), alarm(3, 7))
    writer.write(batch)
    assert writer.write(batch) == WriteOutcome(stored=0, redelivered=3, presence=0)
    with database.session() as session:
        counts = queries.message_counts(session)
        assert (counts.total.stored, counts.total.redelivered, counts.total.duplicated) == (3, 3, 0)
        assert counts.devices["press-1"].redelivered == 3
        assert len(queries.score_trend(session, "press-1")) == 2
        assert queries.ingest_health(session).messages_stored == 3


def test_repeats_within_a_batch_are_seen_and_the_first_one_counts(
    writer: StoreWriter, database: Database
) -> None:
    outcome = writer.write(arrive(summary(1, score=0.25), summary(1, score=0.5), summary(2, score=0.375)))
    assert outcome == WriteOutcome(stored=2, redelivered=1, presence=0)
    with database.session() as session:
        assert [p.score_mean for p in queries.score_trend(session, "press-1")] == [0.25, 0.375]


def test_the_same_sequence_of_another_boot_or_device_is_another_message(writer: StoreWriter) -> None:
    batch = arrive(summary(1), summary(1, boot_id=BOOT + 1), summary(1, "press-2"))
    assert writer.write(batch).stored == 3


def test_the_newest_summary_is_the_machines_state(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(summary(5, score=0.4, state=MachineState.STANDSTILL, regime="off")))
    writer.write(arrive(summary(4, score=0.9)))
    found = machine(database)
    assert (found.state, found.regime, found.score) == (MachineState.STANDSTILL, "off", 0.4)
    assert found.last_event_time == at(300)
    assert found.health is Health.STANDSTILL
    assert found.confidence == 0.75
    assert found.messages_stored == 2


def test_a_summary_without_scored_windows_has_no_score(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(summary(1, scored_count=0, state=MachineState.WARMING_UP)))
    assert machine(database).score is None
    assert machine(database).score_max is None


def test_a_machine_whose_state_only_a_newer_cloud_knows_is_listed_as_unknown(
    writer: StoreWriter, database: Database
) -> None:
    writer.write(arrive(summary(1), summary(1, "press-2")))
    with database.transaction() as session:
        row = session.get(tables.Machine, "press-2")
        assert row is not None
        row.state = max(MachineState) + 1
    with database.session() as session:
        rows = queries.list_machines(session, INGEST + timedelta(seconds=1))
    assert [(row.state, row.health) for row in rows] == [
        (MachineState.WATCHING, Health.OK),
        (None, Health.UNKNOWN),
    ]
    writer.write(arrive(summary(2, "press-2")))
    assert machine(database, "press-2").state is MachineState.WATCHING, "until it says one that is known"


@pytest.mark.parametrize("years", [-10, 10])
def test_a_clock_ten_years_off_does_not_rule_the_machines_state(
    writer: StoreWriter, database: Database, years: int
) -> None:
    wrong = at(0).replace(year=2026 + years)
    writer.write(arrive(summary(1), status(2, outbox=1), ingest_time=at(60)))
    lost = summary(3, state=MachineState.STANDSTILL, event_time=wrong)
    writer.write(arrive(lost, status(4, outbox=9, event_time=wrong), ingest_time=at(120)))
    found = machine(database)
    assert (found.state, found.last_event_time) == (MachineState.STANDSTILL, at(120)), "it counts when heard"
    assert found.outbox_messages == 9
    assert found.clock_error_s == (wrong - at(120)).total_seconds()
    writer.write(arrive(summary(5, event_time=at(180)), status(6, event_time=at(180)), ingest_time=at(180)))
    found = machine(database)
    assert (found.state, found.last_event_time, found.outbox_messages) == (MachineState.WATCHING, at(180), 3)
    assert found.clock_error_s is None


def test_messages_of_a_wrong_clock_are_counted_once(writer: StoreWriter, database: Database) -> None:
    wrong = at(0).replace(year=2036)
    batch = arrive(
        birth(event_time=wrong), summary(1), alarm(2, 7, event_time=wrong), status(3, event_time=wrong)
    )
    assert [writer.write(batch).wrong_clocks for _ in range(2)] == [2, 0]
    assert machine(database).clock_error_s == pytest.approx((wrong - INGEST).total_seconds())


def test_an_older_status_changes_nothing(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(status(5, outbox=50), status(4, outbox=40, accelerator="edge_tpu")))
    assert machine(database).outbox_messages == 50
    assert machine(database).window_cost_us == 55.0
    assert machine(database).accelerator == "cpu"


def test_the_newest_status_says_what_computes_the_model(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(status(4), status(5, accelerator="edge_tpu")))
    found = machine(database)
    assert (found.accelerator, found.accelerator_reason) == ("edge_tpu", "the settings say so")


def test_every_write_raises_the_change_marker(writer: StoreWriter, database: Database) -> None:
    before = marker(database)
    writer.write(arrive(summary(1)))
    middle = marker(database)
    writer.write(arrive(summary(1)))
    assert before < middle < marker(database)


def test_a_refused_value_leaves_nothing_behind(writer: StoreWriter, database: Database) -> None:
    with database.connection() as connection:
        for statement in POISON[connection.dialect.name]:
            connection.exec_driver_sql(statement)
    with pytest.raises(RecordRefusedError, match="poisoned"):
        writer.write(arrive(summary(1), summary(2, regime="poison")))
    with database.session() as session:
        assert queries.message_counts(session).total.stored == 0
    assert writer.write(arrive(summary(1))).stored == 1  # its feature set was rolled back and is made again
    with database.session() as session:
        assert [t.name for t in queries.feature_trends(session, "press-1")] == ["vib_h_rms", "temp_level"]


def test_feature_names_are_stored_once(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(summary(1), summary(2)))
    StoreWriter(database).write(arrive(summary(3)))  # as after a restart
    with database.session() as session:
        assert [s.names for s in session.exec(select(tables.FeatureSet))] == [["vib_h_rms", "temp_level"]]


class TestPresence:
    """Who is connected, by the order of arrival and the boot."""

    def test_birth_and_death(self, writer: StoreWriter, database: Database) -> None:
        writer.write(arrive(birth(), summary(1)))
        found = machine(database)
        assert found.is_online
        assert (found.profile, found.agent_version) == (load_profile("bearing-rig"), "1.2.3")
        writer.write(arrive(death()))
        assert not machine(database).is_online
        assert machine(database).health is Health.OFFLINE

    def test_the_death_of_an_old_boot_is_old_news(self, writer: StoreWriter, database: Database) -> None:
        writer.write(arrive(birth(boot_id=1), summary(1, boot_id=1), birth(boot_id=2), death(boot_id=1)))
        assert machine(database).is_online
        writer.write(arrive(death(boot_id=2)))
        assert not machine(database).is_online

    def test_a_device_that_comes_back_in_the_same_boot_is_online(
        self, writer: StoreWriter, database: Database
    ) -> None:
        writer.write(arrive(birth(), death(), birth()))
        assert machine(database).is_online

    def test_whoever_speaks_is_back(self, writer: StoreWriter, database: Database) -> None:
        writer.write(arrive(birth(), summary(1), death()))
        writer.write(arrive(summary(1)))  # an echo of before
        assert not machine(database).is_online
        writer.write(arrive(summary(2)))
        assert machine(database).is_online

    def test_what_the_broker_remembers_does_not_overrule_what_was_heard(
        self, writer: StoreWriter, database: Database
    ) -> None:
        writer.write(arrive(death(), birth(), summary(1)))
        writer.write(arrive(death(), birth(), is_retained=True))
        assert machine(database).is_online
        writer.write(arrive(death()))
        writer.write(arrive(birth(), is_retained=True))
        assert not machine(database).is_online

    @pytest.mark.parametrize("is_birth_first", [True, False])
    def test_a_machine_known_only_from_memory_is_not_online(
        self, writer: StoreWriter, database: Database, is_birth_first: bool
    ) -> None:
        remembered = [birth(), death()] if is_birth_first else [death(), birth()]
        writer.write(arrive(*remembered, is_retained=True))
        assert not machine(database).is_online
        assert machine(database).profile == load_profile("bearing-rig")
        writer.write(arrive(summary(1)))
        assert machine(database).is_online

    def test_a_remembered_birth_of_a_new_boot_counts(self, writer: StoreWriter, database: Database) -> None:
        writer.write(arrive(birth(boot_id=1), summary(1, boot_id=1), death(boot_id=1)))
        writer.write(arrive(birth(boot_id=2), is_retained=True))
        assert machine(database).is_online

    def test_births_and_deaths_count_in_no_message_count(
        self, writer: StoreWriter, database: Database
    ) -> None:
        writer.write(arrive(birth(), death()))
        with database.session() as session:
            assert queries.message_counts(session).total.stored == 0


@settings(max_examples=25, deadline=None)
@given(sequences=st.lists(st.integers(1, 8), min_size=1, max_size=30), cut=st.integers(0, 30))
def test_any_order_and_repetition_stores_each_key_once(
    tmp_path_factory: pytest.TempPathFactory, sequences: list[int], cut: int
) -> None:
    database = open_database(sqlite_url(tmp_path_factory.mktemp("any") / "store.db"))
    writer = StoreWriter(database)
    arrivals = [Arrival(summary(s), INGEST) for s in sequences]
    outcomes = [writer.write(part) for part in (arrivals[:cut], arrivals[cut:])]
    assert sum(o.stored for o in outcomes) == len(set(sequences))
    assert sum(o.stored + o.redelivered for o in outcomes) == len(sequences)
    found = machine(database)
    assert found.last_event_time == at(60 * max(sequences))
    assert found.messages_stored == len(set(sequences))
    database.close()


def test_sinks_side_by_side_store_everything_once(database: Database) -> None:
    """Devices of their own, the same new feature set, and the counters that they share."""
    opened = [Database(database.url) for _ in range(4)]

    def write(place: int) -> int:
        writer = StoreWriter(opened[place])
        arrivals = arrive(*(summary(n, f"press-{place}") for n in range(1, 6)))
        return sum(writer.write(arrivals[n : n + 1]).stored for n in range(5))

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(write, range(4))) == [5] * 4
    with database.session() as session:
        assert queries.message_counts(session).total.stored == 20
        assert len(session.exec(select(tables.FeatureSet)).all()) == 1
    assert marker(database) == 20
    for each in opened:
        each.close()


@pytest.mark.slow
def test_writers_of_the_same_machines_do_not_disturb_each_other(store_url: str) -> None:
    devices = [f"press-{n}" for n in range(20)]
    sent = [summary(sequence, device) for sequence in range(1, 21) for device in devices]
    batches = [arrive(*sent[start : start + 50]) for start in range(0, len(sent), 25)]
    databases = [open_database(store_url) for _ in range(4)]

    def write(database: Database, turn: int) -> WriteOutcome:
        writer = StoreWriter(database, f"sink-{turn}")
        mine = batches if turn % 2 else [batch[::-1] for batch in reversed(batches)]
        outcomes = [writer.write(batch) for batch in mine]
        return WriteOutcome(sum(o.stored for o in outcomes), sum(o.redelivered for o in outcomes), 0)

    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(write, databases, range(4)))
    assert sum(o.stored for o in outcomes) == len(sent)
    with databases[0].session() as session:
        counts = queries.message_counts(session)
        assert (counts.total.stored, counts.total.duplicated) == (len(sent), 0)
        assert counts.total.redelivered == sum(o.redelivered for o in outcomes)
        assert all(row.messages_stored == 20 for row in queries.list_machines(session, INGEST))
    for database in databases:
        database.close()


def test_a_machine_that_another_sink_has_just_made_is_no_reason_to_wait(
    postgresql_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One holds no lock while it makes machines, so another that writes of the same ones comes through."""
    first, second = (open_database(postgresql_database) for _ in range(2))
    StoreWriter(first).write(arrive(summary(1, "z")))
    insert, news = insert_new_rows, arrive(summary(2, "a"), summary(2, "z"))

    def insert_late(session: Session, table: Table, rows: Rows) -> None:
        monkeypatch.setattr(machine_rows, "insert_new_rows", insert)
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(StoreWriter(second).write, news).result(60).stored == 2
        insert(session, table, rows)

    monkeypatch.setattr(machine_rows, "insert_new_rows", insert_late)
    assert StoreWriter(first).write(arrive(summary(3, "a"), summary(3, "z"))).stored == 2
    first.close()
    second.close()


@pytest.mark.slow
def test_new_machines_and_feature_sets_in_any_order_make_no_knot(postgresql_database: str) -> None:
    """Each write succeeds at once: a database that had to end one of them would raise."""
    databases = [open_database(postgresql_database) for _ in range(4)]

    def write(database: Database, turn: int) -> int:
        chance, writer = random.Random(turn), StoreWriter(database, f"sink-{turn}")
        stored = 0
        for first in range(0, 400, 20):
            news = [new_summary(n % 10 + 1, f"press-{n // 10}", n) for n in range(first, first + 20)]
            news += [summary(turn * 1000 + first + 100, f"press-{chance.randrange(first // 10 + 2)}")]
            stored += writer.write(arrive(*chance.sample(news, len(news)))).stored
        return stored

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(write, databases, range(4))) == 400 + 80
    for database in databases:
        database.close()


def new_summary(sequence: int, device: str, number: int) -> Message:
    """With features that no machine had before."""
    return summary(
        sequence, device, features=FeatureTable.of([FeatureAggregate(f"f{number}", 1.0, 1.0, 1.0)])
    )
