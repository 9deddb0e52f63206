"""Bearings, each forecast by the others."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.lives import Life, LifeSpec
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.report import Role
from industrialguard.bench.rul_femto import CUTS, bench_femto_rul, judged_rows
from industrialguard.bench.rul_followers import Follower, Said, simple_followers
from industrialguard.bench.rul_options import RulOptions
from models.lives.femto import CLOCK, read_femto
from tests.industrialguard.bench.engines import write_bearings

LENGTHS = (120, 140, 160, 200, 240)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("femto")
    write_bearings(folder, LENGTHS)
    return folder


def truth(life: Life, rows: Sequence[int]) -> np.ndarray:  # type: ignore[type-arg]
    """What came, after these rows."""
    return life.end_age - life.age[list(rows)]


def follower(follow: Callable[[Life, Sequence[int]], Said]) -> Follower:
    """One that need not learn."""
    return Follower(
        "someone", Role.OURS, lambda *_: None, lambda _, life, rows: follow(life, rows), is_main=True
    )


def test_whoever_is_forecast_is_not_learned_from(folder: Path) -> None:
    fitted: list[str] = []

    def fit(lives: Sequence[Life], _: LifeSpec, seed: int) -> int:
        fitted.append("".join(life.machine[-1] for life in lives))
        return seed

    def follow(seed: int, _: Life, rows: Sequence[int]) -> Said:
        return Said(np.full(len(rows), float(seed)))

    says_its_seed = Follower("says its seed", Role.OURS, fit, follow, is_seeded=True, is_main=True)
    says_it_too = replace(says_its_seed, name="says it too", is_main=False)
    (report,) = bench_femto_rul(folder, RulOptions((0, 7)), (says_its_seed, says_it_too))
    assert fitted == ["2345", "1345", "1245", "1235", "1234"] * 2, "once for both"
    values = report.rows[0].metrics["error_pct_of_life"].values
    assert len(values) == 2
    assert values[0] == pytest.approx(50, abs=2), "a forecast of 0 is half a life off on average"


def test_errors_are_in_percent_of_the_life(folder: Path) -> None:
    late = follower(lambda life, rows: Said(truth(life, rows) + 0.1 * life.end_age))
    (report,) = bench_femto_rul(folder, RulOptions((0,)), (late,))
    assert (report.dataset, len(report.rows)) == ("femto", 1)
    figures = {name: metric.mean for name, metric in report.rows[0].metrics.items()}
    assert figures == pytest.approx(dict.fromkeys(figures, 10))
    assert set(figures) == {
        "error_pct_of_life",
        "error_pct_of_life_last_half",
        *(f"error_pct_femto_bearing1_{number}" for number in range(1, 6)),
    }


def test_the_last_half_counts_alone(folder: Path) -> None:
    def follow(life: Life, rows: Sequence[int]) -> Said:
        wrong = np.where(np.arange(len(rows)) < len(rows) / 2, 0.0, 0.2 * life.end_age)
        return Said(truth(life, rows) + wrong)

    (report,) = bench_femto_rul(folder, RulOptions((0,)), (follower(follow),))
    metrics = report.rows[0].metrics
    assert metrics["error_pct_of_life_last_half"].mean == pytest.approx(20)
    assert metrics["error_pct_of_life"].mean == pytest.approx(10)


def test_an_interval_is_judged_by_what_it_holds_and_how_wide_it_is(folder: Path) -> None:
    def follow(life: Life, rows: Sequence[int]) -> Said:
        came = np.asarray(truth(life, rows), np.float64)
        holds = life.machine.endswith("1")
        return Said(came, (came + (0 if holds else 1), came + 2880))

    (report,) = bench_femto_rul(folder, RulOptions((0,)), (follower(follow),))
    metrics = report.rows[0].metrics
    assert metrics["picp"].mean == pytest.approx(1 / 5), "every bearing weighs the same"
    assert metrics["nmpiw"].mean == pytest.approx(0.1, rel=1e-3)


def test_rows_are_judged_from_the_first_to_the_last(folder: Path) -> None:
    life = read_femto(folder).lives[0]
    rows = judged_rows(life)
    assert (rows[0], rows[-1], len(rows)) == (0, len(life.age) - 1, CUTS)
    assert judged_rows(life.cut(4)) == (0, 1, 2, 3)


@pytest.mark.parametrize("interval", [True, False])
def test_a_picture_of_whole_lives(folder: Path, tmp_path: Path, interval: bool) -> None:
    def follow(life: Life, rows: Sequence[int]) -> Said:
        said = np.ones(len(rows))
        return Said(said, (said, said) if interval else None)

    bench_femto_rul(folder, RulOptions((0,), tmp_path / "lives.svg"), (follower(follow),))
    drawn = (tmp_path / "lives.svg").read_text()
    assert drawn.count("<!-- femto-bearing1-") == len(LENGTHS)
    assert ("<!-- 90 % interval -->" in drawn) is interval


def test_four_bearings_are_too_few(tmp_path: Path) -> None:
    write_bearings(tmp_path, LENGTHS[:4])
    with pytest.raises(NothingToJudgeError, match="4 bearings ended; leaving one out needs 5"):
        bench_femto_rul(tmp_path, RulOptions((0,)))


@pytest.mark.slow
@pytest.mark.long
def test_processes_side_by_side_find_the_same_and_it_is_said(folder: Path) -> None:
    first, *others = simple_followers(CLOCK)
    everyone = (replace(first, is_main=True), *others)
    (alone,) = bench_femto_rul(folder, RulOptions((0,)), everyone)
    (shared,) = bench_femto_rul(folder, RulOptions((0,), jobs=2), everyone)
    assert shared.rows == alone.rows
    assert set(shared.protocol) - set(alone.protocol) == {*RulOptions((0,), jobs=2).sentences}
