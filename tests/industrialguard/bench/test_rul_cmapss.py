"""Engines in C-MAPSS' format, judged end to end."""

from dataclasses import replace
from pathlib import Path

import pytest

from contract.errors import DataError
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.report import Role, Row
from industrialguard.bench.rul_cmapss import bench_cmapss, choose_subsets
from industrialguard.bench.rul_options import RulOptions
from industrialguard.bench.rul_ours import our_contenders
from industrialguard.bench.rul_rows import Contender, floor_contenders, tree_contender
from models.forecast.naive import ByAge
from models.forecast.trees import FULL
from models.lives.cmapss import read_cmapss
from tests.industrialguard.bench.engines import write_subset

AGE = Contender(
    "age",
    Role.BASELINE,
    lambda lives, spec, _: ByAge.fit(lives, spec.horizon),
    is_seeded=False,
    is_main=True,
)
JOINT = Contender(
    "joint",
    Role.BASELINE,
    lambda lives, spec, _: ByAge.fit(lives, spec.horizon),
    learns_from_all=True,
    is_seeded=False,
)
ONCE = RulOptions((0,))
SMALL = replace(FULL, learning_rate=0.3, rounds=10, min_rows=5, most_quantile_rows=200)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cmapss")
    write_subset(folder, "FD001")
    write_subset(folder, "XY9", n_train=6, packed=True)
    return folder


def test_one_report_for_each_subset_whatever_its_name(folder: Path) -> None:
    reports = bench_cmapss(folder, ["FD001", "XY9"], RulOptions((0, 1)), (AGE, JOINT))
    assert [report.dataset for report in reports] == ["cmapss/FD001", "cmapss/XY9"]
    for report in reports:
        assert (report.bench, report.seeds) == ("rul", (0, 1))
        assert [(row.name, row.is_main) for row in report.rows] == [("age", True), ("joint", False)]
    alone, joint = (row.metrics["rmse"].mean for row in reports[1].rows)
    assert alone != joint, "the joint one learns from the other subset too"


def test_all_that_can_be_judged_where_none_is_named(folder: Path) -> None:
    assert [report.dataset for report in bench_cmapss(folder, [], ONCE, (AGE,))] == [
        "cmapss/FD001",
        "cmapss/XY9",
    ]


def test_no_engine_is_left_out_however_short(folder: Path) -> None:
    (report,) = bench_cmapss(folder, ["FD001"], ONCE, (AGE,))
    said = " ".join(report.protocol)
    assert "8 training engines" in said
    assert "5 test engines, all judged: 1 with fewer than 30 cycles" in said
    (subset,) = choose_subsets(read_cmapss(folder), ["FD001"], folder)
    assert [len(life.age) for life in subset.test] == [3, 70, 90, 110, 130]
    assert [life.remaining for life in subset.test] == [77, 30, 30, 30, 30]


def test_the_folder_that_holds_the_data_set_will_do(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cmapss").symlink_to(folder)
    assert len(bench_cmapss(tmp_path, ["fd001"], ONCE, (AGE,))) == 1


@pytest.mark.parametrize("missing", ["test_FD001.txt", "RUL_FD001.txt"])
def test_a_subset_without_its_test_or_its_endings_says_what_is_missing(tmp_path: Path, missing: str) -> None:
    write_subset(tmp_path, "FD001")
    (tmp_path / missing).unlink()
    with pytest.raises(
        NothingToJudgeError, match=r"FD001 cannot be judged without test_FD001.txt and RUL_FD001"
    ):
        bench_cmapss(tmp_path, ["FD001"], ONCE, (AGE,))
    with pytest.raises(NothingToJudgeError, match="no subset has its test table"):
        bench_cmapss(tmp_path, [], ONCE, (AGE,))


def test_an_unknown_subset_lists_those_that_there_are(folder: Path) -> None:
    with pytest.raises(DataError, match="FD001, XY9"):
        bench_cmapss(folder, ["FD007"], ONCE, (AGE,))


def test_a_picture_of_what_was_said_over_lives(folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "lives.png"
    bench_cmapss(folder, ["FD001"], RulOptions((0, 1), picture), (JOINT, AGE))
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_exactly_one_stands_for_what_ships() -> None:
    everyone = (*our_contenders(), *floor_contenders())
    assert [each.name for each in everyone if each.is_main] == ["transformer, all subsets"]


def test_processes_side_by_side_find_the_same_and_it_is_said(folder: Path) -> None:
    alone, shared = (
        bench_cmapss(folder, [], RulOptions((0, 1), jobs=jobs), (TREES, SAME)) for jobs in (1, 2)
    )
    for one, other in zip(alone, shared, strict=True):
        assert [without_times(row) for row in one.rows] == [without_times(row) for row in other.rows]
        assert "2 processes side by side" in other.protocol[-1]


TREES = replace(tree_contender("trees", SMALL), is_main=True)
SAME = floor_contenders()[-1]


def without_times(row: Row) -> dict[str, object]:
    """A row but for how long it took."""
    return {name: metric.values for name, metric in row.metrics.items() if not name.endswith("_s")}


def test_trees_beat_what_is_always_the_same(folder: Path) -> None:
    (report,) = bench_cmapss(folder, ["FD001"], ONCE, (TREES, SAME))
    trees, same = (row.metrics["rmse"].mean for row in report.rows)
    assert trees is not None
    assert same is not None
    assert trees < 0.8 * same
