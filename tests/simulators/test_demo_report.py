from dataclasses import replace

import pytest

from simulators.demo_report import EXIT_LOSS, EXIT_OK, DemoReport, MessageCounts, format_report

COUNTS = MessageCounts(
    sent=100, stored=100, duplicated=0, dead_lettered=0, redelivered=7, dropped=0, waiting=0
)
REPORT = DemoReport(
    machines=3,
    seed=1,
    speed=20.0,
    machine_seconds=600.0,
    samples=1_000_000,
    windows=360,
    scored=300,
    window_cost_us=2500.0,
    messages=COUNTS,
    alerts={"pump-02": [], "pump-03": []},
    degrading=["pump-02"],
    healthy=["pump-01", "pump-03"],
    peak_rss_bytes=400_000_000,
    restarts={"ingest": 1},
)


@pytest.mark.parametrize("wrong", [{"stored": 99}, {"stored": 101}, {"duplicated": 1}, {"dead_lettered": 2}])
def test_anything_but_exactly_once_is_a_failure(wrong: dict[str, int]) -> None:
    assert replace(REPORT, messages=replace(COUNTS, **wrong)).exit_code == EXIT_LOSS


@pytest.mark.parametrize(("waiting", "code"), [(3, EXIT_OK), (2, EXIT_LOSS)])
def test_after_ctrl_c_what_still_waits_is_not_lost(waiting: int, code: int) -> None:
    counts = replace(COUNTS, stored=97, waiting=waiting)
    assert replace(REPORT, messages=counts, is_interrupted=True).exit_code == code
    assert replace(REPORT, messages=counts).exit_code == EXIT_LOSS


def test_redelivery_is_no_failure() -> None:
    assert REPORT.exit_code == EXIT_OK


def test_an_alert_on_a_healthy_machine_is_named() -> None:
    lines = dict(line.split("  ", 1) for line in format_report(REPORT).splitlines())

    assert lines["alerts on healthy machines"].strip() == "pump-03"
    assert lines["degrading machines"].strip() == "pump-02"
    assert lines["restarts"].strip() == "ingest 1"


def test_nothing_is_claimed_of_recordings_that_do_not_say() -> None:
    report = replace(REPORT, degrading=[], healthy=[])

    assert "alerts on healthy machines  none" in format_report(report)
