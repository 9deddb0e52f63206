"""Statistics of a life are causal, and are what their names say."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.lives import Life
from models.forecast.life_statistics import (
    WHOLE,
    StatisticsSpec,
    compute_statistics,
    event_statistics,
)
from models.forecast.trees import RECENT, RECENT_ROWS
from tests.models.forecast.lives import WITH_EVENTS, event, wearing

ALL = StatisticsSpec(means=(3, 10, WHOLE), slopes=(8, WHOLE), spreads=(5,), first=4)


def values(life: Life) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return life.sensors.astype(np.float64)


def test_the_numbers_are_what_numpy_says() -> None:
    life = wearing(1, 30)
    found = compute_statistics(life, values(life), ALL)
    assert found.shape == (30, 3 * 8 + 1)
    row, whole = 24, values(life)[:25]
    parts = np.split(found[row, :-1], 8)
    expected = [
        whole[-3:].mean(axis=0),
        whole[-10:].mean(axis=0),
        whole.mean(axis=0),
        whole[-3:].mean(axis=0) - whole.mean(axis=0),
        np.polyfit(life.age[17:25], whole[-8:], 1)[0],
        np.polyfit(life.age[:25], whole, 1)[0],
        whole[-5:].std(axis=0),
        whole[-10:].mean(axis=0) - whole[:4].mean(axis=0),
    ]
    for part, wanted in zip(parts, expected, strict=True):
        assert part == pytest.approx(wanted, rel=1e-4, abs=1e-5)
    assert found[row, -1] == life.age[row]


@settings(max_examples=25)
@given(st.integers(0, 50), st.integers(1, 39))
def test_a_row_knows_nothing_later(number: int, n_rows: int) -> None:
    life = wearing(number, 40)
    cut = life.cut(n_rows)
    whole, short = compute_statistics(life, values(life), ALL), compute_statistics(cut, values(cut), ALL)
    assert np.array_equal(whole[:n_rows], short, equal_nan=True)


def test_the_recent_track_reads_the_last_thirty_rows_and_no_age() -> None:
    life = wearing(2, 100)
    start = len(life.age) - RECENT_ROWS
    recent = replace(
        life,
        age=life.age[start:] - life.age[start],
        settings=life.settings[start:],
        sensors=life.sensors[start:],
    )
    whole = compute_statistics(life, values(life), RECENT.statistics)[-1]
    alone = compute_statistics(recent, values(recent), RECENT.statistics)[-1]
    assert whole == pytest.approx(alone, rel=1e-4, abs=1e-4)
    assert not RECENT.statistics.has_events, "counts of events would tell what was before"


def test_a_life_of_one_row_has_statistics() -> None:
    life = wearing(3, 40).cut(1)
    found = compute_statistics(life, values(life), ALL)
    assert np.isfinite(found).all()


def test_rows_that_were_not_measured_are_left_out_of_each_number() -> None:
    life = wearing(4, 40)
    life.sensors[5:9, 0] = np.nan
    life.sensors[:, 1] = np.nan
    found = compute_statistics(life, values(life), ALL)
    assert found[8, 2 * 3] == pytest.approx(np.nanmean(life.sensors[:9, 0]), rel=1e-5)
    assert np.isnan(found[8, 0]), "the last three rows measured nothing"
    assert np.isnan(found[:, 1]).all()


def test_events_are_counted_from_when_they_came() -> None:
    life = replace(wearing(5, 40), events=(event(2, "e1"), event(5, "e1"), event(7, "e2")))
    found = event_statistics(life, WITH_EVENTS)
    assert found.shape == (40, 4)
    assert np.isnan(found[0, 2:]).all()
    assert found[0, :2].tolist() == [0, 0]
    assert found[4].tolist()[:3] == [2, 0, 0]
    assert found[9].tolist() == [2, 1, 5, 3]


def test_events_know_nothing_later() -> None:
    life = replace(wearing(5, 40), events=(event(2, "e1"), event(30, "e2")))
    whole, short = event_statistics(life, WITH_EVENTS), event_statistics(life.cut(20), WITH_EVENTS)
    assert np.array_equal(whole[:20], short, equal_nan=True)
