"""A document gets the figures that people ask for, and only those."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from industrialguard.bench.ota.summary import SHOWN, summarise
from industrialguard.bench.report import MOST_FIGURES, Metric, Report, Role, Row, Run


def report(dataset: str, *names: str) -> Report:
    metrics = {name: Metric((1.0,)) for name in names}
    rows = (Row("ours", Role.OURS, metrics, is_main=True), Row("theirs", Role.BASELINE, metrics))
    return Report("ota", dataset, ("Said first.", "Said later."), (1,), rows, Run.since(datetime.now(UTC)))


def test_each_kind_becomes_a_section() -> None:
    reports = [
        report("ota/bytes/10", "idle_bytes", "idle_requests"),
        report("ota/bytes/20", "idle_bytes"),
        report("ota/delta/pump", "delta_pct"),
        report("ota/another/one", "delta_pct"),
    ]
    sections = dict(summarise(reports))
    assert list(sections) == ["ota-bytes", "ota-delta"]
    assert "#### ota/bytes/10" in sections["ota-bytes"] and "#### ota/bytes/20" in sections["ota-bytes"]
    assert "idle_bytes" in sections["ota-bytes"] and "idle_requests" not in sections["ota-bytes"]
    assert "Said first." in sections["ota-delta"] and "Said later." not in sections["ota-delta"]


@pytest.mark.parametrize("kind", SHOWN)
def test_a_short_form_is_one_table(kind: str) -> None:
    assert len(SHOWN[kind]) <= MOST_FIGURES
