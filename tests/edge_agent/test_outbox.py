from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contract.messages import Kind
from edge_agent.errors import StateFolderError
from edge_agent.outbox import PRIORITY, ROW_OVERHEAD_BYTES, Outbox, OutboxEntry, OutboxLimits

ROOMY = OutboxLimits(max_bytes=1_000_000, max_age_s=1e9)
SUMMARY, STATUS, ALARM = Kind.SUMMARY, Kind.STATUS, Kind.ALARM


def entry(sequence: int, kind: Kind = SUMMARY, boot: int = 1, size: int = 4) -> OutboxEntry:
    return OutboxEntry(boot, sequence, kind, bytes([sequence % 251]) * size)


def keys(entries: list[OutboxEntry]) -> list[tuple[Kind, int]]:
    return [(e.kind, e.sequence) for e in entries]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.sqlite"


@pytest.fixture
def open_outbox(path: Path) -> Iterator[Callable[..., Outbox]]:
    opened: list[Outbox] = []

    def build(limits: OutboxLimits = ROOMY, clock: Callable[[], float] = lambda: 0.0) -> Outbox:
        opened.append(Outbox(path, limits, clock))
        return opened[-1]

    yield build
    for outbox in opened:
        outbox.close()


def room_for(count: int, size: int = 4) -> OutboxLimits:
    return OutboxLimits(max_bytes=count * (size + ROW_OVERHEAD_BYTES), max_age_s=1e9)


def test_what_was_added_is_pending_in_order(open_outbox: Callable[..., Outbox]) -> None:
    outbox = open_outbox()
    added = [entry(i) for i in range(1, 6)]
    assert all(outbox.add(e) for e in added)

    assert outbox.pending(10) == added
    assert (outbox.depth, outbox.size_bytes) == (5, sum(e.size for e in added))


def test_only_acknowledged_messages_leave(open_outbox: Callable[..., Outbox]) -> None:
    outbox = open_outbox()
    for i in range(1, 6):
        outbox.add(entry(i))

    assert outbox.acknowledge(1, {1, 3, 99}, {4}) == (2, 1)
    assert outbox.acknowledge(2, {2}, ()) == (0, 0), "another boot's sequence"
    assert outbox.acknowledge(1, {1, 3}, {4}) == (0, 0), "twice"
    assert keys(outbox.pending(10)) == [(SUMMARY, 2), (SUMMARY, 5)]
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
    assert keys(again.pending(9)) == [(SUMMARY, 3), (SUMMARY, 4), (SUMMARY, 5)]
    assert again.drops == {"summary": 2}
    assert again.size_bytes == first.size_bytes


def test_lowest_priority_and_oldest_goes_first_and_alarms_last(open_outbox: Callable[..., Outbox]) -> None:
    outbox = open_outbox(room_for(4))
    for i, kind in enumerate([ALARM, SUMMARY, STATUS, SUMMARY], start=1):
        outbox.add(entry(i, kind))

    assert outbox.add(entry(5, ALARM))
    assert keys(outbox.pending(9)) == [(ALARM, 1), (ALARM, 5), (STATUS, 3), (SUMMARY, 4)]
    assert outbox.add(entry(6, STATUS))
    assert outbox.add(entry(7, ALARM))
    assert keys(outbox.pending(9)) == [(ALARM, 1), (ALARM, 5), (ALARM, 7), (STATUS, 6)]
    assert not outbox.add(entry(8, SUMMARY)), "nothing here is worth less"
    assert outbox.add(entry(9, ALARM))
    assert outbox.add(entry(10, ALARM)), "alarms give way to newer alarms only"
    assert keys(outbox.pending(9)) == [(ALARM, i) for i in (5, 7, 9, 10)]
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

    assert keys(outbox.pending(9)) == [(ALARM, 2), (SUMMARY, 3)]
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


def test_alarms_are_chosen_first_then_the_newest_and_the_oldest(open_outbox: Callable[..., Outbox]) -> None:
    outbox = open_outbox()
    for i in range(1, 101):
        outbox.add(entry(i, boot=1))
    outbox.add(entry(1, ALARM, boot=2))
    for i in range(2, 6):
        outbox.add(entry(i, boot=2))

    chosen = outbox.pending(9)
    assert [e.key for e in chosen] == [(2, 1), (1, 1), (1, 2), (1, 3), (1, 4), (2, 2), (2, 3), (2, 4), (2, 5)]
    on_the_way = {e.key for e in chosen}
    assert [e.key for e in outbox.pending(4, on_the_way)] == [(1, 5), (1, 6), (1, 99), (1, 100)]


