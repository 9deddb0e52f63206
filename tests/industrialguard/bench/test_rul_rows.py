"""Contenders are fitted to what they may see, and judged alike."""

from dataclasses import replace

import numpy as np
import pytest

from industrialguard.bench.report import Role
from industrialguard.bench.rul_rows import (
    as_metrics,
    floor_contenders,
    judge_forecasts,
    tree_contender,
)
from models.forecast.trees import RECENT
from models.forecast.truths import N_LEVELS, Forecasts, Truths
from tests.models.forecast.lives import SPEC, fleet

FIGURES = {
    "rmse", "nasa_score", "rmse_rul_le_60", "rmse_uncapped", "picp", "nmpiw", "winkler", "crps",
    "alpha_lambda_20", "c_index", "picp_rul_0_12", "picp_rul_12_24", "picp_rul_24_36", "picp_rul_36_50",
    "picp_rul_beyond",
}  # fmt: skip


def said(number: float, times: int) -> Forecasts:
    """One number of every life."""
    return Forecasts.of_model(np.full(times, number), np.full((times, N_LEVELS), number), SPEC.horizon)


def test_every_figure_that_reports_name() -> None:
    lives = [life.cut(len(life.age) - 5) for life in fleet(3)]
    figures = judge_forecasts(said(5.0, 3), Truths.of(lives, SPEC.horizon))
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


def test_trees_say_how_far_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    fitted = tree_contender("trees", replace(RECENT, rounds=1)).fit(fleet(3), SPEC, 0)
    assert len(fitted.forecast(fleet(2, first=9))) == 2
    assert "trees, 3 lives, seed 0" in capsys.readouterr().err
