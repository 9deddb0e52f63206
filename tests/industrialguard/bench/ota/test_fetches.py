"""A small run: what is counted fits what was published, and holds the bars."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.bundle import parse_bundle
from industrialguard.bench.ota.assignments import bench_assignments
from industrialguard.bench.ota.fetches import FLAT, OURS, OWN, bench_listed, bench_policy
from industrialguard.bench.ota.plan import Plan
from industrialguard.bench.ota.publisher import FAMILIES, LongLists, list_entries, make_release
from industrialguard.bench.report import Report
from ota.delta import make_delta
from ota.gates import require_gates

PLAN = Plan(("bytes",), (40,), repeats=1)
IDLE_POLL_BYTES, CHANGE_BYTES = 600, 20_000
"""The bars of the project."""


def figures(report: Report) -> dict[str, dict[str, float]]:
    """Means by row and metric."""
    return {
        row.name: {name: metric.mean or 0.0 for name, metric in row.metrics.items()} for row in report.rows
    }


def test_versions_differ_as_fine_tuning_leaves_them_and_pass_the_gates() -> None:
    first, second = make_release(OWN, 1), make_release(OWN, 2)
    assert first == make_release(OWN, 1), "the same again"
    assert require_gates(second.papers, parse_bundle(second.bundle))
    assert first.version != second.version
    assert len(make_delta(first.bundle, second.bundle)) < len(second.bundle) / 2


def test_long_lists_are_divided_among_families(tmp_path: Path) -> None:
    paths = [entry.path for entry in list_entries(40)]
    assert len(set(paths)) == 40
    lists = LongLists(tmp_path, 40)
    lists.publish(OWN, 1)
    draft = lists.repository.load()
    listed = [len(draft.family(f"family-{family}").targets) for family in FAMILIES]
    assert listed == [4, *[3] * 7, *[2] * 8]


@pytest.mark.slow
@pytest.mark.long
def test_the_policy_holds_the_bars(tmp_path: Path) -> None:
    found = figures(bench_policy(PLAN, tmp_path))
    ours, flat = found[OURS], found[FLAT]
    assert ours["idle_bytes"] <= IDLE_POLL_BYTES
    assert ours["idle_requests"] == 2
    assert ours["change_bytes"] <= CHANGE_BYTES
    assert ours["change_elsewhere_bytes"] < ours["change_bytes"] < flat["change_bytes"]
    assert (
        ours["delta_bytes"] < ours["bundle_bytes"] == flat["bundle_bytes"] == len(make_release(OWN, 9).bundle)
    )
    assert "delta_bytes" not in flat


@pytest.mark.slow
def test_a_long_list_costs_what_it_holds(tmp_path: Path) -> None:
    found = figures(bench_listed(PLAN, tmp_path, 40))
    ours, flat = found[OURS], found[FLAT]
    assert ours["change_bytes"] < ours["first_bytes"]
    assert flat["change_bytes"] > flat["idle_bytes"]
    assert ours["vs_flat_pct"] == pytest.approx(100 * ours["change_bytes"] / flat["change_bytes"])
    assert ours["bundle_vs_flat_pct"] == 100


@pytest.mark.slow
def test_everybody_is_assigned_and_an_idle_poll_has_no_body(tmp_path: Path) -> None:
    ((_, found),) = figures(bench_assignments(PLAN, tmp_path, 12)).items()
    assert found["assign_rounds"] == 1
    assert found["fetch_bytes"] > 0
    assert (found["idle_bytes"], found["idle_requests"]) == (0, 1)
    assert found["assignments_per_s"] > 0
