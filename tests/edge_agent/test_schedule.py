from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contract.messages import Kind
from edge_agent.outbox import Key, Outbox, OutboxEntry, OutboxLimits
from edge_agent.schedule import Lane, Patience, Schedule, SendLimits, TokenBucket, full_jitter
from edge_agent.settings import AgentSettings
from tests.edge_agent.box import ALARM, SUMMARY, entry


def plan(max_timeout_s: float = 8.0, inflight: int = 8, replay_per_s: float = 2.0) -> Schedule:
    return Schedule(SendLimits(inflight, 1.0, max_timeout_s, replay_per_s))


def test_waits_double_up_to_the_cap() -> None:
    schedule = plan(max_timeout_s=3.0)
    schedule.note_sent(entry(1), Lane.LIVE, 0.0)
    sent_at = []
    for tenth in range(120):
        for due in schedule.due(tenth / 10):
            schedule.note_again(due, tenth / 10)
            sent_at.append(tenth / 10)

    assert sent_at == [1.0, 3.0, 6.0, 9.0]


def test_acknowledged_messages_are_not_sent_again() -> None:
    schedule = plan()
    for i in (1, 2, 3):
        schedule.note_sent(entry(i), Lane.LIVE, 0.0)
    schedule.settle(1, {1, 3, 77}, 0.5)
    schedule.settle(2, {2}, 0.5)

    assert [e.sequence for e in schedule.due(100.0)] == [2]
    assert (len(schedule), list(schedule.keys)) == (1, [(1, 2)])


def test_a_sign_of_life_shortens_long_waits() -> None:
    schedule = plan(64.0)
    schedule.note_sent(entry(1), Lane.LIVE, 0.0)
    for now in (1.0, 3.0, 7.0, 15.0):
        schedule.note_again(entry(1), now)
    schedule.note_sent(entry(2), Lane.LIVE, 16.9)
    assert schedule.due(17.0) == []
    schedule.settle(1, {2}, 17.0)

    assert schedule.due(17.9) == []
    assert schedule.due(18.0) == [entry(1)]


def test_a_cloud_that_falls_behind_is_not_told_everything_twice() -> None:
    """Acknowledgements take 4 s by now, four times the first wait."""
    schedule, sent_again, takes_s = plan(64.0, inflight=400), 0, 4.0
    for tick in range(600):
        now = tick / 10
        for again in schedule.due(now):
            schedule.note_again(again, now)
            sent_again += now > 10
        schedule.note_sent(entry(tick + 1), Lane.LIVE, now)
        arrived = round((now - takes_s) * 10) + 1
        if arrived >= 1:
            schedule.settle(1, {arrived}, now)
    assert sent_again == 0


@given(st.lists(st.floats(0.0, 1e6), max_size=50))
def test_patience_stays_within_its_bounds(took: list[float]) -> None:
    patience = Patience(5.0, 60.0)
    for each in took:
        patience.note(each)
        assert 5.0 <= patience.wait_s <= 60.0
    for _ in range(200):
        patience.note(0.1)
    assert patience.wait_s == 5.0


def test_what_was_sent_over_an_earlier_connection_tells_nothing_of_the_cloud() -> None:
    schedule = plan(64.0)
    schedule.note_sent(entry(1), Lane.LIVE, 0.0)
    schedule.expedite()
    schedule.note_again(entry(1), 600.0)
    schedule.settle(1, {1}, 600.1)
    schedule.note_sent(entry(2), Lane.LIVE, 601.0)
    assert schedule.due(602.0) == [entry(2)]


def test_a_new_connection_makes_everything_due_and_resets_the_waits() -> None:
    schedule = plan(64.0)
    schedule.note_sent(entry(1), Lane.LIVE, 0.0)
    for now in (1.0, 3.0, 7.0):
        schedule.note_again(entry(1), now)
    schedule.expedite()
    assert schedule.due(7.0) == [entry(1)]
    schedule.note_again(entry(1), 7.0)

    assert schedule.due(7.9) == []
    assert schedule.due(8.0) == [entry(1)]


