from __future__ import annotations

import sqlite3
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contract.messages import Kind
from edge_agent.outbox import PRIORITY, Outbox, OutboxEntry, OutboxLimits
from edge_agent.outbox_file import LOG_BYTES
from edge_agent.schedule import Lane
from tests.edge_agent.box import ALARM, ROOMY, STATUS, SUMMARY, entry, keys, room_for, waiting


def test_what_was_added_is_pending_in_order(open_outbox: Callable[..., Outbox]) -> None:
    outbox = open_outbox()
    added = [entry(i) for i in range(1, 6)]
    assert all(outbox.add(e) for e in added)

    assert waiting(outbox, 10) == added
    assert (outbox.depth, outbox.size_bytes) == (5, sum(e.size for e in added))


def test_what_is_added_at_once_is_one_write(open_outbox: Callable[..., Outbox], outbox_path: Path) -> None:
    outbox = open_outbox()
    log = outbox_path.with_name("outbox.sqlite-wal")

    def grown_by(*entries: OutboxEntry) -> int:
        before = log.stat().st_size
        assert outbox.add(*entries)
        return log.stat().st_size - before

    outbox.add(entry(1))
    one, three = grown_by(entry(2)), grown_by(entry(3), entry(4, STATUS), entry(5, ALARM))
    assert one == three, "the same pages are written once for all"
    assert keys(waiting(outbox, 10)) == [(ALARM, 5), (SUMMARY, 1), (SUMMARY, 2), (SUMMARY, 3), (STATUS, 4)]


def test_of_what_is_added_at_once_only_what_finds_no_room_is_dropped(
    open_outbox: Callable[..., Outbox],
) -> None:
    outbox = open_outbox(room_for(3))
    assert not outbox.add(entry(1), entry(2, SUMMARY, size=10_000), entry(3, ALARM))
    assert keys(waiting(outbox, 10)) == [(ALARM, 3)], "to make room, the small summary went first"
    assert outbox.drops == {"summary": 2}


def test_the_log_keeps_its_size_so_that_syncing_stays_cheap(
    open_outbox: Callable[..., Outbox], outbox_path: Path
) -> None:
    outbox = open_outbox(OutboxLimits(max_bytes=10_000_000, max_age_s=1e9))
    for i in range(1, 600):
        outbox.add(entry(i, size=2000))
    assert outbox_path.with_name("outbox.sqlite-wal").stat().st_size <= LOG_BYTES
    assert outbox.depth == 599


def test_only_acknowledged_messages_leave(open_outbox: Callable[..., Outbox]) -> None:
    outbox = open_outbox()
    for i in range(1, 6):
        outbox.add(entry(i))

    assert outbox.acknowledge(1, {1, 3, 99}, {4}) == (2, 1)
    assert outbox.acknowledge(2, {2}, ()) == (0, 0), "another boot's sequence"
    assert outbox.acknowledge(1, {1, 3}, {4}) == (0, 0), "twice"
    assert keys(waiting(outbox, 10)) == [(SUMMARY, 2), (SUMMARY, 5)]
    assert outbox.drops == {}


def test_the_same_key_twice_is_our_defect(open_outbox: Callable[..., Outbox]) -> None:
    outbox = open_outbox()
    outbox.add(entry(1))
    with pytest.raises(sqlite3.IntegrityError):
        outbox.add(entry(1))
    assert outbox.depth == 1


def test_everything_is_there_after_reopening(open_outbox: Callable[..., Outbox]) -> None:
    first = open_outbox(room_for(3))
    for i in range(1, 6):
        first.add(entry(i))
    first.close()

    again = open_outbox(room_for(3))
    assert keys(waiting(again)) == [(SUMMARY, 3), (SUMMARY, 4), (SUMMARY, 5)]
    assert again.drops == {"summary": 2}
    assert again.size_bytes == first.size_bytes


def test_the_oldest_goes_first_and_alarms_last(open_outbox: Callable[..., Outbox]) -> None:
    outbox = open_outbox(room_for(4))
    for i, kind in enumerate([ALARM, STATUS, SUMMARY, SUMMARY], start=1):
        outbox.add(entry(i, kind))

    assert outbox.add(entry(5, ALARM))
    assert keys(waiting(outbox)) == [(ALARM, 1), (ALARM, 5), (SUMMARY, 3), (SUMMARY, 4)]
    assert outbox.add(entry(6, STATUS))
    assert outbox.add(entry(7, ALARM))
    assert keys(waiting(outbox)) == [(ALARM, 1), (ALARM, 5), (ALARM, 7), (STATUS, 6)]
    assert outbox.add(entry(8, ALARM))
    assert not outbox.add(entry(9, SUMMARY)), "nothing here is worth less"
    assert outbox.add(entry(10, ALARM)), "alarms give way to newer alarms only"
    assert keys(waiting(outbox)) == [(ALARM, i) for i in (5, 7, 8, 10)]
    assert outbox.drops == {"summary": 3, "status": 2, "alarm": 1}