def test_a_reserve_is_for_alarms_only(open_outbox: Callable[..., Outbox]) -> None:
    outbox = open_outbox()
    for i in range(1, 20):
        outbox.add(entry(i))
    assert len(outbox.pending(8, alarm_reserve=2)) == 6
    assert outbox.pending(2, alarm_reserve=2) == []
    for i in range(20, 23):
        outbox.add(entry(i, ALARM))

    assert [e.kind for e in outbox.pending(8, alarm_reserve=2)] == [ALARM] * 3 + [SUMMARY] * 5
    assert keys(outbox.pending(2, alarm_reserve=2)) == [(ALARM, 21), (ALARM, 22)]
    assert outbox.pending(0) == []


def test_full_disk_drops_by_priority_and_never_raises(open_outbox: Callable[..., Outbox]) -> None:
    outbox = open_outbox(OutboxLimits(max_bytes=10_000_000, max_age_s=1e9, max_file_bytes=200_000))
    outbox.add(entry(1, ALARM, size=1000))
    results = [outbox.add(entry(i, SUMMARY, size=1000)) for i in range(2, 600)]

    assert results[-1], "the newest finds a place"
    kept = outbox.pending(1000)
    assert keys(kept)[0] == (ALARM, 1)
    assert kept[-1].sequence == 599
    assert outbox.drops == {"summary": 599 - len(kept)}
    assert outbox.depth == len(kept)


