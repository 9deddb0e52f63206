"""The one shape of a benchmark's figures."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigError
from industrialguard.bench.report import (
    Machine,
    Metric,
    Report,
    Role,
    Row,
    Run,
    format_markdown,
    format_metric,
    format_report,
    require_writable,
    split_figures,
    write_reports,
)

STARTED = datetime(2026, 3, 9, 10, 14, 33, 500_000, tzinfo=UTC)
RUN = Run("abc123", Machine("a processor", 2, "3.11.7"), STARTED, 12.3456)
OURS = Row(
    "student", Role.OURS, {"auc_roc": Metric((0.5, 0.7)), "median_delay_s": Metric((None, None))}, True
)
OTHER = Row("always alarm", Role.BASELINE, {"auc_roc": Metric((0.5,)), "extra_us": Metric((12.0,))})


def report(*rows: Row, dataset: str = "skab") -> Report:
    return Report("anomaly", dataset, ("First sentence.", "Second."), (0, 1), rows, RUN)


def test_the_shape() -> None:
    assert report(OURS, OTHER).to_json() == {
        "bench": "anomaly",
        "dataset": "skab",
        "protocol": ["First sentence.", "Second."],
        "commit": "abc123",
        "machine": {"cpu": "a processor", "cores": 2, "python": "3.11.7"},
        "started": "2026-03-09T10:14:33Z",
        "duration_s": 12.346,
        "seeds": [0, 1],
        "rows": [
            {
                "name": "student",
                "role": "ours",
                "main": True,
                "metrics": {
                    "auc_roc": {
                        "mean": pytest.approx(0.6),
                        "std": pytest.approx(math.sqrt(0.02)),
                        "values": [0.5, 0.7],
                    },
                    "median_delay_s": {"mean": None, "std": None, "values": [None, None]},
                },
            },
            {
                "name": "always alarm",
                "role": "baseline",
                "metrics": {
                    "auc_roc": {"mean": 0.5, "std": 0.0, "values": [0.5]},
                    "extra_us": {"mean": 12.0, "std": 0.0, "values": [12.0]},
                },
            },
        ],
    }


@pytest.mark.parametrize("rows", [(), (OTHER,), (OURS, Row("second", Role.OURS, {}, is_main=True))])
def test_exactly_one_row_is_what_ships(rows: tuple[Row, ...]) -> None:
    with pytest.raises(ValueError, match="exactly one row must be the main one"):
        report(*rows)


def test_names_are_unique_and_the_protocol_is_said() -> None:
    with pytest.raises(ValueError, match="same name"):
        report(OURS, OTHER, OTHER)
    with pytest.raises(ValueError, match="how it was measured"):
        Report("anomaly", "skab", (), (0,), (OURS,), RUN)


@pytest.mark.parametrize("values", [(), (math.nan,), (1.0, math.inf)])
def test_a_figure_is_a_number_or_missing(values: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="finite"):
        Metric(values)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9))
def test_mean_lies_among_the_values(values: list[float]) -> None:
    metric = Metric(tuple(values))
    assert metric.mean is not None
    assert metric.std is not None
    assert min(values) - 1e-6 <= metric.mean <= max(values) + 1e-6
    assert 0 <= metric.std <= (max(values) - min(values)) + 1e-6


def test_runs_without_the_figure_do_not_spoil_the_mean() -> None:
    metric = Metric((1.0, None, 3.0))
    assert metric.mean == 2.0
    assert metric.std == pytest.approx(math.sqrt(2))


def test_one_report_is_an_object_and_several_are_a_list(tmp_path: Path) -> None:
    one, several = tmp_path / "one.json", tmp_path / "several.json"
    write_reports(one, [report(OURS)])
    write_reports(several, [report(OURS), report(OURS, dataset="skab/without-flow")])
    assert json.loads(one.read_text()) == report(OURS).to_json()
    assert [r["dataset"] for r in json.loads(several.read_text())] == ["skab", "skab/without-flow"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.json", "several.json"]


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--json .* cannot be written"):
        write_reports(tmp_path / "missing" / "x.json", [report(OURS)])


def test_the_place_is_looked_at_before_a_long_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    require_writable(None)
    require_writable(Path("x.json"))
    with pytest.raises(ConfigError, match="no folder"):
        require_writable(tmp_path / "missing" / "x.json")
    with pytest.raises(ConfigError, match="is a folder"):
        require_writable(tmp_path)


def test_the_text_says_the_protocol_before_the_figures() -> None:
    text = format_report(report(OURS, OTHER))
    lines = text.splitlines()
    assert lines[:3] == ["anomaly: skab", "  First sentence.", "  Second."]
    header, ours, other = lines[4:]
    assert header.split() == ["role", "auc_roc", "median_delay_s", "extra_us"]
    assert ours.startswith(">  student")
    assert "0.600 ± 0.141" in ours
    assert other.startswith("   always alarm")
    assert other.split()[-2:] == ["0.500", "12.00"]
    assert header.index("auc_roc") + len("auc_roc") == ours.index("0.141") + len("0.141")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((0.87234, 0.87235), "0.872 ± 0.000"),
        ((14.526,), "14.53"),
        ((148.26,), "148.3"),
        ((0.0,), "0.000"),
        ((51_234_567.0,), "51234567"),
        ((None, None), "-"),
    ],
)
def test_figures_as_people_read_them(values: tuple[float | None, ...], text: str) -> None:
    assert format_metric(Metric(values)) == text


def test_a_run_says_which_code_and_which_machine() -> None:
    run = Run.since(datetime.now(UTC) - timedelta(seconds=5))
    assert run.duration_s >= 5
    assert run.machine.cores >= 1
    assert run.machine.cpu
    assert run.machine.python.startswith("3.")


def test_a_bar_in_a_name_does_not_break_the_table() -> None:
    table = format_markdown([report(OURS, Row("mean |z|", Role.BASELINE, {"auc_roc": Metric((0.5,))}))])
    rows = [line.replace(r"\|", "") for line in table.splitlines() if line.startswith("|")]
    assert len(rows) == 4 and len({row.count("|") for row in rows}) == 1
    assert "**student**" in rows[2]


@pytest.mark.parametrize(("n_figures", "widths"), [(1, [1]), (8, [8]), (9, [5, 4]), (17, [6, 6, 5])])
def test_many_figures_fill_several_tables(n_figures: int, widths: list[int]) -> None:
    names = [f"figure_{number}" for number in range(n_figures)]
    wide = report(replace(OURS, metrics={name: Metric((1.0,)) for name in names}))
    tables = split_figures(wide)
    assert [len(table) for table in tables] == widths
    assert [name for table in tables for name in table] == names
    for text, row in ((format_report(wide), ">  student"), (format_markdown([wide]), "| **student** |")):
        assert text.count(row) == len(widths)
        assert [text.count(name + " ") + text.count(name + "\n") for name in names] == [1] * n_figures


def test_a_document_says_once_what_all_reports_have_in_common() -> None:
    one = report(OURS)
    other = replace(one, dataset="skab/valve1", protocol=("First sentence.", "Of valve 1."))
    text = format_markdown([one, other])
    assert text.startswith("- First sentence.\n\n#### skab\n\n- Second.\n- Seeds")
    assert text.count("First sentence.") == 1
    assert "#### skab/valve1\n\n- Of valve 1.\n- Seeds" in text
    alone = format_markdown([one])
    assert alone.startswith("#### skab\n\n- First sentence.\n- Second.\n")