def test_a_message_larger_than_the_outbox_is_dropped(open_outbox: Callable[..., Outbox]) -> None:
    outbox = open_outbox(room_for(2))

    assert not outbox.add(entry(1, ALARM, size=10_000))
    assert outbox.drops == {"alarm": 1}


def test_old_messages_are_given_up_and_counted(open_outbox: Callable[..., Outbox]) -> None:
    now = [1000.0]
    outbox = open_outbox(OutboxLimits(1_000_000, max_age_s=60.0), lambda: now[0])
    outbox.add(entry(1))
    now[0] += 50
    outbox.add(entry(2, ALARM))
    now[0] += 50
    outbox.add(entry(3))

    assert keys(waiting(outbox, 9)) == [(ALARM, 2), (SUMMARY, 3)]
    assert outbox.drops == {"summary": 1}


def test_age_counts_running_time_over_restarts_whatever_the_clock_starts_at(
    open_outbox: Callable[..., Outbox],
) -> None:
    limits = OutboxLimits(1_000_000, max_age_s=60.0)
    for start in (5000.0, 3.0, 1e9):
        now = [start]
        outbox = open_outbox(limits, lambda now=now: now[0])
        outbox.add(entry(int(start)))
        now[0] += 25.0
        outbox.add(entry(int(start) + 1))
        outbox.close()

    # Running time 0, 25 | 25, 50 | 50, 75: only the first is older than 60 s.
    assert open_outbox(limits, lambda: 0.0).depth == 5


def test_each_lane_goes_in_order_and_old_alarms_before_all_that_is_old(
    open_outbox: Callable[..., Outbox],
) -> None:
    now = [0.0]
    outbox = open_outbox(OutboxLimits(1_000_000, 1e9, live_s=60.0), lambda: now[0])
    for i, kind in enumerate([SUMMARY, ALARM, STATUS, ALARM, SUMMARY], start=1):
        outbox.add(entry(i, kind))
    now[0] += 60.0
    for i, kind in enumerate([SUMMARY, ALARM, STATUS, ALARM], start=6):
        outbox.add(entry(i, kind))

    chosen = outbox.pending(dict.fromkeys(Lane, 9))
    assert {lane: [e.sequence for e in entries] for lane, entries in chosen.items()} == {
        Lane.ALARM: [7, 9],
        Lane.LIVE: [6, 8],
        Lane.BACKLOG: [2, 4, 1, 3, 5],
    }
    room = {Lane.ALARM: 1, Lane.LIVE: 0, Lane.BACKLOG: 3}
    few = outbox.pending(room, {(1, 2), (1, 7)})
    assert [e.sequence for e in few[Lane.ALARM]] == [9]
    assert few[Lane.LIVE] == []
    assert [e.sequence for e in few[Lane.BACKLOG]] == [4, 1, 3]


def test_what_an_earlier_start_left_is_backlog_however_young(open_outbox: Callable[..., Outbox]) -> None:
    first = open_outbox()
    first.add(entry(1, boot=1))
    first.close()
    now = [77.0]
    again = open_outbox(clock=lambda: now[0])
    now[0] += 0.1
    again.add(entry(1, boot=2))

    assert [e.key for e in again.pending(dict.fromkeys(Lane, 9))[Lane.BACKLOG]] == [(1, 1)]
    assert [e.key for e in again.pending(dict.fromkeys(Lane, 9))[Lane.LIVE]] == [(2, 1)]
    again.acknowledge(1, {1}, ())
    again.acknowledge(2, {1}, ())
    now[0] += 0.1
    again.add(entry(2, boot=2))
    assert [e.key for e in again.pending(dict.fromkeys(Lane, 9))[Lane.LIVE]] == [(2, 2)], (
        "numbers start again"
    )


def test_a_week_offline_keeps_every_alarm_and_counts_what_it_gives_up(
    open_outbox: Callable[..., Outbox],
) -> None:
    now, rounds, n_alarms = [0.0], 7 * 24 * 6, 0
    outbox = open_outbox(room_for(200), lambda: now[0])
    for i in range(rounds):
        now[0] += 600.0
        batch = [entry(3 * i + 1), entry(3 * i + 2, STATUS)]
        if i % 20 == 7:
            batch.append(entry(3 * i + 3, ALARM))
            n_alarms += 1
        assert outbox.add(*batch)

    kept = waiting(outbox)
    assert len(kept) == 200
    assert sorted(e.sequence for e in kept if e.kind is ALARM) == [60 * i + 24 for i in range(n_alarms)]
    others = sorted(e.sequence for e in kept if e.kind is not ALARM)
    assert others[-2:] == [3 * rounds - 2, 3 * rounds - 1]
    assert others == [s for s in range(others[0], 3 * rounds) if s % 3], "the newest of both kinds"
    assert sum(outbox.drops.values()) == 2 * rounds + n_alarms - 200
    assert outbox.drops.keys() == {"summary", "status"}


