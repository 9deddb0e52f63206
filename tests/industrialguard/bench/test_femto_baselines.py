"""What needs no network, on bearings."""

import numpy as np
import pytest

from industrialguard.bench.femto_baselines import Distance, FeatureAlone, Forest
from industrialguard.bench.femto_course import ShareOfLife
from industrialguard.bench.femto_rule import Contender
from tests.industrialguard.bench.bearings import LOUD_FROM, WINDOWS, make_bearing

WARMUP = ShareOfLife(0.05, 0.2, 0.22)
FIRST = int(0.2 * WINDOWS)
BASELINES: list[Contender] = [
    FeatureAlone("f", (0, 1), WARMUP),
    Distance("d", WARMUP),
    Forest("i", WARMUP),
]


@pytest.mark.parametrize("contender", BASELINES, ids=lambda c: str(c.name))
def test_loud_stands_out(contender: Contender) -> None:
    bearing = make_bearing(1)
    scores = contender.score(bearing, bearing, [], 0)
    assert np.isnan(scores[:FIRST]).all()
    assert np.isfinite(scores[FIRST:]).all()
    calm = scores[FIRST:LOUD_FROM]
    assert scores[LOUD_FROM:].min() > calm.max()


@pytest.mark.parametrize("contender", BASELINES, ids=lambda c: str(c.name))
def test_later_windows_change_no_earlier_score(contender: Contender) -> None:
    bearing = make_bearing(2)
    whole = contender.score(bearing, bearing, [], 0)
    half = contender.score(bearing, bearing.head(300), [], 0)
    assert half[FIRST:] == pytest.approx(whole[FIRST:300])


@pytest.mark.parametrize("contender", BASELINES, ids=lambda c: str(c.name))
def test_run_in_is_not_learned_from(contender: Contender) -> None:
    bearing, restless = make_bearing(3), make_bearing(3)
    restless.rows[: int(0.05 * WINDOWS)] += 2.0
    restless = type(restless).whole("restless", restless.times_s, restless.rows)
    found = contender.score(restless, restless, [], 0)
    assert found[FIRST:] == pytest.approx(contender.score(bearing, bearing, [], 0)[FIRST:])


def test_a_feature_grows_over_its_level() -> None:
    bearing = make_bearing(1)
    scores = FeatureAlone("f", (0,), WARMUP).score(bearing, bearing, [], 0)
    assert np.median(scores[LOUD_FROM:]) == pytest.approx(np.log(10.0), abs=0.05)


def test_a_forest_is_grown_once_a_seed() -> None:
    forest, bearing, other = Forest("i", WARMUP), make_bearing(1), make_bearing(2)
    first = forest.score(bearing, bearing, [], 0)
    assert forest.score(other, bearing, [], 0) is first
    assert not np.array_equal(forest.score(bearing, bearing, [], 1)[FIRST:], first[FIRST:])
