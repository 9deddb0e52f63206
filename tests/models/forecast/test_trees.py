"""Boosted trees learn wear, and say how sure they are."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from contract.forecast import LEVELS
from contract.lives import End, Life
from models.errors import TooLittleDataError
from models.forecast.emphasis import weigh
from models.forecast.metrics import picp, rmse
from models.forecast.naive import AlwaysTheSame
from models.forecast.trees import (
    FITTED_LEVELS,
    FULL,
    N_FITS,
    RECENT,
    WITHOUT_AGE,
    Reader,
    Trees,
    between_levels,
    fit_trees,
    folds_of,
)
from models.forecast.truths import Truths
from tests.models.forecast.lives import SPEC, WITH_EVENTS, event, fleet, wearing

SMALL = replace(FULL, learning_rate=0.25, rounds=15, min_rows=5, features=1.0, most_quantile_rows=400)


@pytest.fixture(scope="module")
def trees() -> Trees:
    return fit_trees(fleet(40), SPEC, SMALL, 0)


def cuts(lives: Sequence[Life], seed: int = 0) -> list[Life]:
    random = np.random.default_rng(seed)
    return [life.cut(int(random.integers(1, len(life.age) + 1))) for life in lives]


def test_they_forecast_machines_that_they_have_not_seen(trees: Trees) -> None:
    unseen = cuts(fleet(60, first=100))
    truths = Truths.of(unseen, SPEC.horizon)
    error, constant = (
        rmse(model.forecast(unseen), truths) for model in (trees, AlwaysTheSame.fit(fleet(40), 50.0))
    )
    assert error is not None
    assert constant is not None
    assert error < 0.6 * constant
    held = picp(trees.forecast(unseen), truths)
    assert held is not None
    assert held >= 0.8


def test_a_life_followed_is_the_life_cut_at_each_row(trees: Trees) -> None:
    life = wearing(200, 60)
    followed = trees.follow(life)
    each = trees.forecast([life.cut(n_rows) for n_rows in (1, 7, 60)])
    assert followed.mean[[0, 6, 59]] == pytest.approx(each.mean)
    assert followed.upper[[0, 6, 59]] == pytest.approx(each.upper)


def test_a_life_of_one_row_is_forecast_too(trees: Trees) -> None:
    said = trees.forecast([wearing(201).cut(1)])
    assert len(said) == 1
    assert 0 <= said.lower[0] <= said.median[0] <= said.upper[0] <= SPEC.horizon


def test_the_same_seed_gives_the_same_trees() -> None:
    lives, unseen = fleet(10), fleet(3, first=50)
    first, second = (fit_trees(lives, SPEC, SMALL, 3).forecast(unseen) for _ in range(2))
    assert np.array_equal(first.mean, second.mean)
    assert np.array_equal(first.upper, second.upper)


def test_lives_that_have_not_ended_teach_only_where_they_outlasted_the_horizon() -> None:
    lives = fleet(12)
    running = [replace(life, machine=f"r{i}", end=End.RUNNING) for i, life in enumerate(fleet(6, first=30))]
    fitted = fit_trees([*lives, *running], SPEC, SMALL, 0)
    assert len(fitted.forecast(fleet(2, first=80))) == 2
    alive = [replace(wearing(number, 20), end=End.RUNNING) for number in range(4)]
    with pytest.raises(TooLittleDataError, match="outlasted the horizon"):
        fit_trees(alive, SPEC, SMALL, 0)


def test_one_machine_is_too_few() -> None:
    with pytest.raises(TooLittleDataError, match="at least 2 machines"):
        fit_trees(fleet(1), SPEC, SMALL, 0)


def test_two_machines_give_a_forecast_that_knows_how_little_it_knows() -> None:
    said = fit_trees(fleet(2), SPEC, SMALL, 0).forecast(fleet(1, first=9))
    assert (said.lower.tolist(), said.upper.tolist()) == ([0], [SPEC.horizon])


def test_what_is_read_is_learned_from_training_and_knows_nothing_later() -> None:
    reader = Reader.learn(fleet(10), SPEC, FULL)
    assert reader.axes.shape == (3, 3)
    assert reader.axes.T @ reader.axes == pytest.approx(np.eye(3), abs=1e-9)
    assert abs(reader.axes[1, 0]) < 0.1, "what varies together is heat and wear, not noise"
    life = wearing(70, 50)
    assert reader.read(life)[:20] == pytest.approx(reader.read(life.cut(20)), abs=1e-5)
    assert reader.read(life)[:, :-1] == pytest.approx(
        Reader.learn(fleet(10), SPEC, WITHOUT_AGE).read(life), abs=1e-5
    )


def test_who_speaks_of_a_left_out_machine_has_not_learned_from_it() -> None:
    lives = fleet(12)
    trees = fit_trees(lives, SPEC, SMALL, 0)
    spoiled = [replace(life, end_age=life.end_age + 500) if life.machine == "m3" else life for life in lives]
    after = fit_trees(spoiled, SPEC, SMALL, 0)
    own, others = (
        [life for life in cuts(lives) if (life.machine == "m3") is is_own] for is_own in (True, False)
    )
    np.testing.assert_array_equal(trees.say_left_out(own), after.say_left_out(own))
    assert (trees.say_left_out(others) != after.say_left_out(others)).any()
    assert (after.say_left_out(lives) <= SPEC.horizon).all()


def test_rows_far_from_the_end_teach_trees_less() -> None:
    blind = [replace(life, sensors=np.zeros_like(life.sensors)) for life in (wearing(n, 300) for n in (0, 1))]
    trees = fit_trees(blind, SPEC, replace(SMALL, statistics=WITHOUT_AGE.statistics, every=1), 0)
    left = np.arange(300.0)
    expected = np.average(np.minimum(left, SPEC.horizon), weights=weigh(left, SPEC.horizon))
    assert trees.forecast(blind).mean == pytest.approx(expected, abs=0.1)


def test_every_fit_is_counted() -> None:
    done: list[int] = []
    fit_trees(fleet(4), SPEC, replace(SMALL, rounds=1), 0, lambda: done.append(1))
    assert len(done) == N_FITS


def test_events_are_read_where_the_type_has_them() -> None:
    # Only the event tells: every life ends ten rows after it.
    lives = []
    for number in range(30):
        life = wearing(number, seed=5)
        blank = np.zeros_like(life.sensors)
        lives.append(replace(life, sensors=blank, events=(event(life.end_age - 10, "e2"),)))
    fitted = fit_trees(lives[:25], WITH_EVENTS, SMALL, 0)
    late = [life.cut(len(life.age) - 4) for life in lives[25:]]
    assert fitted.forecast(late).mean == pytest.approx(4, abs=2)


def test_the_recent_track_is_blind_to_age_and_to_what_was_before() -> None:
    fitted = fit_trees(fleet(10), SPEC, replace(RECENT, rounds=10, min_rows=5), 0)
    life = wearing(60, 100)
    older = replace(life, age=life.age + 1000, end_age=life.end_age + 1000)
    changed = replace(life, sensors=life.sensors.copy())
    changed.sensors[:60] += 3
    assert np.ptp(fitted.forecast([life, older, changed]).mean) == pytest.approx(0, abs=1e-6)


def test_levels_between_those_fitted() -> None:
    known = np.array([[10.0, 30, 50, 70, 90]])
    found = dict(zip(LEVELS, between_levels(known)[0], strict=True))
    assert [found[name] for name in ("p05", "p25", "p50", "p75", "p95")] == [10, 30, 50, 70, 90]
    assert 10 < found["p10"] < 30, "nearer to p05 than a straight line would be"
    assert found["p10"] - 10 == pytest.approx(90 - found["p90"])
    assert (np.diff(between_levels(known[:, ::-1])) >= 0).all()
    assert len(FITTED_LEVELS) == known.shape[1]


def test_folds_keep_machines_whole_and_are_alike_in_size() -> None:
    machines = np.repeat([f"m{number}" for number in range(22)], 5)
    fold = folds_of(machines, 4, 1)
    assert all(len(set(fold[machines == name])) == 1 for name in set(machines))
    assert sorted(np.bincount(fold) // 5) == [5, 5, 6, 6]
    assert not np.array_equal(fold, folds_of(machines, 4, 2))
