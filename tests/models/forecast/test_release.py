"""What a bundle says of the lives that taught its model."""

from dataclasses import replace

import numpy as np

from models.forecast.release import step_of
from tests.models.forecast.lives import fleet


def test_rows_stand_as_far_apart_as_most_of_them_do() -> None:
    lives = [replace(life, age=life.age * 0.5) for life in fleet(3)]
    assert step_of(lives) == 0.5
    gap = lives[0].age + np.where(np.arange(len(lives[0].age)) > 9, 500.0, 0.0)
    late = replace(lives[0], age=gap, end_age=lives[0].end_age + 500)
    assert step_of([late, *lives[1:]]) == 0.5


def test_a_row_alone_says_nothing() -> None:
    lives = [life.cut(1) for life in fleet(3)]
    assert step_of(lives) == 0.0
    assert step_of([*lives, fleet(1)[0]]) == 1.0
