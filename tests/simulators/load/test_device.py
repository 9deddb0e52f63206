"""A device of the load keeps what the cloud has not acknowledged, and counts what happens to it."""

from __future__ import annotations

from contract.codec import decode
from contract.messages import Ack, BootAck, Kind
from contract.profiles import load_profile
from simulators.load.counters import LoadCounters
from simulators.load.device import DeviceLimits, LoadDevice
from simulators.load.script import ALARM_EVERY, ALARM_LASTS, SHIFT, STATUS_EVERY, Script
from simulators.load.summaries import make_head

SCRIPT = Script(load_profile("pump"), 1)
BOOT = 7
NOW_US = 1_800_000_000_000_000


def device(limits: DeviceLimits | None = None) -> tuple[LoadDevice, LoadCounters]:
    counters = LoadCounters()
    return LoadDevice(make_head("a", BOOT), 1, limits or DeviceLimits(), counters), counters


def offer(it: LoadDevice, count: int, due_s: float = 0.0, now_s: float = 0.0) -> None:
    for _ in range(count):
        it.offer(SCRIPT, NOW_US, due_s, now_s)


def ack(stored: set[int], rejected: set[int] | None = None, boot_id: int = BOOT) -> Ack:
    return Ack((BootAck(boot_id, frozenset(stored), frozenset(rejected or set())),))


def test_each_message_has_a_sequence_and_a_time_of_its_own() -> None:
    it, _ = device()
    offer(it, 3)
    messages = [decode(entry.payload) for entry in it.take(0.0)]
    assert [m.sequence for m in messages] == [1, 2, 3]
    assert len({m.event_time for m in messages}) == 3


def test_only_the_clouds_acknowledgement_empties_the_outbox() -> None:
    it, counters = device()
    offer(it, 2)
    it.take(0.0)
    assert it.waiting == 2
    it.settle(ack({1}), 2.0)
    it.settle(ack({1}), 2.0)  # a repetition
    it.settle(ack({2}, boot_id=8), 2.0)  # of another boot
    assert it.waiting == 1
    it.settle(ack(set(), {2}), 3.0)
    assert (it.waiting, counters.acknowledged, counters.rejected) == (0, 1, 1)
    assert counters.ages.most_s == 3.0


def test_what_is_not_acknowledged_is_sent_again_later_each_time() -> None:
    it, counters = device(DeviceLimits(ack_timeout_s=5.0))
    offer(it, 1)
    sent_s = [now / 2 for now in range(80) if it.take(now / 2)]
    assert sent_s == [0.0, 5.0, 15.0, 35.0]
    assert (counters.sent, counters.resent) == (4, 3)


def test_after_a_new_connection_it_is_sent_at_once() -> None:
    it, _ = device()
    offer(it, 1)
    it.take(0.0)
    assert not it.take(0.1)
    it.expedite()
    assert len(it.take(0.1)) == 1


def test_no_more_is_on_its_way_than_allowed() -> None:
    it, _ = device(DeviceLimits(inflight=8))
    offer(it, 10)
    assert [entry.sequence for entry in it.take(0.0)] == [1, 2, 3, 4]
    assert not it.is_free(0.0)
    it.settle(ack({2, 3}), 0.1)
    assert [entry.sequence for entry in it.take(0.1)] == [5, 6]


def test_a_full_outbox_gives_up_the_oldest_summary_first() -> None:
    it, counters = device(DeviceLimits(outbox=STATUS_EVERY + 1, inflight=1000))
    offer(it, 2 * STATUS_EVERY)
    statuses = [STATUS_EVERY - SHIFT, 2 * STATUS_EVERY - SHIFT]
    kept = it.take(0.0)
    assert len(kept) == STATUS_EVERY + 1 == it.waiting
    assert [entry.sequence for entry in kept if entry.kind is Kind.STATUS] == statuses
    assert counters.dropped == counters.offered - it.waiting == STATUS_EVERY - 1
    assert counters.kinds.total() == it.waiting


def test_what_is_late_is_counted_whether_or_not_it_arrived() -> None:
    it, counters = device(DeviceLimits(late_s=30.0))
    offer(it, 3)
    it.take(0.0)
    it.settle(ack({1}), 29.0)
    it.settle(ack({2}), 31.0)
    it.count_old(100.0)
    assert (counters.late, counters.waiting) == (2, 1)


def test_a_generator_that_is_behind_says_so() -> None:
    it, counters = device()
    offer(it, 1, due_s=0.0, now_s=0.5)
    offer(it, 1, due_s=0.0, now_s=1.5)
    assert counters.overdue == 1


def test_a_device_says_mostly_summaries_and_clears_what_it_raises() -> None:
    it, counters = device(DeviceLimits(outbox=5000, inflight=8000))
    offer(it, 2 * ALARM_EVERY)
    assert counters.kinds[Kind.SUMMARY] > 0.95 * counters.offered
    alarms = [decode(e.payload) for e in it.take(0.0) if e.kind is Kind.ALARM]
    raised = [n * ALARM_EVERY + 1 - SHIFT for n in (1, 2)]
    assert [m.sequence for m in alarms] == [s for first in raised for s in (first, first + ALARM_LASTS)]


def test_what_is_old_follows_at_a_rate_and_what_is_new_does_not_wait_for_it() -> None:
    it, _ = device(DeviceLimits(inflight=40, replay_per_s=2.0))
    offer(it, 20)
    offer(it, 3, due_s=100.0)
    assert [entry.sequence for entry in it.take(100.0)] == [21, 22, 23]
    assert [entry.sequence for entry in it.take(101.0)] == [1, 2]
