"""What lives are built of comes back as it was sent, in order, and as it was known at a moment."""

from __future__ import annotations

import random

import numpy as np
import pytest

from cloud.store import columns
from cloud.store.database import Database
from cloud.store.observations import is_caught_up, read_observed, read_profiles, read_times
from cloud.store.writer import StoreWriter
from contract.aggregates import NO_FEATURES
from tests.cloud.life_samples import DEVICE, PROFILE, at, born, observed, said, talk
from tests.cloud.samples import arrive, summary


def test_summaries_come_back_to_the_bit_and_in_order(writer: StoreWriter, database: Database) -> None:
    sent = talk(5)
    shuffled = random.Random(0).sample(sent, len(sent))
    writer.write([*shuffled, *talk(2, "mix-2")])
    with database.session() as session:
        read = list(read_observed(session, DEVICE))
    assert [each.key for each in read] == [a.key[1:] for a in sent]
    for each, arrival in zip(read, sent, strict=True):
        wanted = observed(arrival)
        assert each.values.tobytes() == wanted.values.tobytes()
        assert each.names == wanted.names
        assert (each.event_time, each.ingest_time) == (wanted.event_time, wanted.ingest_time)


def test_a_summary_without_features_is_read_too(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(summary(1, DEVICE, features=NO_FEATURES)))
    with database.session() as session:
        (read,) = read_observed(session, DEVICE)
    assert (read.names, read.values.shape) == ((), (0, 3))


def test_bounds_are_after_and_until_and_known_by_the_cut(writer: StoreWriter, database: Database) -> None:
    writer.write([said(1, 1), said(2, 2), said(3, 3, late_h=10), said(4, 4)])

    with database.session() as session:

        def keys(*bounds: float, cut: float = 1000) -> list[int]:
            after, until = bounds
            found = read_observed(session, DEVICE, at(after), at(until), at(cut))
            return [each.key[1] for each in found]

        assert keys(0, 9) == [1, 2, 3, 4]
        assert keys(1, 3) == [2, 3]
        assert keys(0, 9, cut=12) == [1, 2, 4]
        assert keys(0, 9, cut=2) == [1]  # 2 was measured, and not heard yet
        assert keys(0, 9, cut=2.5) == [1, 2]
        forwards = [event_time for event_time, _ in read_times(session, DEVICE, at(1))]
        assert forwards == [at(2), at(3), at(4)]
        backwards = list(read_times(session, DEVICE, is_newest_first=True))
        assert backwards[0] == (at(4), at(4.001))
        assert backwards[1] == (at(3), at(13))


def test_the_store_has_caught_up_when_it_holds_what_was_heard_as_it_came(
    writer: StoreWriter, database: Database
) -> None:
    writer.write([said(1, 1), said(2, 2, boot=7)])
    known, repeated = observed(said(2, 2, boot=7)), observed(said(1, 1, late_h=3))
    strangers = [observed(said(2, 2)), observed(said(3, 3))]
    with database.session() as session:
        assert is_caught_up(session, DEVICE, [repeated, known, *strangers])
        assert not is_caught_up(session, "mix-2", [known])
        assert not is_caught_up(session, DEVICE, [repeated, *strangers])
        assert not is_caught_up(session, DEVICE, [])


def test_profiles_are_those_of_the_births(
    writer: StoreWriter, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write([born(), said(1, 1, "mix-2")])
    with database.session() as session:
        assert read_profiles(session) == {DEVICE: PROFILE}
        assert read_profiles(session, ["mix-2"]) == {}
        monkeypatch.setattr(columns, "MAX_VALUES", 1)
        assert read_profiles(session, ["mix-2", "mix-3"]) == {}
        assert read_profiles(session, ["mix-2", DEVICE]) == {DEVICE: PROFILE}


def test_numbers_are_float32(writer: StoreWriter, database: Database) -> None:
    writer.write([said(1, 1)])
    with database.session() as session:
        (read,) = read_observed(session, DEVICE)
    assert read.values.dtype == np.float32
