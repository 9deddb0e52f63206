from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.errors import StateFolderError
from edge_agent.outbox import Outbox, OutboxLimits
from tests.edge_agent.box import ALARM, ROOMY, SUMMARY, entry, keys, waiting

IMPORTS = """
from pathlib import Path
from contract.messages import Kind
from edge_agent.outbox import Outbox, OutboxEntry, OutboxLimits
from edge_agent.schedule import Lane
"""

ADDER = f"""{IMPORTS}
import sys
outbox, sequence = Outbox(Path(sys.argv[1]), OutboxLimits(1_000_000, 1e9)), int(sys.argv[2])
while True:
    sequence += 1
    assert outbox.add(OutboxEntry(1, sequence, Kind.SUMMARY, b"payload"))
    print(sequence, flush=True)
"""

GROUPER = f"""{IMPORTS}
import sys
outbox, group = Outbox(Path(sys.argv[1]), OutboxLimits(1_000_000, 1e9)), 0
while True:
    group += 1
    assert outbox.add(*(OutboxEntry(1, 10 * group + i, Kind.SUMMARY, b"payload") for i in range(3)))
    print(group, flush=True)
"""


def test_full_disk_drops_by_priority_and_never_raises(open_outbox: Callable[..., Outbox]) -> None:
    outbox = open_outbox(OutboxLimits(max_bytes=10_000_000, max_age_s=1e9, max_file_bytes=200_000))
    outbox.add(entry(1, ALARM, size=1000))
    results = [outbox.add(entry(i, SUMMARY, size=1000)) for i in range(2, 600)]

    assert results[-1], "the newest finds a place"
    kept = waiting(outbox, 1000)
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


def test_on_a_full_disk_an_alarm_is_kept_though_a_summary_came_with_it(
    open_outbox: Callable[..., Outbox],
) -> None:
    outbox = open_outbox(OutboxLimits(max_bytes=10_000_000, max_age_s=1e9, max_file_bytes=150_000))
    for i in range(1, 400, 2):
        outbox.add(entry(i, SUMMARY, size=1000), entry(i + 1, SUMMARY, size=1000))
    assert outbox.drops["summary"] > 50, "the disk is full"
    assert outbox.add(entry(1000, SUMMARY, size=1000), entry(1001, ALARM, size=1000))

    assert keys(waiting(outbox, 1000))[0] == (ALARM, 1001)
    assert outbox.drops.keys() == {"summary"}
    assert outbox.depth + outbox.drops["summary"] == 402


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_FSIZE stands in for a disk that takes nothing")
def test_a_disk_that_takes_nothing_at_all_is_survived_and_counted(outbox_path: Path) -> None:
    done = run_child(
        f"""
        import resource
        outbox = Outbox(Path({str(outbox_path)!r}), OutboxLimits(10_000_000, 1e9))
        assert outbox.add(OutboxEntry(1, 1, Kind.ALARM, b"x" * 1000))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        results = [outbox.add(OutboxEntry(1, i, Kind.SUMMARY, b"x" * 1000)) for i in range(2, 60)]
        assert not results[-1] and outbox.drops["summary"] >= 1, outbox.drops
        outbox.acknowledge(1, {{2}}, ())
        outbox.pending(dict.fromkeys(Lane, 5))
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert outbox.add(OutboxEntry(1, 100, Kind.SUMMARY, b"back")), "the disk came back"
        lost = outbox.drops["summary"]
        outbox.close()
        again = Outbox(Path({str(outbox_path)!r}), OutboxLimits(10_000_000, 1e9))
        assert again.drops["summary"] == lost and again.depth >= 2
        again.close()
        """
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("damage", ["garbage", "middle", "truncated"])
def test_damaged_database_is_moved_aside_and_a_new_one_started(
    open_outbox: Callable[..., Outbox], outbox_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = open_outbox()
    for i in range(1, 200):
        first.add(entry(i, size=500))
    first.close()
    whole = outbox_path.read_bytes()
    broken = {
        "garbage": b"no database at all, but long enough to have a header" * 100,
        "middle": whole[:4096] + b"\xa5" * 40_000 + whole[44_096:],
        "truncated": whole[: len(whole) // 2],
    }[damage]
    outbox_path.write_bytes(broken)

    second = open_outbox()
    assert second.moved_aside == 1
    assert second.add(entry(1)) and second.depth == 1
    (kept,) = outbox_path.parent.glob("outbox.sqlite.damaged-*")
    assert kept.read_bytes() == broken
    assert "damaged" in caplog.text


def test_damage_while_running_is_survived(open_outbox: Callable[..., Outbox], outbox_path: Path) -> None:
    first = open_outbox()
    for i in range(1, 400):
        first.add(entry(i, size=2000))
    first.close()
    outbox = open_outbox()
    size = outbox_path.stat().st_size
    with outbox_path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    results = [outbox.add(entry(1000 + i, size=2000)) for i in range(600)]

    assert results[-1]
    assert waiting(outbox, 10)
    assert outbox.moved_aside >= 1


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateFolderError, match="writable --state folder"):
        Outbox(tmp_path / "file" / "outbox.sqlite", ROOMY)


def test_every_add_that_returned_survives_sigkill(outbox_path: Path) -> None:
    claimed: set[int] = set()
    for round_number in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", ADDER, str(outbox_path), str(round_number * 1_000_000)],
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

    outbox = Outbox(outbox_path, ROOMY)
    stored = {e.sequence for e in waiting(outbox, 1_000_000)}
    outbox.close()
    assert claimed <= stored
    assert len(stored - claimed) <= 6, "at most the one being claimed when each child died"
    assert outbox.moved_aside == 0


def test_what_was_added_at_once_survives_sigkill_whole_or_not_at_all(outbox_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", GROUPER, str(outbox_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child.stdout:
        claimed = {int(child.stdout.readline()) for _ in range(40)}
        child.send_signal(signal.SIGKILL)
        claimed |= {
            int(line) for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")
        }
    child.wait()

    outbox = Outbox(outbox_path, ROOMY)
    stored = {e.sequence for e in waiting(outbox, 1_000_000)}
    outbox.close()
    groups = {sequence // 10 for sequence in stored}
    assert claimed <= groups and len(groups - claimed) <= 1
    assert stored == {10 * group + i for group in groups for i in range(3)}


def run_child(code: str) -> subprocess.CompletedProcess[str]:
    import textwrap

    program = IMPORTS + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
