"""Maintenance logs in the store: once, and as they were known at a moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud.store import columns
from cloud.store.database import Database
from cloud.store.machine_events import (
    devices_with_news,
    list_events,
    read_logs,
    store_events,
    withdraw_events,
)
from cloud.store.queries import change_marker
from tests.cloud.life_samples import DEVICE, at, event

LOG = [
    event("replacement", 0, "bearing"),
    event("maintenance", 5, "", "oiled"),
    event("failure", 9, "bearing"),
]
OTHER = replace(LOG[2], device_id="mix-2")


def test_an_import_run_twice_stores_once(database: Database) -> None:
    for expected in (3, 0):
        with database.transaction() as session:
            assert store_events(session, LOG, at(10)) == expected
    with database.transaction() as session:
        assert store_events(session, [*LOG, OTHER, OTHER], at(11)) == 1
    with database.session() as session:
        assert read_logs(session) == {DEVICE: tuple(LOG), "mix-2": (OTHER,)}
        assert read_logs(session, ["mix-2", "mix-3"]) == {"mix-2": (OTHER,)}


def test_what_was_not_known_yet_is_not_read(database: Database) -> None:
    with database.transaction() as session:
        store_events(session, LOG[:2], at(6))
        store_events(session, LOG[2:], at(100))
    with database.session() as session:
        for hours, n_known in ((4, 0), (6, 2), (50, 2), (100, 3)):
            assert len(read_logs(session, cut=at(hours)).get(DEVICE, ())) == n_known, hours


def test_more_machines_than_a_statement_takes_are_asked_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as session:
        store_events(session, [*LOG, OTHER], at(10))
    monkeypatch.setattr(columns, "MAX_VALUES", 1)
    with database.session() as session:
        assert set(read_logs(session, [DEVICE, "mix-3"])) == {DEVICE}
        assert set(read_logs(session, [DEVICE, "mix-2"])) == {DEVICE, "mix-2"}


def test_a_large_log_is_stored_whole(database: Database) -> None:
    many = [event("error", n / 100, "", f"e{n}") for n in range(12_000)]
    with database.transaction() as session:
        assert store_events(session, many, at(1000)) == len(many)


def test_a_refused_transaction_stores_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        store_events(session, LOG, at(10))
        raise ZeroDivisionError
    with database.session() as session:
        assert read_logs(session) == {}


def test_news_are_told_once(database: Database) -> None:
    with database.transaction() as session:
        before = change_marker(session)
        store_events(session, LOG, at(10))
        assert change_marker(session) > before
    with database.session() as session:
        devices, newest = devices_with_news(session, 0)
        assert devices == {DEVICE}
        assert devices_with_news(session, newest) == (set(), newest)
    with database.transaction() as session:
        store_events(session, [OTHER], at(11))
    with database.session() as session:
        assert devices_with_news(session, newest)[0] == {"mix-2"}


def test_what_is_taken_back_was_known_until_then_and_can_be_said_again(database: Database) -> None:
    failure = LOG[2]
    for hours, act in ((10, store_events), (20, withdraw_events), (21, withdraw_events), (30, store_events)):
        with database.transaction() as session:
            act(session, [failure], at(hours))
    with database.session() as session:
        known = {hours: read_logs(session, cut=at(hours)).get(DEVICE, ()) for hours in (9, 15, 25, 35)}
    assert known == {9: (), 15: (failure,), 25: (), 35: (failure,)}


def test_the_list_has_what_stands_now(database: Database) -> None:
    listed = []
    for act, events in ((store_events, LOG), (withdraw_events, LOG[:2]), (store_events, LOG[:1])):
        with database.transaction() as session:
            act(session, events, at(10))
        with database.session() as session:
            listed.append([each.event for each in list_events(session)])
    assert listed == [LOG[::-1], LOG[2:], [LOG[0], LOG[2]]]


def test_what_was_never_said_cannot_be_taken_back(database: Database) -> None:
    with database.transaction() as session:
        assert withdraw_events(session, LOG, at(10)) == 0
        assert store_events(session, LOG, at(11)) == 3


def test_a_withdrawal_is_news_of_its_machine(database: Database) -> None:
    with database.transaction() as session:
        store_events(session, [*LOG, OTHER], at(10))
    with database.session() as session:
        _, newest = devices_with_news(session, 0)
    with database.transaction() as session:
        withdraw_events(session, [OTHER], at(20))
    with database.session() as session:
        assert devices_with_news(session, newest)[0] == {"mix-2"}