def test_each_lane_has_slots_of_its_own() -> None:
    schedule = plan(inflight=16)
    assert schedule.room(0.0) == {Lane.ALARM: 4, Lane.LIVE: 8, Lane.BACKLOG: 0}
    assert schedule.room(9.0)[Lane.BACKLOG] == 2, "one second of its rate, however long nothing was sent"
    for i in range(8):
        schedule.note_sent(entry(i), Lane.LIVE, 9.0)
    for i in range(2):
        schedule.note_sent(entry(i, boot=2), Lane.BACKLOG, 9.0)

    assert schedule.room(9.0) == {Lane.ALARM: 4, Lane.LIVE: 0, Lane.BACKLOG: 0}
    assert schedule.room(9.5) == {Lane.ALARM: 4, Lane.LIVE: 0, Lane.BACKLOG: 1}


def test_a_repetition_of_the_backlog_takes_from_its_rate_and_others_do_not() -> None:
    schedule = plan()
    schedule.room(0.0)
    assert schedule.room(1.0)[Lane.BACKLOG] == 2
    for i in (1, 2):
        schedule.note_sent(entry(i, boot=2), Lane.BACKLOG, 1.0)
        schedule.note_sent(entry(i), Lane.LIVE, 1.0)
    schedule.expedite()

    assert [e.key for e in schedule.due(1.5)] == [(2, 1), (1, 1), (1, 2)]
    for e in schedule.due(1.5):
        schedule.note_again(e, 1.5)
    assert schedule.room(1.5)[Lane.BACKLOG] == 0
    assert [e.key for e in schedule.due(2.0)] == [(2, 2)]


@given(st.floats(0.01, 50.0), st.lists(st.floats(0.0, 30.0), max_size=60))
def test_a_bucket_never_gives_more_than_its_rate(rate: float, pauses: list[float]) -> None:
    bucket, now, taken = TokenBucket(rate), 0.0, 0
    for pause in pauses:
        now += pause
        for _ in range(bucket.count(now)):
            bucket.take()
            taken += 1
        assert taken <= rate * now + 1e-6


