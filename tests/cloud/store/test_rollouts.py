"""Rollouts survive the store to the letter, and only one of two changes at a time is made."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.errors import NotFoundError, RecordRefusedError, StaleError, StoreError
from cloud.store.database import Database
from cloud.store.rollouts import (
    add_events,
    add_rollout,
    list_events,
    list_rollouts,
    next_rank,
    put_assignment,
    read_rollout,
    save_rollout,
)
from cloud.store.rows import AssignmentRecord
from ota.member import Member, MemberState
from ota.rollout import Event, Rollout, create, start
from tests.cloud.release_samples import NOON, plan


def stored(database: Database, rollout_id: str = "r-1") -> Rollout:
    rollout = create(rollout_id, plan(), NOON).rollout
    with database.transaction() as session:
        add_rollout(session, rollout)
    return rollout


def test_it_comes_back_as_it_was(database: Database) -> None:
    rollout = start(stored(database), 1, NOON).rollout
    when = NOON + timedelta(microseconds=7)
    member = Member(1, when, MemberState.SHADOW, 4, 2, when, None, when, None, when, "slow", "too slow", True)
    whole = replace(rollout, members={"d-2": member, "d-1": Member(0, NOON)}, good_since=when, group=1)
    with database.transaction() as session:
        save_rollout(session, read_rollout(session, "r-1"), whole)
    with database.session() as session:
        again = read_rollout(session, "r-1")
        assert (again.rollout, again.version) == (whole, 2)
        assert [each.id for each in list_rollouts(session)] == ["r-1"]


def test_who_comes_second_changes_nothing(database: Database) -> None:
    stored(database)
    with database.session() as session:
        read = read_rollout(session, "r-1")
    with database.transaction() as session:
        save_rollout(session, read, replace(read.rollout, why="first"))
    with pytest.raises(StaleError), database.transaction() as session:
        add_events(session, "r-1", "b", [Event("second")], NOON)
        save_rollout(session, read, replace(read.rollout, why="second"))
    with database.session() as session:
        assert read_rollout(session, "r-1").rollout.why == "first"
        assert list_events(session, "r-1", 10) == []


def test_two_cannot_have_the_same_rank(database: Database) -> None:
    for name in ("r-1", "r-2", "r-3"):
        stored(database, name)
    for name, error in (("r-1", None), ("r-2", RecordRefusedError)):
        with database.session() as session:
            read = read_rollout(session, name)
        started = start(read.rollout, 1, NOON).rollout
        if error is None:
            with database.transaction() as session:
                save_rollout(session, read, started)
                assert next_rank(session) == 2
        else:
            with pytest.raises(error), database.transaction() as session:
                save_rollout(session, read, started)


@pytest.mark.parametrize("act", ["UPDATE rollout_event SET who = 'nobody'", "DELETE FROM rollout_event"])
def test_the_database_itself_keeps_the_audit_trail(database: Database, act: str) -> None:
    stored(database)
    with database.transaction() as session:
        add_events(session, "r-1", "Aylin Kaya", [Event("created", "because"), Event("x", "", "d-1")], NOON)
    with pytest.raises(StoreError, match="only ever added to"), database.connection() as connection:
        connection.exec_driver_sql(act)
    with database.session() as session:
        first, second = list_events(session, "r-1", 10)
        assert (first.who, first.what, first.why, first.time) == ("Aylin Kaya", "created", "because", NOON)
        assert list_events(session, "r-1", 10, after=first.id) == [second]
        assert list_events(session, "r-1", 10, device="d-1") == [second]


def assignment(number: int, rank: int = 1) -> AssignmentRecord:
    return AssignmentRecord(
        "d-1", number, rank, "r-1", "7-a", "install", NOON, NOON, f"{number}-x", b"signed"
    )


def test_numbers_of_a_device_rise_by_one_and_a_later_rollout_keeps_it(database: Database) -> None:
    for record in (assignment(1), assignment(2), assignment(3, rank=5)):
        with database.transaction() as session:
            put_assignment(session, record)
    for record in (assignment(1), assignment(3, 5), assignment(5, 5), assignment(4, rank=4)):
        with pytest.raises(StaleError), database.transaction() as session:
            put_assignment(session, record)
    with database.transaction() as session:
        put_assignment(session, assignment(4, rank=5))


def test_there_is_no_such_rollout(database: Database) -> None:
    with database.session() as session, pytest.raises(NotFoundError, match="r-9"):
        read_rollout(session, "r-9")
