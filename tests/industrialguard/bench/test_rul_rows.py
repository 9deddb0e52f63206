"""Contenders are fitted to what they may see, and judged alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from contract.lives import Life, LifeSpec
from industrialguard.bench.report import Role, Row
from industrialguard.bench.rul_rows import (
    SERVED,
    SERVED_AT_ONCE,
    Contender,
    Subset,
    as_metrics,
    chance_of_less,
    floor_contenders,
    judge_forecasts,
    run_contenders,
    tree_contender,
)
from models.forecast.trees import RECENT
from models.forecast.truths import N_LEVELS, Forecaster, Forecasts, Truths
from tests.models.forecast.lives import SPEC, fleet

FIGURES = {
    "rmse", "nasa_score", "rmse_rul_le_60", "rmse_uncapped", "picp", "nmpiw", "winkler", "crps",
    "alpha_lambda_20", "c_index", "picp_rul_0_12", "picp_rul_12_24", "picp_rul_24_36", "picp_rul_36_50",
    "picp_rul_beyond",
}  # fmt: skip


class Says:
    """Says one number of every life."""

    def __init__(self, number: float) -> None:
        self._number = number

    def forecast(self, lives: Sequence[Life]) -> Forecasts:
        said = np.full(len(lives), self._number)
        return Forecasts.of_model(said, np.repeat(said[:, None], N_LEVELS, axis=1), SPEC.horizon)


@dataclass
class Notebook:
    """Remembers what it was fitted to."""

    fits: list[tuple[int, int]] = field(default_factory=list)
    """Lives and seed."""

    def fit(self, lives: Sequence[Life], _: LifeSpec, seed: int) -> Forecaster:
        self.fits.append((len(lives), seed))
        return Says(float(seed))


def subsets() -> list[Subset]:
    lives = fleet(9)
    cut = [life.cut(len(life.age) - 5) for life in lives]
    return [Subset("a", tuple(lives[:4]), tuple(cut[6:8])), Subset("b", tuple(lives[4:6]), tuple(cut[8:]))]


def test_an_own_fit_for_each_subset_and_seed() -> None:
    notebook = Notebook()
    rows = run_contenders(
        subsets(), fleet(6), SPEC, [Contender("own", Role.OURS, notebook.fit, is_main=True)], [0, 1]
    )
    assert notebook.fits == [(4, 0), (2, 0), (4, 1), (2, 1)]
    assert list(rows) == ["a", "b"]
    (row,) = rows["a"]
    assert (row.name, row.role, row.is_main) == ("own", Role.OURS, True)
    assert row.metrics["rmse"].values == (5, 4)


def test_one_fit_to_everyone_serves_all_subsets() -> None:
    notebook = Notebook()
    run_contenders(
        subsets(),
        fleet(6),
        SPEC,
        [Contender("joint", Role.OURS, notebook.fit, learns_from_all=True)],
        [0, 1],
    )
    assert notebook.fits == [(6, 0), (6, 1)]


def test_what_has_no_seed_is_fitted_once() -> None:
    notebook = Notebook()
    contenders = [Contender("plain", Role.BASELINE, notebook.fit, is_seeded=False)]
    (row,) = run_contenders(subsets()[:1], fleet(6), SPEC, contenders, [3, 4, 5])["a"]
    assert notebook.fits == [(4, 3)]
    assert row.metrics["rmse"].values == (2,)


def test_whoever_watches_sees_every_fit_with_its_subset() -> None:
    seen: list[tuple[str, int, str]] = []
    run_contenders(
        subsets(),
        fleet(6),
        SPEC,
        [Contender("own", Role.OURS, Notebook().fit)],
        [0, 1],
        lambda contender, seed, subset, _: seen.append((contender.name, seed, subset.name)),
    )
    assert seen == [("own", 0, "a"), ("own", 0, "b"), ("own", 1, "a"), ("own", 1, "b")]


def test_it_is_said_how_sure_the_main_one_is_better() -> None:
    contenders = [
        Contender("good", Role.OURS, lambda *_: Says(6.0), is_main=True),
        Contender("bad", Role.BASELINE, lambda *_: Says(20.0)),
        Contender("same", Role.BASELINE, lambda *_: Says(4.0)),
    ]
    good, bad, same = run_contenders(subsets(), fleet(6), SPEC, contenders, [0, 1])["a"]
    assert "main_is_better" not in good.metrics
    assert bad.metrics["main_is_better"].values == (1.0,)
    assert same.metrics["main_is_better"].values == (0.5,), "as wrong, in the other direction"


def test_a_small_difference_is_told_from_a_sure_one() -> None:
    random = np.random.default_rng(3)
    ours = random.exponential(1.0, 100)
    noise = random.normal(0, 1.0, 100)
    assert 0.2 < chance_of_less(ours, ours + noise - noise.mean()) < 0.8
    assert chance_of_less(ours, ours + noise - noise.mean() + 0.5) > 0.99
    assert chance_of_less(ours + noise - noise.mean() + 0.5, ours) < 0.01


def test_every_figure_that_reports_name() -> None:
    lives = subsets()[0].test
    figures = judge_forecasts(Says(5.0).forecast(lives), Truths.of(lives, SPEC.horizon))
    assert set(figures) == FIGURES
    assert figures["rmse"] == 0
    assert figures["picp_rul_0_12"] == 1
    assert figures["picp_rul_beyond"] is None, "nobody outlasts the horizon here"


def test_repeated_runs_become_metrics() -> None:
    metrics = as_metrics([{"rmse": 1.0, "c_index": None}, {"rmse": 3.0, "c_index": None}])
    assert metrics["rmse"].mean == 2
    assert metrics["c_index"].mean is None


def test_the_floor_has_every_variant_and_the_lengths_alone() -> None:
    floor = floor_contenders()
    assert all(each.role is Role.BASELINE and not each.is_main for each in floor)
    assert len({each.name for each in floor}) == len(floor)
    assert [each.name for each in floor if each.learns_from_all] == ["trees, all subsets"]
    assert [each.name for each in floor if not each.is_seeded] == [
        "lives' lengths and the age alone",
        "always the same",
    ]


def test_what_is_served_is_asked_of_ten_thousand_machines() -> None:
    exported: list[int] = []
    asked: list[int] = []

    def serve(fitted: Says, lives: Sequence[Life]) -> Callable[[Sequence[Life]], object]:
        exported.append(len(lives))
        return lambda some: asked.append(len(some))

    everyone = [
        Contender("ours", Role.OURS, Notebook().fit, is_main=True, serve=serve),
        Contender("floor", Role.BASELINE, Notebook().fit),
    ]
    ours, floor = run_contenders(subsets()[:1], fleet(6), SPEC, everyone, [0])["a"]
    assert exported == [4], "golden examples are of the training lives"
    assert sum(asked) - 1 == SERVED and max(asked) <= SERVED_AT_ONCE
    assert "serve_10000_s" in ours.metrics and "serve_10000_s" not in floor.metrics
    assert {"fit_s"} < set(ours.metrics) & set(floor.metrics)


def test_trees_say_how_far_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    fitted = tree_contender("trees", replace(RECENT, rounds=1)).fit(fleet(3), SPEC, 0)
    assert len(fitted.forecast(fleet(2, first=9))) == 2
    assert "trees, 3 lives, seed 0" in capsys.readouterr().err


def test_rows_hold_the_shape_of_reports() -> None:
    (row,) = run_contenders(
        subsets()[:1], fleet(6), SPEC, [Contender("a", Role.OURS, Notebook().fit, is_main=True)], [0]
    )["a"]
    assert isinstance(row, Row)
    assert row.to_json()["main"] is True