class ScheduleMachine(RuleBasedStateMachine):
    """A real outbox, a clock, and a cloud that acknowledges when it likes."""

    LIMITS = SendLimits(inflight=12, timeout_s=2.0, max_timeout_s=8.0, replay_per_s=3.0)
    LIVE_S = 20.0

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        box = OutboxLimits(10_000_000, 1e9, live_s=self.LIVE_S)
        self.outbox = Outbox(Path(":memory:"), box, lambda: self.now)
        self.schedule = Schedule(self.LIMITS)
        self.sequence = 0
        self.added_s: dict[Key, float] = {}
        self.waiting: dict[Key, OutboxEntry] = {}
        self.firsts: dict[tuple[Lane, Kind], list[int]] = {}
        """Sequences in the order of their first sending."""
        self.replayed = 0
        self.times_sent: Counter[Key] = Counter()

    @rule(kinds=st.lists(st.sampled_from([SUMMARY, SUMMARY, ALARM]), min_size=1, max_size=30))
    def add(self, kinds: list[Kind]) -> None:
        for kind in kinds:
            self.sequence += 1
            new = entry(self.sequence, kind)
            assert self.outbox.add(new)
            self.added_s[new.key], self.waiting[new.key] = self.now, new

    @rule(seconds=st.sampled_from([0.25, 1.0, 3.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def exchange(self) -> None:
        for again in self.schedule.due(self.now):
            assert again.key in self.schedule.keys
            self.replayed += self.lane_of[again.key] is Lane.BACKLOG
            self.schedule.note_again(again, self.now)
            self.times_sent[again.key] += 1
        room = self.schedule.room(self.now)
        for lane, entries in self.outbox.pending(room, self.schedule.keys).items():
            for first in entries:
                is_live = self.added_s[first.key] > self.now - self.LIVE_S
                assert is_live == (lane is not Lane.BACKLOG)
                assert (first.kind is ALARM) == (lane is Lane.ALARM) or lane is Lane.BACKLOG
                self.send(first, lane)
        self.check_nobody_waits_for_others()

    @property
    def lane_of(self) -> dict[Key, Lane]:
        return {key: sent.lane for key, sent in self.schedule._sent.items()}

    def send(self, first: OutboxEntry, lane: Lane) -> None:
        assert not self.times_sent[first.key]
        order = self.firsts.setdefault((lane, ALARM if first.kind is ALARM else SUMMARY), [])
        assert not order or order[-1] < first.sequence, "in order"
        order.append(first.sequence)
        self.replayed += lane is Lane.BACKLOG
        self.schedule.note_sent(first, lane, self.now)
        self.times_sent[first.key] += 1

    def check_nobody_waits_for_others(self) -> None:
        """Whatever lies still unsent does so because its own lane is full or, if old, has no permit."""
        for key in self.waiting.keys() - self.schedule.keys:
            is_live = self.added_s[key] > self.now - self.LIVE_S
            is_alarm = self.waiting[key].kind is ALARM
            lane = (Lane.ALARM if is_alarm else Lane.LIVE) if is_live else Lane.BACKLOG
            assert self.schedule.room(self.now)[lane] == 0

    @precondition(lambda self: len(self.schedule) > 0)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        some = data.draw(st.sets(st.sampled_from(sorted(self.schedule.keys)), min_size=1))
        sequences = {sequence for _, sequence in some}
        assert self.outbox.acknowledge(1, sequences, ()) == (len(some), 0)
        self.schedule.settle(1, sequences, self.now)
        for key in some:
            del self.waiting[key]

    @rule()
    def reconnect(self) -> None:
        self.schedule.expedite()

    @invariant()
    def limits_hold(self) -> None:
        assert self.replayed <= self.LIMITS.replay_per_s * self.now
        per_lane = Counter(self.lane_of.values())
        assert all(per_lane[lane] <= self.LIMITS.slots(lane) for lane in Lane)
        assert set(self.schedule.keys) <= self.waiting.keys()

    def teardown(self) -> None:
        """From any state, a cloud that answers gets everything, whatever is added meanwhile."""
        backlog = set(self.waiting)
        for _ in range(5000):
            if not backlog & self.waiting.keys():
                break
            self.now += 0.5
            self.add([SUMMARY])
            self.exchange()
            sequences = {sequence for _, sequence in self.schedule.keys}
            self.outbox.acknowledge(1, sequences, ())
            self.schedule.settle(1, sequences, self.now)
            self.waiting = {key: e for key, e in self.waiting.items() if key[1] not in sequences}
        assert not backlog & self.waiting.keys()
        self.outbox.close()


ScheduleMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestScheduleMachine = ScheduleMachine.TestCase


@given(st.integers(0, 2000), st.floats(0.01, 10), st.floats(10, 1000), st.integers(0, 2**32))
def test_back_off_lies_between_zero_and_the_capped_exponential(
    attempt: int, base: float, cap: float, seed: int
) -> None:
    delay = full_jitter(attempt, base, cap, random.Random(seed).random)

    assert 0 <= delay <= min(cap, base * 2.0 ** min(attempt, 64))


def test_a_fleet_that_lost_its_broker_comes_back_spread_out() -> None:
    rng = random.Random(3)
    delays = [full_jitter(10, 0.5, 30.0, rng.random) for _ in range(3000)]
    per_second = [sum(second <= d < second + 1 for d in delays) for second in range(30)]

    assert max(per_second) < 2 * 3000 / 30
    assert min(per_second) > 0.5 * 3000 / 30


def return_times(devices: int, outage_s: float, limits: AgentSettings, seed: int) -> list[float]:
    """When each device of a fleet that lost its broker at 0 connects again; at once where it is back."""
    rng, times = random.Random(seed), []
    for _ in range(devices):
        now_s, attempt = 0.0, 0
        while True:
            now_s += full_jitter(attempt, limits.min_backoff_s, limits.max_backoff_s, rng.random)
            if now_s >= outage_s:
                break
            attempt += 1
        times.append(now_s - outage_s)
    return times


@pytest.mark.parametrize(
    ("outage_s", "within_s", "largest_share"), [(0.0, 2.0, 0.55), (10.0, 60.0, 0.2), (600.0, 60.0, 0.05)]
)
def test_a_storm_of_reconnects_is_spread_by_the_length_of_the_outage(
    outage_s: float, within_s: float, largest_share: float
) -> None:
    limits = AgentSettings("a", Path())
    for seed in range(5):
        times = return_times(5000, outage_s, limits, seed)
        per_second = Counter(int(time) for time in times)
        assert max(times) <= within_s
        assert max(per_second.values()) < largest_share * len(times)
