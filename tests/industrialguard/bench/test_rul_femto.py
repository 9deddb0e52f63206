"""Bearings, each forecast by the others."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from contract.lives import Life, LifeSpec
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.report import Role
from industrialguard.bench.rul_femto import (
    CUTS,
    Follow,
    Follower,
    bench_femto_rul,
    judged_rows,
    simple_followers,
)
from models.lives.femto import read_femto
from tests.industrialguard.bench.engines import write_bearings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("femto")
    write_bearings(folder)
    return folder


def test_a_trend_beats_the_lengths_where_there_is_one(folder: Path) -> None:
    (report,) = bench_femto_rul(folder, [0])
    errors = {row.name: row.metrics["error_pct_of_life"].mean or 0 for row in report.rows}
    assert report.dataset == "femto"
    assert sum(row.is_main for row in report.rows) == 1
    trend = errors.pop("trend extrapolation")
    assert len(errors) == 2
    assert all(trend < other for other in errors.values())
    assert set(report.rows[0].metrics) == {
        "error_pct_of_life",
        "error_pct_of_life_last_half",
        *(f"error_pct_femto_bearing1_{number}" for number in (1, 2, 3)),
    }


def test_whoever_is_forecast_is_not_learned_from(folder: Path) -> None:
    fitted: list[list[str]] = []

    def fit(lives: Sequence[Life], _: LifeSpec, seed: int) -> Follow:
        fitted.append([life.machine[-1] for life in lives])
        return lambda life: np.full(len(life.age), float(seed))

    follower = Follower("says its seed", Role.OURS, fit, is_seeded=True, is_main=True)
    (report,) = bench_femto_rul(folder, [0, 7], followers=(follower,))
    assert fitted == [["2", "3"], ["1", "3"], ["1", "2"]] * 2
    values = report.rows[0].metrics["error_pct_of_life"].values
    assert len(values) == 2
    assert values[0] == pytest.approx(50, abs=2), "a forecast of 0 is half a life off on average"


def test_errors_are_in_percent_of_the_life(folder: Path) -> None:
    def fit(lives: Sequence[Life], _spec: LifeSpec, _seed: int) -> Follow:
        return lambda life: life.end_age - life.age + 0.1 * life.end_age

    (report,) = bench_femto_rul(folder, [0], followers=(Follower("late", Role.OURS, fit, is_main=True),))
    for metric in report.rows[0].metrics.values():
        assert metric.mean == pytest.approx(10)


def test_rows_are_judged_from_the_first_to_the_last(folder: Path) -> None:
    life = read_femto(folder).lives[0]
    rows = judged_rows(life)
    assert (rows[0], rows[-1], len(rows)) == (0, len(life.age) - 1, CUTS)
    assert judged_rows(life.cut(4)) == (0, 1, 2, 3)


def test_a_picture_of_whole_lives(folder: Path, tmp_path: Path) -> None:
    bench_femto_rul(folder, [0], tmp_path / "lives.svg", simple_followers()[1:])
    assert b"<svg" in (tmp_path / "lives.svg").read_bytes()


def test_two_bearings_are_too_few(tmp_path: Path) -> None:
    write_bearings(tmp_path, (120, 130))
    with pytest.raises(NothingToJudgeError, match="2 bearings ended; leaving one out needs 3"):
        bench_femto_rul(tmp_path, [0])
