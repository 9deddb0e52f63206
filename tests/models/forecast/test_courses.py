"""A life is followed by networks that did not learn from it, and by nobody else."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from contract.lives import End
from models.forecast import courses
from models.forecast.courses import choose_shown, follow, follow_unseen, leave_out
from models.forecast.ensemble import Ensemble
from models.forecast.naive import ByAge
from tests.models.forecast.ensembles import tiny_ensemble
from tests.models.forecast.lives import SPEC, fleet, wearing

BY_AGE = ByAge.fit(fleet(6), SPEC.horizon)


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    return tiny_ensemble()


def test_a_life_is_followed_by_its_own_cuts() -> None:
    life = wearing(3)
    course = follow(BY_AGE, life, SPEC)
    assert len(course.age) == len(life.age) == len(course.said)
    assert course.said[-1] == BY_AGE.forecast([life]).mean[0]
    assert course.truth[-1] == life.remaining == 0
    assert course.truth[0] == SPEC.horizon


def test_a_long_life_is_followed_from_its_first_row_to_its_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courses, "MAX_POINTS", 7)
    life = wearing(3, 100)
    course = follow(BY_AGE, life, SPEC)
    assert len(course.age) == 7
    assert (course.age[0], course.age[-1]) == (life.age[0], life.age[-1])
    assert course.truth[-1] == life.remaining


@pytest.mark.slow
def test_a_machine_of_a_fold_has_one_network_the_one_that_left_it_out(ensemble: Ensemble) -> None:
    for life in fleet(6):
        alone = leave_out(ensemble, life.machine)
        assert alone.encoders == (ensemble.encoders[ensemble.fold_of[life.machine]],)


@pytest.mark.slow
def test_networks_left_out_say_together_what_the_ensemble_says(ensemble: Ensemble) -> None:
    life = fleet(1)
    machines = [next(m for m, fold in ensemble.fold_of.items() if fold == number) for number in (0, 1)]
    alone = [leave_out(ensemble, machine).answer_lives(life)["mean"] for machine in machines]
    np.testing.assert_allclose(np.mean(alone, axis=0), ensemble.answer_lives(life)["mean"], rtol=1e-4)
    assert alone[0] != alone[1]


@pytest.mark.slow
def test_a_new_machine_has_them_all(ensemble: Ensemble) -> None:
    assert leave_out(ensemble, "never seen") is ensemble


@pytest.mark.slow
def test_every_chosen_life_gets_its_course(ensemble: Ensemble) -> None:
    lives = [wearing(0, 9), replace(wearing(7, 8), machine="new")]
    known, new = follow_unseen(partial(leave_out, ensemble), lives, SPEC)
    assert (known.name, new.name) == ("m0", "new")
    assert known.said.tolist() == follow(leave_out(ensemble, "m0"), lives[0], SPEC).said.tolist()
    assert new.said.tolist() == follow(ensemble, lives[1], SPEC).said.tolist()


def test_shown_are_failed_lives_of_different_machines_short_and_long() -> None:
    lives = [wearing(number, 40 + 10 * number) for number in range(9)]
    again = replace(wearing(0, 200), number=1)
    running = wearing(10, 300, end=End.RUNNING)
    shown = choose_shown([*reversed(lives), again, running], 3)
    assert [life.machine for life in shown] == ["m0", "m4", "m8"]
    assert choose_shown(lives[:2], 6) == lives[:2]
    assert choose_shown([running], 6) == []
