"""Ours is what the product writes; each baseline answers as its name says, by other lives alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.lives import Life
from industrialguard.bench.report import Role
from industrialguard.bench.rul_followers import our_followers, simple_followers
from models.forecast.choose import train_best
from models.forecast.decide import least_pct_error
from models.forecast.train import Material
from models.lives.femto import CLOCK, SPEC, read_femto
from tests.industrialguard.bench.engines import write_bearings
from tests.models.forecast.ensembles import TINY

ROWS = (0, 40, 100)


@pytest.fixture(scope="module")
def bearings(tmp_path_factory: pytest.TempPathFactory) -> list[Life]:
    folder: Path = tmp_path_factory.mktemp("femto")
    write_bearings(folder, (120, 140, 160, 200, 240))
    return list(read_femto(folder).lives)


def lifted(life: Life, share: float) -> Life:
    """The same bearing under another load."""
    settings = life.settings.copy()
    settings[:, 1] *= share
    return replace(life, settings=settings)


def errors(follower_name: str, bearings: list[Life]) -> float:
    """Mean error in % of life of one of the baselines, each bearing left out."""
    (one,) = [each for each in simple_followers(CLOCK) if each.name == follower_name]
    found = []
    for life in bearings:
        others = [each for each in bearings if each is not life]
        said = one.follow(one.fit(others, SPEC, 0), life, ROWS).rul
        found.append(np.mean(np.abs(said - (life.end_age - life.age[list(ROWS)])) / life.end_age))
    return 100 * float(np.mean(found))


def test_a_trend_beats_the_lengths_where_there_is_one(bearings: list[Life]) -> None:
    trend = errors("trend extrapolation", bearings)
    assert trend < errors("lives' lengths: least error in %", bearings)
    assert trend < errors("lives' lengths: mean", bearings)
    assert all(each.role is Role.BASELINE and not each.is_main for each in simple_followers(CLOCK))


def test_ages_by_load_are_ages_where_loads_are_alike(bearings: list[Life]) -> None:
    life, *others = bearings
    plain, by_load = (
        follower.follow(follower.fit(others, SPEC, 0), life, ROWS).rul
        for follower in simple_followers(CLOCK)
        if follower.name.startswith("trend extrapolation")
    )
    np.testing.assert_allclose(plain, by_load, rtol=1e-6)


def test_a_trend_by_load_forecasts_a_heavier_load_shorter(bearings: list[Life]) -> None:
    life, *others = bearings
    name = "trend extrapolation, ages by load"
    (one,) = [each for each in simple_followers(CLOCK) if each.name == name]
    fitted = one.fit(others, SPEC, 0)
    light, heavy = (one.follow(fitted, each, ROWS[:1]).rul for each in (life, lifted(life, 2.0)))
    assert heavy == pytest.approx(light / 8)


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_ours_says_what_the_product_would_write(bearings: list[Life]) -> None:
    life, *others = bearings
    main, network = our_followers(CLOCK, TINY)
    assert (main.is_main, network.is_main, main.role, network.role) == (True, False, Role.OURS, Role.OURS)
    choice = train_best(Material(SPEC, others), CLOCK, replace(TINY, seed=1))
    cuts, age = [life.cut(row + 1) for row in ROWS], life.age[list(ROWS)]
    for follower, trained in ((main, choice.best), (network, choice.network)):
        said = follower.follow(follower.fit(others, SPEC, 1), life, ROWS)
        expected = least_pct_error(trained.answer_lives(cuts)["quantiles"], age)
        np.testing.assert_allclose(said.rul, expected, rtol=1e-4)
        assert said.interval is not None
        np.testing.assert_allclose(said.interval[1], trained.forecast(cuts).upper, rtol=1e-4)


def test_both_of_ours_begin_with_the_same_fit() -> None:
    chosen, network = our_followers(CLOCK, TINY)
    assert chosen.fit is network.fit
