"""Figures over whole lives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.forecast.prognostics import (
    alpha_lambda,
    alpha_lambda_share,
    concordance,
    is_in_cone,
    prognostic_horizon,
)
from tests.models.forecast.samples import truths

REMAINING = np.array([100.0, 80, 60, 40, 20, 0])


def test_the_cone_narrows_towards_the_end() -> None:
    assert is_in_cone(np.array([88.0, 11.0]), np.array([100.0, 10.0]), 0.15)
    assert not is_in_cone(np.array([112.0, 22.0]), np.array([100.0, 10.0]), 0.15)


def test_alpha_lambda_judges_the_forecast_nearest_to_that_share_of_the_life() -> None:
    said = np.array([0.0, 0, 0, 47, 0, 0])
    assert alpha_lambda(said, REMAINING, 0.2, at=0.6)
    assert not alpha_lambda(said, REMAINING, 0.1, at=0.6)
    assert not alpha_lambda(said, REMAINING, 0.2, at=0.2)


def test_the_share_within_the_cone_leaves_out_what_nobody_knows() -> None:
    came = truths([100, 100, 200, 10], [False, False, False, True])
    assert alpha_lambda_share(np.array([81.0, 79.0, 101.0, 10.0]), came) == pytest.approx(2 / 3)
    assert alpha_lambda_share(np.array([5.0]), truths([5], [True])) is None


def test_the_prognostic_horizon_begins_where_forecasts_stay_close() -> None:
    off = np.array([0.0, 50, 5, 50, 5, -5])
    assert prognostic_horizon(REMAINING + off, REMAINING, 10) == 20
    assert prognostic_horizon(REMAINING + off, REMAINING, 60) == 100
    assert prognostic_horizon(REMAINING + off, REMAINING, 1) == 0


@pytest.mark.parametrize("remaining", [[], [1.0, 2.0], [2.0, 2.0]])
def test_a_life_runs_towards_its_end(remaining: list[float]) -> None:
    with pytest.raises(ValueError, match="falling towards its end"):
        prognostic_horizon(np.zeros(len(remaining)), np.array(remaining), 1)


def test_concordance_by_hand() -> None:
    came = truths([10, 20, 30])
    assert concordance(np.array([1.0, 2, 3]), came) == 1
    assert concordance(np.array([3.0, 2, 1]), came) == 0
    assert concordance(np.array([1.0, 3, 2]), came) == pytest.approx(2 / 3)
    assert concordance(np.array([2.0, 2, 2]), came) == 0.5


def test_a_censored_life_is_compared_with_those_that_ended_before_it() -> None:
    came = truths([10, 20, 20, 30], [False, True, False, True])
    # Ended: 10 and 20. Pairs: 10 with all three, 20 with its censored twin and with 30.
    assert concordance(np.array([1.0, 3, 2, 4]), came) == 1
    assert concordance(np.array([1.0, 2, 3, 4]), came) == pytest.approx(4 / 5)
    assert concordance(np.array([1.0, 2]), truths([10, 20], [True, True])) is None


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans()), min_size=2, max_size=12))
def test_concordance_is_what_counting_pairs_gives(lives: list[tuple[int, int, bool]]) -> None:
    said = np.array([float(life[0]) for life in lives])
    came = truths([float(life[1]) for life in lives], [life[2] for life in lives])
    score = total = 0.0
    for a in range(len(lives)):
        for b in range(len(lives)):
            time_a, time_b = lives[a][1], lives[b][1]
            if lives[a][2] or not (time_a < time_b or (time_a == time_b and lives[b][2])):
                continue
            total += 1
            score += 1.0 if said[a] < said[b] else 0.5 if said[a] == said[b] else 0.0
    assert concordance(said, came) == (pytest.approx(score / total) if total else None)
