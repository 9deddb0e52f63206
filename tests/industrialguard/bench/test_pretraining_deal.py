"""Nobody learns from machines that judge, and nothing is known of a running machine's future."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from contract.lives import End, Life
from contract.snapshot import Split, split_of
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.pretraining_deal import CHOOSERS, JUDGED_ROWS, Deal, take_judges
from tests.models.forecast.lives import fleet, wearing

SHARES = (0.1, 0.2, 0.5, 1.0)


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    """Of 60 machines; two of them lived twice."""
    return fleet(60) + [replace(wearing(number, 45, seed=5), number=1) for number in range(2)]


def machines(lives: list[Life]) -> set[str]:
    return {life.machine for life in lives}


@pytest.mark.parametrize("share", SHARES)
def test_each_machine_has_one_part_to_play(lives: list[Life], share: float) -> None:
    deal = Deal.draw(lives, 3)
    parts = [machines(part(share)) for part in (deal.failed, deal.choosing, deal.still_running)]
    assert sum(map(len, parts)) == len(set().union(*parts))
    n_failed = max(10, round(60 * share))
    assert len(parts[0] | parts[1]) == n_failed
    assert len(parts[1]) == sum(place % CHOOSERS == 0 for place in range(n_failed))
    assert len(parts[2]) == sum(place % CHOOSERS > 0 for place in range(n_failed, 60))


def test_lives_of_a_machine_stay_together(lives: list[Life]) -> None:
    deal = Deal.draw(lives, 3)
    assert len(deal.failed(1.0)) + len(deal.choosing(1.0)) == len(lives)
    assert {life.end for life in deal.failed(1.0)} == {End.FAILED}


def test_a_larger_share_holds_a_smaller(lives: list[Life]) -> None:
    deal = Deal.draw(lives, 0)
    for small, large in pairwise(SHARES):
        assert machines(deal.failed(small)) < machines(deal.failed(large))
        assert machines(deal.choosing(small)) < machines(deal.choosing(large))
        assert machines(deal.still_running(large)) < machines(deal.still_running(small))


def test_a_running_machine_is_known_up_to_a_row_and_no_further(lives: list[Life]) -> None:
    whole = {(life.machine, life.number): life for life in lives}
    known = []
    for life in Deal.draw(lives, 0).still_running(0.1):
        before = whole[life.machine, life.number]
        assert (life.end, life.end_age) == (End.RUNNING, life.age[-1])
        np.testing.assert_array_equal(life.sensors, before.sensors[: len(life.age)])
        known.append(len(life.age) / len(before.age))
    assert 0.35 < np.mean(known) < 0.65
    assert min(known) < 0.2
    assert max(known) > 0.8


def test_the_seed_deals(lives: list[Life]) -> None:
    one, same, other = (Deal.draw(lives, seed) for seed in (1, 1, 2))
    assert machines(one.failed(0.2)) == machines(same.failed(0.2)) != machines(other.failed(0.2))
    lengths = [[len(life.age) for life in deal.still_running(0.2)] for deal in (one, same)]
    assert lengths[0] == lengths[1]


def test_those_who_judge_are_of_the_evaluation_side_and_cut_anywhere(lives: list[Life]) -> None:
    judges, others = take_judges(lives)
    assert {split_of(name) for name in machines(judges)} == {Split.EVAL}
    assert not machines(judges) & machines(others)
    assert machines(judges) | machines(others) == machines(lives)
    assert len(judges) == JUDGED_ROWS * len([one for one in lives if split_of(one.machine) is Split.EVAL])
    assert len({life.remaining for life in judges}) > 30


def test_lives_that_have_not_ended_take_no_part(lives: list[Life]) -> None:
    running = [replace(life, end=End.RUNNING) if n < 5 else life for n, life in enumerate(lives)]
    judges, others = take_judges(running)
    assert {life.end for life in [*judges, *others]} == {End.FAILED}


def test_too_few_machines_are_refused() -> None:
    with pytest.raises(NothingToJudgeError, match=r"of 20 machines to learn from .* there are 4 and 1"):
        take_judges([wearing(number) for number in (0, 1, 2, 3, _judging())])


def _judging() -> int:
    """A number of a machine that judges."""
    return next(n for n in range(4, 99) if split_of(f"m{n}") is Split.EVAL)
