"""A set of lives is of one type, holds no life twice, and says what it left out."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from contract.errors import DataError
from contract.life_log import ComponentLives
from contract.snapshot import key_of
from models.lives.life_set import LifeSet, gather, keep_group
from tests.contract.life_strategies import SPEC, pump

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_set_without_lives_is_none() -> None:
    with pytest.raises(DataError, match="plant 3: holds no life"):
        LifeSet(SPEC, "plant 3", ())


def test_a_life_to_learn_from_is_no_test() -> None:
    with pytest.raises(DataError, match="machine p1: seal 0 stands there twice"):
        LifeSet(SPEC, "plant 3", (pump(),), (pump(),))


def test_all_lives_are_of_the_type() -> None:
    stranger = pump("p2", sensors=np.zeros((5, 1), np.float32))
    with pytest.raises(DataError, match="'p2': has other sensors"):
        LifeSet(SPEC, "plant 3", (pump(),), (stranger,))


@pytest.fixture
def two_groups() -> LifeSet:
    lives = pump("a", group="North"), pump("b", group="South")
    tests = pump("c", group="North"), pump("d", group="South")
    return LifeSet(SPEC, "plant 3", lives, tests, {key_of(life): MOMENT for life in (*lives, *tests)})


def test_a_group_keeps_its_lives_tests_and_dates(two_groups: LifeSet) -> None:
    north = keep_group(two_groups, "north")
    assert [life.machine for life in (*north.lives, *north.tests)] == ["a", "c"]
    assert {key.machine for key in north.installed} == {"a", "c"}
    assert keep_group(two_groups, "all") is two_groups


def test_an_unknown_group_lists_the_known_ones(two_groups: LifeSet) -> None:
    with pytest.raises(DataError, match="no subset 'East'; choose all or one of North, South"):
        keep_group(two_groups, "East")


def test_what_logs_do_not_tell_is_summed_up() -> None:
    one = ComponentLives((pump("a"),), {key_of(pump("a")): MOMENT}, without_rows=2)
    other = ComponentLives((pump("b"),), {}, without_rows=1)
    lives = gather(SPEC, "plant 3", [one, other], ["a note"])
    assert [life.machine for life in lives.lives] == ["a", "b"]
    assert lives.installed == {key_of(pump("a")): MOMENT}
    assert lives.notes == ("a note", "3 lives ended before their first row and are left out")
