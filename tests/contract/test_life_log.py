"""Lives begin and end as the log says, and no row knows what the log says later."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contract.life_log import LogEntry, LogKind, MachineRecord, Span, build_lives, event_codes, find_spans
from contract.lives import End, EventKind, LifeEvent, LifeSpec
from contract.snapshot import SECONDS, as_known_at, key_of
from tests.contract.life_strategies import told

COMPONENTS, CODES = ("seal", "bearing"), ("greased", "overheated")
SPEC = LifeSpec("pump", "h", 100.0, (), ("temp",), event_codes(COMPONENTS, CODES), components=COMPONENTS)
HOUR = SECONDS["h"]
FAILURE, REPLACEMENT = LogKind.FAILURE, LogKind.REPLACEMENT


def entry(hour: float, kind: LogKind, component: str = "seal", code: str = "") -> LogEntry:
    return LogEntry(hour * HOUR, kind, component, code)


def record(*log: LogEntry, hours: Any = range(10), until: float | None = None) -> MachineRecord:
    times = np.array(hours, np.float64) * HOUR
    sensors = np.arange(len(times), dtype=np.float32)[:, None]
    until_s = float(times[-1]) if until is None else until * HOUR
    return MachineRecord("p1", times, np.zeros((len(times), 0), np.float32), sensors, log, until_s)


def spans(*log: LogEntry) -> list[tuple[float, float, End]]:
    found = find_spans(record(*log), "seal")
    return [(span.start_s / HOUR, span.end_s / HOUR, span.end) for span in found]


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ((), [(0, 9, End.RUNNING)]),
        (((-5, REPLACEMENT),), [(-5, 9, End.RUNNING)]),
        (((0, REPLACEMENT),), [(0, 9, End.RUNNING)]),
        (((4, REPLACEMENT),), [(0, 4, End.REPLACED), (4, 9, End.RUNNING)]),
        (((4, FAILURE),), [(0, 4, End.FAILED), (4, 9, End.RUNNING)]),
        (((4, FAILURE), (4, REPLACEMENT)), [(0, 4, End.FAILED), (4, 9, End.RUNNING)]),
        (((4, REPLACEMENT), (4, FAILURE)), [(0, 4, End.FAILED), (4, 9, End.RUNNING)]),
        (((4, FAILURE), (6, REPLACEMENT)), [(0, 4, End.FAILED), (6, 9, End.RUNNING)]),
        (((4, FAILURE), (6, FAILURE)), [(0, 4, End.FAILED), (4, 6, End.FAILED), (6, 9, End.RUNNING)]),
        (
            ((4, FAILURE), (6, REPLACEMENT), (7, REPLACEMENT)),
            [(0, 4, End.FAILED), (6, 7, End.REPLACED), (7, 9, End.RUNNING)],
        ),
        (((-30, FAILURE), (4, REPLACEMENT)), [(-30, 4, End.REPLACED), (4, 9, End.RUNNING)]),
        (((-5, FAILURE), (4, REPLACEMENT)), [(4, 9, End.RUNNING)]),
        (((-5, FAILURE),), [(-5, 9, End.RUNNING)]),
        (((12, FAILURE),), [(0, 12, End.FAILED)]),
        (((12, REPLACEMENT),), [(0, 12, End.REPLACED)]),
    ],
)
def test_a_part_goes_in_and_comes_out(
    log: tuple[tuple[float, LogKind], ...], expected: list[tuple[float, float, End]]
) -> None:
    entries = [entry(hour, kind) for hour, kind in log]
    assert spans(*entries) == expected
    assert spans(*reversed(entries)) == expected


def test_only_its_own_ends_count() -> None:
    neighbour = entry(3, FAILURE, "bearing")
    error = entry(5, LogKind.ERROR, "", "overheated")
    assert spans(neighbour, error) == [(0, 9, End.RUNNING)]


def test_a_life_holds_its_rows_its_ages_and_its_end() -> None:
    built = build_lives(record(entry(2, REPLACEMENT), entry(6.5, FAILURE), until=20), "seal", SPEC)
    first, second, _ = built.lives
    assert (first.number, first.end, first.end_age, first.age.tolist()) == (0, End.REPLACED, 2, [0, 1])
    assert (second.number, second.end, second.end_age) == (1, End.FAILED, 4.5)
    assert second.age.tolist() == [0, 1, 2, 3, 4]
    assert second.sensors[:, 0].tolist() == [2, 3, 4, 5, 6]
    assert built.installed[key_of(second)] == datetime(1970, 1, 1, 2, tzinfo=UTC)


def test_the_row_at_the_end_belongs_to_the_next_life() -> None:
    """The visit that ended a life shows in the row of its hour."""
    log = entry(4, FAILURE), entry(4, REPLACEMENT), entry(4, REPLACEMENT, "bearing")
    first, second = build_lives(record(*log), "seal", SPEC).lives
    assert first.age[-1] == 3
    assert first.events == ()
    assert second.events == (LifeEvent(0.0, EventKind.MAINTENANCE, "bearing_replaced"),)


def test_a_running_life_keeps_its_last_row() -> None:
    (life,) = build_lives(record(), "seal", SPEC).lives
    assert (life.end, life.age[-1], life.remaining) == (End.RUNNING, 9, 0)


def test_a_neighbours_end_is_an_event_and_its_own_is_none() -> None:
    log = (
        entry(1, LogKind.MAINTENANCE, "", "greased"),
        entry(2, FAILURE, "bearing"),
        entry(3, REPLACEMENT, "bearing"),
        entry(4, LogKind.ERROR, "seal", "overheated"),
        entry(5, LogKind.ERROR, "bearing", "overheated"),
        entry(9, FAILURE),
    )
    life, _ = build_lives(record(*log), "seal", SPEC).lives
    assert life.events == (
        LifeEvent(1.0, EventKind.MAINTENANCE, "greased"),
        LifeEvent(2.0, EventKind.ERROR, "bearing_failed"),
        LifeEvent(3.0, EventKind.MAINTENANCE, "bearing_replaced"),
        LifeEvent(4.0, EventKind.ERROR, "overheated"),
    )


@pytest.mark.parametrize(("hours_later", "n_lives"), [(24, 2), (24.25, 3)])
def test_a_repair_comes_within_a_day(hours_later: float, n_lives: int) -> None:
    log = entry(4, FAILURE), entry(4 + hours_later, REPLACEMENT)
    assert len(build_lives(record(*log, hours=range(60)), "seal", SPEC).lives) == n_lives


def test_what_is_left_out_is_counted() -> None:
    log = entry(4.2, REPLACEMENT), entry(4.4, FAILURE), entry(8, FAILURE), entry(20, FAILURE)
    built = build_lives(record(*log), "seal", SPEC)
    assert [life.number for life in built.lives] == [0, 2, 3], "a number is a part's, also when it has no row"
    assert built.without_rows == 1


def test_a_machine_that_stops_for_good_has_no_life_left_out() -> None:
    assert build_lives(record(entry(9.5, FAILURE), until=30), "seal", SPEC).without_rows == 0


hours = st.integers(-20, 60).map(lambda quarter: quarter / 4)
logs = st.lists(
    st.one_of(
        st.builds(entry, hours, st.sampled_from((FAILURE, REPLACEMENT)), st.sampled_from(COMPONENTS)),
        st.builds(
            entry,
            hours,
            st.sampled_from((LogKind.MAINTENANCE, LogKind.ERROR)),
            st.sampled_from(("", *COMPONENTS)),
            st.sampled_from(CODES),
        ),
    ),
    max_size=12,
    unique_by=lambda each: each.time_s,
)


@given(logs)
def test_lives_follow_each_other(log: list[LogEntry]) -> None:
    found = find_spans(record(*log), "seal")
    assert all(span.start_s <= span.end_s for span in found)
    assert all(a.end_s <= b.start_s for a, b in pairwise(found))
    assert all(span.end is not End.RUNNING for span in found[:-1])


@given(logs, st.integers(0, 60))
def test_a_snapshot_in_the_past_is_what_was_known_then(log: list[LogEntry], quarter: int) -> None:
    """Leaving out what came later, before the lives are built or after, gives the same lives.

    Only while a machine is being repaired they differ: nobody knows yet that a new part will go in.
    """
    now = quarter / 4
    assume(not is_in_repair(log, now))
    whole = record(*log, until=15)
    rows = whole.times_s <= now * HOUR
    then = replace(
        whole,
        times_s=whole.times_s[rows],
        settings=whole.settings[rows],
        sensors=whole.sensors[rows],
        log=[each for each in log if each.time_s <= now * HOUR],
        until_s=now * HOUR,
    )
    cut = []
    for span, life in known_lives(whole):
        known = as_known_at(life, now - span.start_s / HOUR)
        cut += [] if known is None else [told(known)]
    assert cut == [told(life) for life in build_lives(then, "seal", SPEC).lives]


def known_lives(whole: MachineRecord) -> list[tuple[Span, Any]]:
    all_spans = find_spans(whole, "seal")
    return [(all_spans[life.number], life) for life in build_lives(whole, "seal", SPEC).lives]


def is_in_repair(log: list[LogEntry], hour: float) -> bool:
    before = [
        e
        for e in log
        if e.component == "seal" and e.kind in {FAILURE, REPLACEMENT} and e.time_s <= hour * HOUR
    ]
    return bool(before) and max(before, key=lambda each: each.time_s).kind is FAILURE
