"""`industrialguard bench anomaly`, from the command line to the file."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from contract.errors import ConfigError, DataError
from industrialguard.bench import anomaly
from industrialguard.bench.anomaly import DATASETS, DataSet, build_parser, main
from industrialguard.bench.baseline_rows import BaselineContender
from industrialguard.bench.report import Report
from industrialguard.bench.skab import run_skab
from models.baselines import MeanAbsoluteZ, SmoothedDetector
from tests.industrialguard.bench.tables import write_folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, tuple[int, ...]]]:
    """SKAB with a single contender; returns what it was asked for."""
    asked: list[tuple[Path, tuple[int, ...]]] = []

    def bench(folder: Path, seeds: Sequence[int]) -> list[Report]:
        asked.append((folder, tuple(seeds)))
        one = BaselineContender("z", lambda _: SmoothedDetector(MeanAbsoluteZ(), 5), is_main=True)
        return [run_skab(folder, (one,), seeds, drop) for drop in ((), ("flow",))]

    monkeypatch.setitem(anomaly.DATASETS, "skab", DataSet("quick", bench))
    return asked


def test_from_folder_to_file(
    quick: list[tuple[Path, tuple[int, ...]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, target = write_folder(tmp_path / "data"), tmp_path / "out.json"
    line = ["--dataset", "skab", "--data", str(folder), "--seeds", "2", "--json", str(target)]
    assert main(line) == 0
    assert quick == [(folder, (0, 1))]
    both = json.loads(target.read_text())
    assert [r["dataset"] for r in both] == ["skab", "skab/without-flow"]
    for report in both:
        assert [row["name"] for row in report["rows"] if row.get("main")] == ["z"]
        assert set(report["rows"][0]["metrics"]) == {
            "auc_roc",
            "auc_pr",
            "f1",
            "far_pct",
            "mar_pct",
            "events_found_pct",
            "events_announced_pct",
            "median_delay_s",
            "false_episodes_per_h",
        }
    printed = capsys.readouterr()
    assert "anomaly: skab/without-flow" in printed.out
    assert "Nothing is point-adjusted" in printed.out
    assert "detector 1/1" in printed.err


def test_three_seeds_unless_told_otherwise() -> None:
    assert build_parser().parse_args(["--dataset", "skab", "--data", "x"]).seeds == 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--data", "x"], "--dataset"),
        (["--dataset", "nab", "--data", "x"], "invalid choice: 'nab'"),
        (["--dataset", "skab"], "--data"),
        (["--dataset", "skab", "--data", "x", "--seeds", "0"], "must lie between 1 and 1000"),
        (["--dataset", "skab", "--data", "x", "--seeds", "two"], "invalid whole number value: 'two'"),
    ],
)
def test_wrong_lines_are_refused(line: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line) == 2
    assert said in capsys.readouterr().err


def test_only_what_is_simulated_needs_no_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[int, ...]] = []

    def simulate(seeds: Sequence[int]) -> list[Report]:
        asked.append(tuple(seeds))
        return []

    def bench(folder: Path, seeds: Sequence[int]) -> list[Report]:
        pytest.fail(f"{folder} was read")

    monkeypatch.setitem(anomaly.DATASETS, "sim", DataSet("quick", bench, simulate=simulate))
    assert main(["--dataset", "sim", "--seeds", "2"]) == 0
    assert asked == [(0, 1)]
    assert main(["--dataset", "femto"]) == 2
    assert "--dataset femto needs --data DIR" in capsys.readouterr().err


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        main(["--dataset", "skab", "--data", str(tmp_path / "missing")])


def test_where_the_file_goes_is_looked_at_first(
    quick: list[tuple[Path, tuple[int, ...]]], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="no folder"):
        main(["--dataset", "skab", "--data", "x", "--json", str(tmp_path / "missing" / "x.json")])
    assert quick == []


def test_the_help_lists_data_sets_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert "examples:" in printed
    for name, dataset in DATASETS.items():
        assert name in printed
        assert dataset.summary in printed
