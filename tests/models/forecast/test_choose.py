"""Machines that were left out decide who foretells them."""

from dataclasses import replace

import numpy as np
import pytest

from models.forecast import choose
from models.forecast.choose import FEW, FEW_MACHINES, Choice, spec_for, train_best, unseen_by
from models.forecast.decide import least_pct_error
from models.forecast.ensemble import Ensemble
from models.forecast.lengths import LengthsForecast, fit_lengths
from models.forecast.train import Material, TrainSpec
from models.lives.load_clock import LoadClock
from tests.models.forecast.ensembles import TINY
from tests.models.forecast.lives import SPEC, fleet

LIVES = fleet(6)
NETWORK = Ensemble.__new__(Ensemble)
"""Whoever chooses looks at the errors alone."""


@pytest.fixture(scope="module")
def lengths() -> LengthsForecast:
    return fit_lengths(Material(SPEC, LIVES), LoadClock(), TINY)


def test_the_better_is_kept_and_it_is_said_why(lengths: LengthsForecast) -> None:
    poor = Choice(NETWORK, lengths, 30.0, 20.0)
    assert poor.best is lengths
    assert "(wrong by 20.0 % of life, not 30.0 % of life)" in poor.tell()[0]
    good = Choice(NETWORK, lengths, 10.0, 20.0)
    assert good.best is NETWORK
    assert "by the network to 10.0 % of life, by lengths to 20.0" in good.tell()[0]
    assert Choice(NETWORK, lengths, 20.0, 20.0).best is NETWORK


def test_few_machines_are_gone_through_less_often() -> None:
    again = [replace(life, number=1) for life in fleet(FEW_MACHINES - 1)]
    assert spec_for([*fleet(FEW_MACHINES - 1), *again]) == FEW
    assert spec_for(fleet(FEW_MACHINES)) == TrainSpec()


def test_what_is_followed_was_not_told_the_end(lengths: LengthsForecast) -> None:
    cut = LIVES[0].cut(len(LIVES[0].age) - 3)
    told, not_told = (each.forecast([cut]).mean[0] for each in (lengths, unseen_by(lengths)("m0")))
    assert told != not_told
    others = fit_lengths(Material(SPEC, LIVES[1:]), LoadClock(), TINY)
    assert not_told == others.forecast([cut]).mean[0]


def test_many_machines_are_the_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "train", lambda *_, **__: NETWORK)
    monkeypatch.setattr(choose, "FEW_MACHINES", len(LIVES))
    choice = train_best(Material(SPEC, LIVES), LoadClock(), TINY)
    assert (choice.best, choice.lengths, choice.tell()) == (NETWORK, None, ())


def test_errors_are_those_of_machines_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every machine weighs the same: one of them has three lives, two of which are the same."""
    monkeypatch.setattr(choose, "JUDGED_ROWS", 3)
    lives = [*LIVES, *(replace(LIVES[0], number=number) for number in (1, 2))]
    lives[-1] = replace(lives[-1], end_age=lives[-1].end_age + 30)
    stand_in = fit_lengths(Material(SPEC, lives[1:]), LoadClock(), TINY)
    monkeypatch.setattr(choose, "train", lambda *_, **__: stand_in)
    choice = train_best(Material(SPEC, lives), LoadClock(), TINY)
    assert choice.lengths is not None
    by_hand: dict[str, list[float]] = {}
    for life in lives:
        n = len(life.age)
        cuts = [life.cut(rows) for rows in (1, round((n + 1) / 2), n)]
        quantiles = choice.lengths.leave_out(life.machine).answer_lives(cuts)["quantiles"]
        said = least_pct_error(quantiles, np.array([cut.age[-1] for cut in cuts]))
        left = np.array([cut.remaining for cut in cuts])
        by_hand.setdefault(life.machine, []).append(np.abs(said - left).mean() / life.end_age)
    expected = 100 * np.mean([np.mean(each) for each in by_hand.values()])
    assert choice.lengths_error_pct == pytest.approx(expected)
    assert choice.network_error_pct != pytest.approx(expected)
