from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import Kind
from edge_agent.inflight import Inflight, full_jitter
from edge_agent.outbox import OutboxEntry
from edge_agent.settings import AgentSettings


def entry(sequence: int, boot: int = 1) -> OutboxEntry:
    return OutboxEntry(boot, sequence, Kind.SUMMARY, b"x")


def test_waits_double_up_to_the_cap() -> None:
    inflight = Inflight(4, timeout_s=1.0, max_timeout_s=3.0)
    inflight.note_sent(entry(1), 0.0)
    sent_at = []
    for tenth in range(120):
        for due in inflight.due(tenth / 10):
            inflight.note_sent(due, tenth / 10)
            sent_at.append(tenth / 10)

    assert sent_at == [1.0, 3.0, 6.0, 9.0]


def test_acknowledged_messages_are_not_sent_again() -> None:
    inflight = Inflight(4, 1.0, 8.0)
    for i in (1, 2, 3):
        inflight.note_sent(entry(i), 0.0)
    inflight.settle(1, {1, 3, 77}, 0.5)
    inflight.settle(2, {2}, 0.5)

    assert [e.sequence for e in inflight.due(100.0)] == [2]
    assert (len(inflight), inflight.free, list(inflight.keys)) == (1, 3, [(1, 2)])


def test_a_sign_of_life_shortens_long_waits() -> None:
    inflight = Inflight(4, 1.0, 64.0)
    for now in (0.0, 1.0, 3.0, 7.0, 15.0):
        inflight.note_sent(entry(1), now)
    inflight.note_sent(entry(2), 15.0)
    assert inflight.due(17.0) == [entry(2)]
    inflight.settle(1, {2}, 17.0)

    assert inflight.due(17.9) == []
    assert inflight.due(18.0) == [entry(1)]


def test_a_new_connection_makes_everything_due_and_resets_the_waits() -> None:
    inflight = Inflight(4, 1.0, 64.0)
    for now in (0.0, 1.0, 3.0, 7.0):
        inflight.note_sent(entry(1), now)
    inflight.expedite()
    assert inflight.due(7.0) == [entry(1)]
    inflight.note_sent(entry(1), 7.0)

    assert inflight.due(7.9) == []
    assert inflight.due(8.0) == [entry(1)]


@given(st.integers(0, 2000), st.floats(0.01, 10), st.floats(10, 1000), st.integers(0, 2**32))
def test_back_off_lies_between_zero_and_the_capped_exponential(
    attempt: int, base: float, cap: float, seed: int
) -> None:
    delay = full_jitter(attempt, base, cap, random.Random(seed).random)

    assert 0 <= delay <= min(cap, base * 2.0 ** min(attempt, 64))


def return_times(devices: int, outage_s: float, settings: AgentSettings, seed: int) -> list[float]:
    """When each device of a fleet that lost its broker at 0 connects again; at once where it is back."""
    rng, times = random.Random(seed), []
    for _ in range(devices):
        now_s, attempt = 0.0, 0
        while True:
            now_s += full_jitter(attempt, settings.min_backoff_s, settings.max_backoff_s, rng.random)
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
    settings = AgentSettings("a", Path())
    for seed in range(5):
        times = return_times(5000, outage_s, settings, seed)
        per_second = Counter(int(time) for time in times)
        assert max(times) <= within_s
        assert max(per_second.values()) < largest_share * len(times)


def test_a_fleet_that_lost_its_broker_comes_back_spread_out() -> None:
    rng = random.Random(3)
    delays = [full_jitter(10, 0.5, 30.0, rng.random) for _ in range(3000)]
    per_second = [sum(second <= d < second + 1 for d in delays) for second in range(30)]

    assert max(per_second) < 2 * 3000 / 30
    assert min(per_second) > 0.5 * 3000 / 30
