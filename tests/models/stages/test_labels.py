"""A cut whose RUL nobody knows does not count, and no label lies beyond the horizon."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.lives import End
from models.stages.labels import label_of
from tests.models.stages.fleet import make_life

LIFE = make_life(0)
LENGTH = len(LIFE.age)


@pytest.mark.parametrize(
    ("end", "remaining", "horizon", "expected"),
    [
        (End.FAILED, 10, 60.0, (10.0, 1.0)),
        (End.FAILED, 70, 60.0, (60.0, 1.0)),
        (End.REPLACED, 10, 60.0, (10.0, 0.0)),
        (End.RUNNING, 0, 60.0, (0.0, 0.0)),
        (End.RUNNING, 60, 60.0, (60.0, 1.0)),
    ],
)
def test_label_and_weight(end: End, remaining: int, horizon: float, expected: tuple[float, float]) -> None:
    cut = replace(LIFE.cut(LENGTH - remaining), end=end)
    assert label_of(cut, horizon) == expected
