"""Folders of tables in SKAB's format, judged end to end."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from contract.errors import DataError
from industrialguard.bench.baseline_rows import BaselineContender, baselines, sensor_alone
from industrialguard.bench.creep_rows import FOLLOWED, WHO_FOLLOWS, FollowingDetector, not_followed
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.no_network import NO_NETWORK
from industrialguard.bench.report import Report, Role
from industrialguard.bench.skab import (
    SHIPPED_AGENT,
    TRAIN_ROWS,
    bench_skab,
    read_tables,
    run_skab,
    skab_contenders,
)
from models.baselines import MeanAbsoluteZ, SmoothedDetector
from models.variants import SHIPS
from tests.industrialguard.bench.tables import write_folder, write_table

MAIN = BaselineContender("mean |z|", lambda _: SmoothedDetector(MeanAbsoluteZ(), 5), is_main=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("skab"))


def value(report: Report, row: str, metric: str) -> float:
    (found,) = [r.metrics[metric].mean for r in report.rows if r.name == row]
    assert found is not None
    return found


def test_files_are_found_at_any_depth_and_sorted_by_what_they_are(folder: Path) -> None:
    tables = read_tables(folder)
    assert [file.table.name for file in tables.labelled] == ["other/7.csv", "valve1/0.csv"]
    assert [table.name for table in tables.healthy] == ["anomaly-free.csv"]
    assert tables.left_out == ("Left out: short.csv has 300 rows, needs more than 400.",)
    first = tables.labelled[0]
    assert first.table.train_rows == TRAIN_ROWS
    assert first.table.values.shape == (700, 8)
    assert np.flatnonzero(first.labels).tolist() == list(range(450, 520))


def test_the_folder_that_holds_the_data_set_will_do(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "skab").symlink_to(folder)
    (tmp_path / "readme.csv").write_text("not a table of the set")
    assert len(read_tables(tmp_path).labelled) == 2


def test_a_report_of_all_contenders(folder: Path) -> None:
    report = run_skab(folder, (MAIN, *baselines()[:1], sensor_alone("flow", 5)), [0])
    assert (report.bench, report.dataset, report.seeds) == ("anomaly", "skab", (0,))
    assert [row.name for row in report.rows] == ["mean |z|", "always alarm", "flow alone, 5 rows"]
    assert value(report, "always alarm", "auc_roc") == 0.5
    assert value(report, "always alarm", "far_pct") == 100
    assert value(report, "flow alone, 5 rows", "auc_roc") > 0.98
    assert value(report, "mean |z|", "events_announced_pct") == 100
    assert value(report, "mean |z|", "median_delay_s") < 5
    said = " ".join(report.protocol)
    assert "2 files; the first 400 rows of each are training, the other 600" in said
    assert "short.csv has 300 rows" in said
    assert " ".join(WHO_FOLLOWS) in said


def test_two_files_are_too_few_to_train_on_so_the_shipped_bundle_is_judged(folder: Path) -> None:
    (report,) = bench_skab(folder, [0])
    assert [row.name for row in report.rows if row.is_main] == [SHIPPED_AGENT]
    assert {row.role for row in report.rows[1:]} == {Role.BASELINE}
    assert value(report, "flow alone, 30 rows", "auc_roc") > 0.9
    said = " ".join(report.protocol)
    assert "Fewer than 3 files: no network can be trained on them" in said
    assert "Ours learn from" not in said


def test_without_flow_is_a_data_set_of_its_own(folder: Path) -> None:
    report = run_skab(folder, (MAIN,), [0], drop=("flow",))
    assert report.dataset == "skab/without-flow"
    assert "without the sensor flow" in report.protocol[0]
    assert value(report, "mean |z|", "auc_roc") < value(run_skab(folder, (MAIN,), [0]), "mean |z|", "auc_roc")


@pytest.mark.parametrize("drop", [(), ("flow",)])
def test_contenders_are_ours_and_every_baseline(drop: Sequence[str]) -> None:
    contenders = skab_contenders(drop)
    names = [c.name for c in contenders]
    assert sum(c.is_main for c in contenders) == 1
    assert all(c.role is Role.OURS for c in contenders if c.is_main)
    for wanted in ("always alarm", "mean |z|", "PCA T²", "Mahalanobis", "isolation forest"):
        assert any(name.startswith(wanted) for name in names)
    assert any("flow" in name for name in names) is not bool(drop)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("drop", [(), ("flow",)])
def test_who_follows_creep_is_who_the_protocol_says(drop: Sequence[str]) -> None:
    contenders = {c.name: c for c in skab_contenders(drop)}
    for name, role in ((SHIPS, Role.OURS), (NO_NETWORK, Role.BASELINE)):
        pair = [contenders[name], contenders[not_followed(name)]]
        assert all((c.role, c.is_seeded) == (role, pair[0].is_seeded) for c in pair)
    named = {name for name in contenders if name.endswith(f", {FOLLOWED}")}
    simple = [c for c in contenders.values() if isinstance(c, BaselineContender)]
    assert named == {c.name for c in simple if isinstance(c.make(0), FollowingDetector)}
    for name in named:
        assert name.removesuffix(f", {FOLLOWED}") in contenders, "beside what it is compared with"


def test_a_folder_without_a_table_to_judge_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \*.csv"):
        read_tables(tmp_path)
    write_table(tmp_path / "a.csv", rows=500, event=None)
    with pytest.raises(NothingToJudgeError, match="no table with the column 'anomaly'"):
        read_tables(tmp_path)


def test_a_table_of_another_kind_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,x\n1,2\n")
    with pytest.raises(DataError, match=r"a.csv:1: not a SKAB table"):
        read_tables(tmp_path)


def test_figures_on_the_published_files(recorded_data: Path) -> None:
    # Deterministic detectors on the published valve1 files: the frame's figures may not wander.
    place = recorded_data / "skab" / "valve1"
    if not place.is_dir():
        pytest.skip(f"no {place}")
    chosen = [c for c in baselines() if c.name.startswith("mean |z|")]
    chosen[0].is_main = True
    report = run_skab(place, (*chosen, sensor_alone("flow", 30)), [0])
    assert value(report, "mean |z|, 60 rows", "auc_roc") == pytest.approx(0.800, abs=0.001)
    assert value(report, "mean |z|, 60 rows", "f1") == pytest.approx(0.728, abs=0.001)
    assert value(report, "flow alone, 30 rows", "auc_roc") == pytest.approx(0.913, abs=0.001)
    assert value(report, "flow alone, 30 rows", "far_pct") == pytest.approx(3.34, abs=0.01)
