from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloud.store.model_spans import ModelSpan
from simulators.demo_report import EXIT_OK, EXIT_SPREAD, format_report
from simulators.release_report import ReleaseReport, count_lost
from tests.simulators.test_demo_report import REPORT

START_S = 1_700_000_000.0
GOOD = ReleaseReport(
    family="pump",
    old="1-old",
    new="2-new",
    spoiled=None,
    state="completed",
    why="",
    canary=["pump-01"],
    machines={"pump-01": "2-new", "pump-02": "2-new"},
    ran=["pump-01", "pump-02"],
    failures={},
    seconds_to_canary=80.0,
    seconds_to_complete=160.0,
    alarms={"1-old": 1, "2-new": 0},
    windows_lost=0,
)
BAD = replace(
    GOOD,
    spoiled="alarm",
    state="aborted",
    machines={"pump-01": "1-old", "pump-02": "1-old"},
    ran=["pump-01"],
    failures={"pump-01": "it finds 100% of the windows anomalous"},
    seconds_to_complete=None,
)


def span(device: str, version: str, first_s: float, last_s: float, windows: int) -> ModelSpan:
    start = datetime.fromtimestamp(START_S, UTC)
    first, last = start + timedelta(seconds=first_s), start + timedelta(seconds=last_s)
    return ModelSpan(device, version, first, last, windows)


def test_a_spoiled_release_that_spread_is_a_failure() -> None:
    assert replace(REPORT, release=GOOD).exit_code == EXIT_OK
    assert replace(REPORT, release=BAD).exit_code == EXIT_OK
    for wrong in (
        replace(BAD, ran=["pump-01", "pump-02"]),
        replace(BAD, machines={"pump-01": "2-new", "pump-02": "1-old"}),
    ):
        assert replace(REPORT, release=wrong).exit_code == EXIT_SPREAD
    assert (
        replace(REPORT, release=replace(BAD, state="running", machines={"pump-01": "2-new"})).exit_code == 0
    )


def test_the_summary_tells_people() -> None:
    text = format_report(replace(REPORT, release=BAD))

    for part in (
        "2-new for 1-old, spoiled (alarm): aborted",
        "0 of 2; ever ran it: pump-01",
        "pump-01 went back",
        "it finds 100% of the windows anomalous",
        "1-old: 1, 2-new: 0",
    ):
        assert part in text
    assert "release" not in format_report(REPORT)


@pytest.mark.parametrize(
    ("spans", "lost"),
    [
        ([span("a", "1-old", 17.5, 77.5, 16), span("a", "2-new", 97.5, 117.5, 8)], 0),
        ([span("a", "1-old", 20.0, 80.0, 16), span("a", "2-new", 100.0, 120.0, 8)], 0),
        ([span("a", "1-old", 17.5, 77.5, 16), span("a", "2-new", 97.5, 117.5, 7)], 1),
        ([span("a", "1-old", 17.5, 77.5, 15), span("b", "1-old", 17.5, 77.5, 14)], 3),
        ([span("a", "1-old", 17.5, 77.5, 17)], 1),
    ],
    ids=["middles", "ends", "one at the switch", "two machines", "one twice"],
)
def test_windows_that_no_summary_counts(spans: list[ModelSpan], lost: int) -> None:
    assert count_lost(spans, START_S, "pump") == lost
