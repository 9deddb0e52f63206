"""The command line chooses modes; what must never happen fails it."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime

import pytest

from industrialguard.bench.ota.command import DEFAULT_MODES, build_parser, build_plan, is_clean
from industrialguard.bench.ota.plan import MODES, SIZES, VIOLATIONS, Plan
from industrialguard.bench.report import Metric, Report, Role, Row, Run


def test_everything_is_measured_where_nothing_is_said() -> None:
    assert build_plan(build_parser().parse_args([])) == Plan(DEFAULT_MODES, SIZES, 5, 1)


def test_a_line_chooses() -> None:
    options = build_parser().parse_args(["--modes", "bytes", "--sizes", "10", "20", "--repeats", "2"])
    assert build_plan(options) == Plan(("bytes",), (10, 20), 2, 1)


@pytest.mark.parametrize("name", MODES)
def test_each_mode_has_its_module(name: str) -> None:
    assert importlib.util.find_spec(MODES[name].module) is not None


@pytest.mark.parametrize(("found", "expected"), [(0.0, True), (1.0, False)], ids=["none", "one"])
def test_a_single_violation_fails_the_run(found: float, expected: bool) -> None:
    rows = (
        Row("ours", Role.OURS, {"bytes": Metric((1.0,))}, is_main=True),
        Row("devices", Role.OURS, {VIOLATIONS: Metric((0.0, found))}),
    )
    assert is_clean(Report("ota", "ota/x", ("said",), (1,), rows, Run.since(datetime.now(UTC)))) is expected