def test_two_threads_add_and_acknowledge_without_losing_any(open_outbox: Callable[..., Outbox]) -> None:
    outbox = open_outbox()
    total, seen, done = 300, set(), threading.Event()

    def drain() -> None:
        while not (done.is_set() and outbox.depth == 0):
            for e in waiting(outbox, 16):
                seen.add(e.sequence)
                assert outbox.acknowledge(1, {e.sequence}, ()) == (1, 0)

    reader = threading.Thread(target=drain)
    reader.start()
    for i in range(1, total + 1):
        assert outbox.add(entry(i))
    done.set()
    reader.join(timeout=60)

    assert seen == set(range(1, total + 1))
    assert (outbox.depth, outbox.size_bytes) == (0, 0)


class OutboxMachine(RuleBasedStateMachine):
    """Against a list: nothing is ever lost but by a counted drop, lowest priority first."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.limits = room_for(6)
        self.outbox = Outbox(self.path / "o.sqlite", self.limits)
        self.model: list[OutboxEntry] = []
        self.sequence = 0
        self.dropped = 0

    @rule(kind=st.sampled_from([SUMMARY, STATUS, ALARM]))
    def add(self, kind: Kind) -> None:
        self.sequence += 1
        new = entry(self.sequence, kind)
        kept = self.expect(new)
        assert self.outbox.add(new) == kept

    def expect(self, new: OutboxEntry) -> bool:
        """Add to the model; whether it finds a place there."""
        self.model.append(new)
        if len(self.model) > 6:
            worst = min(self.model, key=lambda e: (PRIORITY[e.kind], e.sequence))
            self.model.remove(worst)
            self.dropped += 1
        return new in self.model

    @rule(kinds=st.lists(st.sampled_from([SUMMARY, STATUS, ALARM]), min_size=2, max_size=8))
    def add_at_once(self, kinds: list[Kind]) -> None:
        group, kept = [], True
        for kind in kinds:
            self.sequence += 1
            group.append(entry(self.sequence, kind))
            kept &= self.expect(group[-1])
        assert self.outbox.add(*group) == kept

    @precondition(lambda self: self.model)
    @rule(data=st.data(), is_stored=st.booleans())
    def acknowledge(self, data: st.DataObject, is_stored: bool) -> None:
        gone = data.draw(st.sampled_from(self.model))
        self.model.remove(gone)
        ack = ({gone.sequence}, set()) if is_stored else (set(), {gone.sequence})
        assert sum(self.outbox.acknowledge(1, *ack)) == 1

    @rule()
    def restart(self) -> None:
        self.outbox.close()
        self.outbox = Outbox(self.path / "o.sqlite", self.limits)

    @invariant()
    def same_as_model(self) -> None:
        assert sorted(e.sequence for e in waiting(self.outbox, 100)) == [e.sequence for e in self.model]
        assert self.outbox.depth == len(self.model)
        assert self.outbox.size_bytes == sum(e.size for e in self.model)
        assert sum(self.outbox.drops.values()) == self.dropped

    def teardown(self) -> None:
        self.outbox.close()
        self.folder.cleanup()


OutboxMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
TestOutboxMachine = OutboxMachine.TestCase


@given(
    st.lists(st.sampled_from([SUMMARY, STATUS, ALARM]), max_size=30), st.integers(0, 20), st.integers(0, 6)
)
@settings(max_examples=25, deadline=None)
def test_pending_gives_each_lane_its_oldest_and_no_more(kinds: list[Kind], live: int, alarms: int) -> None:
    outbox = Outbox(Path(":memory:"), ROOMY)
    for i, kind in enumerate(kinds, start=1):
        outbox.add(entry(i, kind))
    chosen = outbox.pending({Lane.ALARM: alarms, Lane.LIVE: live, Lane.BACKLOG: 5})
    outbox.close()

    ordered = list(enumerate(kinds, start=1))
    sequences = {lane: [e.sequence for e in entries] for lane, entries in chosen.items()}
    assert sequences.get(Lane.ALARM, []) == [i for i, kind in ordered if kind is ALARM][:alarms]
    assert sequences.get(Lane.LIVE, []) == [i for i, kind in ordered if kind is not ALARM][:live]
    assert not sequences.get(Lane.BACKLOG)
