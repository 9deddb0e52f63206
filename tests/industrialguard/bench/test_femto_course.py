"""Bearings, and what their own first windows are for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from industrialguard.bench.femto_course import Bearing, Course, OwnWarmup, ShareOfLife


def bearing(windows: int) -> Bearing:
    return Bearing.whole("b", 10.0 * np.arange(windows), np.arange(2.0 * windows).reshape(windows, 2))


def test_a_head_knows_its_life_but_not_what_came() -> None:
    head = bearing(401).head(100)
    assert (len(head.rows), len(head.times_s)) == (100, 100)
    assert (head.life, head.early) == (401, 100)
    assert head.head(40).early == 100


def test_a_device_takes_its_first_windows() -> None:
    own = OwnWarmup(120, 60)
    assert own.course(bearing(2803)) == own.course(bearing(515)) == Course(0, 120, 180)
    assert "120 windows" in own.sentence


def test_hindsight_leaves_run_in_out() -> None:
    hindsight = ShareOfLife(0.05, 0.125, 0.15)
    assert hindsight.course(bearing(1000)) == Course(50, 125, 150)
    assert hindsight.course(bearing(1000).head(250)) == Course(50, 125, 150)
    assert "5.0%" in hindsight.sentence


@given(st.integers(1, 5000))
def test_the_shortest_life_has_a_course(windows: int) -> None:
    course = ShareOfLife(0.05, 0.125, 0.15).course(bearing(windows))
    assert 0 <= course.level_from < course.level_to < course.judged_from


@pytest.mark.parametrize("numbers", [(-1, 3, 5), (3, 3, 5), (0, 5, 5), (0, 6, 5)])
def test_a_course_without_windows_is_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="needs windows"):
        Course(*numbers)
