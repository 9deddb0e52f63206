"""What a campaign came to is said as it is, also when it went wrong."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cloud.store.rows import DeviceCounts
from simulators.load.counters import LoadCounters
from tools.fault_campaign.campaign import Happened, Outcome, Traffic
from tools.fault_campaign.faults import FaultPlan, draw_faults
from tools.fault_campaign.report import build_report, format_page, with_faults

PLAN = FaultPlan(faults=5, outages=1)


def outcome(stored: int = 10, duplicated: int = 0, is_stuck: bool = False, waiting: int = 0) -> Outcome:
    happened = tuple(
        Happened(fault, 10.0 * n, 1.0, None if n == 3 else 1.5) for n, fault in enumerate(draw_faults(PLAN))
    )
    counters = LoadCounters(offered=10, sent=12, acknowledged=10 - waiting, waiting=waiting)
    return Outcome(happened, counters, DeviceCounts(stored, duplicated), {"sink": 2}, is_stuck, 60.0)


def page(of: Outcome) -> str:
    return format_page(build_report(PLAN, Traffic(), of, datetime.now(UTC)), of)


def test_every_fault_is_listed() -> None:
    text = page(outcome())
    assert text.startswith("# Fault campaign: sound")
    for fault in draw_faults(PLAN):
        assert f"| {fault.target} | {fault.kind} | {fault.hold_s:g} |" in text
    assert "overtaken by the next" in text
    assert "sink 2 times" in text


def test_the_file_has_every_fault_and_every_count() -> None:
    of = outcome()
    rows = {
        row.name: {name: metric.mean for name, metric in row.metrics.items()}
        for row in with_faults(build_report(PLAN, Traffic(), of, datetime.now(UTC)), of).rows
    }
    ours = rows["device to row"]
    counts = ("sent", "accepted", "published", "stored", "lost", "duplicated", "redelivered")
    assert [ours[name] for name in counts] == [10, 10, 12, 10, 0, 0, 0]
    for number, fault in enumerate(draw_faults(PLAN), start=1):
        row = rows[f"fault {number}: {fault.kind} of {fault.target}"]
        assert row["away_s"] == fault.hold_s
        assert row["back_after_s"] == 1.0
        assert row["flows_after_s"] == (None if number == 4 else 1.5)


@pytest.mark.parametrize(
    "changes",
    [{"stored": 9}, {"stored": 11}, {"duplicated": 1}, {"is_stuck": True}, {"waiting": 1}],
    ids=["lost", "too many", "duplicated", "stuck", "never acknowledged"],
)
def test_a_campaign_that_went_wrong_says_so(changes: dict[str, int]) -> None:
    wrong = outcome(**changes)  # type: ignore[arg-type]
    assert not wrong.is_sound
    assert page(wrong).startswith("# Fault campaign: NOT SOUND")