def test_on_a_full_disk_no_alarm_gives_way_to_a_summary(open_outbox: Callable[..., Outbox]) -> None:
    outbox = open_outbox(OutboxLimits(max_bytes=10_000_000, max_age_s=1e9, max_file_bytes=150_000))
    i = 0
    while outbox.drops.get("alarm", 0) == 0:
        i += 1
        outbox.add(entry(i, ALARM, size=1000))
    alarms_lost = outbox.drops["alarm"]
    for n in range(100):
        outbox.add(entry(10_000 + n, SUMMARY, size=1000))

    assert outbox.drops["alarm"] == alarms_lost
    assert outbox.drops["summary"] > 50
    assert outbox.depth + sum(outbox.drops.values()) == i + 100


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_FSIZE stands in for a disk that takes nothing")
def test_a_disk_that_takes_nothing_at_all_is_survived_and_counted(path: Path) -> None:
    done = run_child(
        f"""
        import resource
        outbox = Outbox(Path({str(path)!r}), OutboxLimits(10_000_000, 1e9))
        assert outbox.add(OutboxEntry(1, 1, Kind.ALARM, b"x" * 1000))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        results = [outbox.add(OutboxEntry(1, i, Kind.SUMMARY, b"x" * 1000)) for i in range(2, 60)]
        assert not results[-1] and outbox.drops["summary"] >= 1, outbox.drops
        outbox.acknowledge(1, {{2}}, ())
        outbox.pending(5)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert outbox.add(OutboxEntry(1, 100, Kind.SUMMARY, b"back")), "the disk came back"
        lost = outbox.drops["summary"]
        outbox.close()
        again = Outbox(Path({str(path)!r}), OutboxLimits(10_000_000, 1e9))
        assert again.drops["summary"] == lost and again.depth >= 2
        again.close()
        """
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("damage", ["garbage", "middle", "truncated"])
def test_damaged_database_is_moved_aside_and_a_new_one_started(
    open_outbox: Callable[..., Outbox], path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = open_outbox()
    for i in range(1, 200):
        first.add(entry(i, size=500))
    first.close()
    whole = path.read_bytes()
    broken = {
        "garbage": b"no database at all, but long enough to have a header" * 100,
        "middle": whole[:4096] + b"\xa5" * 40_000 + whole[44_096:],
        "truncated": whole[: len(whole) // 2],
    }[damage]
    path.write_bytes(broken)

    second = open_outbox()
    assert second.moved_aside == 1
    assert second.add(entry(1)) and second.depth == 1
    (kept,) = path.parent.glob("outbox.sqlite.damaged-*")
    assert kept.read_bytes() == broken
    assert "damaged" in caplog.text


def test_damage_while_running_is_survived(open_outbox: Callable[..., Outbox], path: Path) -> None:
    first = open_outbox()
    for i in range(1, 400):
        first.add(entry(i, size=2000))
    first.close()
    outbox = open_outbox()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    results = [outbox.add(entry(1000 + i, size=2000)) for i in range(600)]

    assert results[-1]
    assert outbox.pending(10)
    assert outbox.moved_aside >= 1


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateFolderError, match="writable --state folder"):
        Outbox(tmp_path / "file" / "outbox.sqlite", ROOMY)


def test_two_threads_add_and_acknowledge_without_losing_any(open_outbox: Callable[..., Outbox]) -> None:
    outbox = open_outbox()
    total, seen, done = 300, set(), threading.Event()

    def drain() -> None:
        while not (done.is_set() and outbox.depth == 0):
            for e in outbox.pending(16):
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


def test_every_add_that_returned_survives_sigkill(path: Path) -> None:
    claimed: set[int] = set()
    for round_number in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", ADDER, str(path), str(round_number * 1_000_000)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        with child.stdout:
            for _ in range(3 + 17 * round_number):
                claimed.add(int(child.stdout.readline()))
            child.send_signal(signal.SIGKILL)
            rest = child.stdout.read()
        claimed |= {int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")}
        child.wait()

    outbox = Outbox(path, ROOMY)
    stored = {e.sequence for e in outbox.pending(1_000_000)}
    outbox.close()
    assert claimed <= stored
    assert len(stored - claimed) <= 6, "at most the one being claimed when each child died"
    assert outbox.moved_aside == 0


class OutboxMachine(RuleBasedStateMachine):
    """Against a list: nothing is ever lost but by a counted drop, lowest priority first."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(
            f"/dev/shm/ig-{os.getpid()}-{id(self)}" if Path("/dev/shm").is_dir() else f"/tmp/ig-{id(self)}"
        )
        self.limits = room_for(6)
        self.outbox = Outbox(self.path / "o.sqlite", self.limits)
        self.model: list[OutboxEntry] = []
        self.sequence = 0
        self.dropped = 0

    @rule(kind=st.sampled_from([SUMMARY, STATUS, ALARM]))
    def add(self, kind: Kind) -> None:
        self.sequence += 1
        new = entry(self.sequence, kind)
        self.model.append(new)
        if len(self.model) > 6:
            worst = min(self.model, key=lambda e: (PRIORITY[e.kind], e.sequence))
            self.model.remove(worst)
            self.dropped += 1
        assert self.outbox.add(new) == (new in self.model)

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
        assert sorted(e.sequence for e in self.outbox.pending(100)) == [e.sequence for e in self.model]
        assert self.outbox.depth == len(self.model)
        assert self.outbox.size_bytes == sum(e.size for e in self.model)
        assert sum(self.outbox.drops.values()) == self.dropped

    def teardown(self) -> None:
        self.outbox.close()
        for part in self.path.iterdir():
            part.unlink()
        self.path.rmdir()


OutboxMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
TestOutboxMachine = OutboxMachine.TestCase


@given(
    st.lists(st.sampled_from([SUMMARY, STATUS, ALARM]), max_size=30), st.integers(0, 20), st.integers(0, 6)
)
@settings(max_examples=25, deadline=None)
def test_pending_never_exceeds_its_limit_or_repeats(kinds: list[Kind], limit: int, reserve: int) -> None:
    outbox = Outbox(Path(":memory:"), ROOMY)
    for i, kind in enumerate(kinds, start=1):
        outbox.add(entry(i, kind))
    chosen = outbox.pending(limit, alarm_reserve=reserve)
    outbox.close()

    assert len({e.key for e in chosen}) == len(chosen) <= limit
    alarms = [e for e in chosen if e.kind is ALARM]
    assert len(alarms) == min(limit, kinds.count(ALARM))
    room = limit - reserve - max(0, len(alarms) - reserve)
    assert len(chosen) - len(alarms) == max(0, min(room, len(kinds) - kinds.count(ALARM)))


IMPORTS = """
from pathlib import Path
from contract.messages import Kind
from edge_agent.outbox import Outbox, OutboxEntry, OutboxLimits
"""

ADDER = f"""{IMPORTS}
import sys
outbox, sequence = Outbox(Path(sys.argv[1]), OutboxLimits(1_000_000, 1e9)), int(sys.argv[2])
while True:
    sequence += 1
    assert outbox.add(OutboxEntry(1, sequence, Kind.SUMMARY, b"payload"))
    print(sequence, flush=True)
"""


def run_child(code: str) -> subprocess.CompletedProcess[str]:
    import textwrap

    program = IMPORTS + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
