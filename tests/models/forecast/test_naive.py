"""What can be said without a sensor."""

from dataclasses import replace

import numpy as np
import pytest

from contract.lives import End
from models.errors import TooLittleDataError
from models.forecast.metrics import picp
from models.forecast.naive import AlwaysTheSame, ByAge
from models.forecast.truths import Truths
from tests.models.forecast.lives import fleet, wearing

HORIZON = 50.0


def test_always_the_same_is_the_mean_over_random_rows_of_machines() -> None:
    lives = [wearing(0, 10), wearing(1, 200)]
    said = AlwaysTheSame.fit(lives, HORIZON).forecast(fleet(3))
    left = [np.minimum(life.end_age - life.age, HORIZON).mean() for life in lives]
    assert said.mean == pytest.approx(np.mean(left))
    assert len(said) == 3


def test_its_interval_holds_nine_of_ten_random_rows() -> None:
    model = AlwaysTheSame.fit(fleet(200), HORIZON)
    random = np.random.default_rng(0)
    unseen = [life.cut(int(random.integers(1, len(life.age) + 1))) for life in fleet(300, first=500)]
    held = picp(model.forecast(unseen), Truths.of(unseen, HORIZON))
    assert held is not None
    assert held >= 0.85


def test_by_age_looks_at_lives_that_lasted_longer() -> None:
    model = ByAge.fit([wearing(0, 60), wearing(1, 80), wearing(2, 100)], HORIZON)
    young, middle, old = (wearing(9, 200).cut(n_rows) for n_rows in (5, 70, 120))
    said = model.forecast([young, middle, old])
    assert said.mean.tolist() == [50, 20, 0]
    assert (said.lower[1], said.upper[1]) == (10, 30)
    assert len(model.forecast([])) == 0


@pytest.mark.parametrize("kind", [AlwaysTheSame, ByAge])
def test_nothing_is_known_where_no_life_ended(kind: type[AlwaysTheSame] | type[ByAge]) -> None:
    running = [replace(wearing(0), end=End.RUNNING)]
    with pytest.raises(TooLittleDataError, match="no life ended"):
        kind.fit(running, HORIZON)
