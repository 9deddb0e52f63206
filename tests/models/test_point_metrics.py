"""Figures of scores and alarms against labels: the same as scikit-learn's, and honest about events."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as theirs

from models.point_metrics import (
    LabelledRows,
    auc_pr,
    auc_roc,
    measure_rows,
    runs,
    tally_events,
)

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def mask(text: str) -> Bools:
    """`..##.` as an array: # is True."""
    return np.array([mark == "#" for mark in text])


def rows(
    labels: str, alarms: str, stamps_s: Floats | None = None, scores: Floats | None = None
) -> LabelledRows:
    """One file, one row per second unless stamps are given."""
    stamps_s = np.arange(float(len(labels))) if stamps_s is None else stamps_s
    alarmed = mask(alarms)
    return LabelledRows(stamps_s, mask(labels), alarmed.astype(float) if scores is None else scores, alarmed)


labelled_scores = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60)


@given(labelled_scores)
def test_areas_are_those_of_scikit_learn_with_ties(pairs: list[tuple[bool, int]]) -> None:
    labels = np.array([label for label, _ in pairs])
    scores = np.array([score for _, score in pairs], np.float64)
    assume(labels.any() and not labels.all())
    assert auc_roc(labels, scores) == pytest.approx(theirs.roc_auc_score(labels, scores))
    assert auc_pr(labels, scores) == pytest.approx(theirs.average_precision_score(labels, scores))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60))
def test_point_figures_are_those_of_scikit_learn(pairs: list[tuple[bool, bool]]) -> None:
    labels, alarmed = (np.array(column) for column in zip(*pairs, strict=True))
    assume(labels.any() and not labels.all())
    found = measure_rows([LabelledRows(np.arange(float(len(labels))), labels, alarmed * 1.0, alarmed)])
    (true_negative, false_positive), (false_negative, true_positive) = theirs.confusion_matrix(
        labels, alarmed
    )
    assert found["f1"] == pytest.approx(theirs.f1_score(labels, alarmed, zero_division=0))
    assert found["far_pct"] == pytest.approx(100 * false_positive / (false_positive + true_negative))
    assert found["mar_pct"] == pytest.approx(100 * false_negative / (false_negative + true_positive))


@given(st.lists(st.booleans(), max_size=40))
def test_runs_cover_exactly_what_is_true(marks: list[bool]) -> None:
    given_mask = np.array(marks, np.bool_)
    covered = np.zeros(len(marks), np.bool_)
    found = runs(given_mask)
    for first, last in found:
        assert not covered[first : last + 1].any()
        covered[first : last + 1] = True
    assert covered.tolist() == marks
    assert all(b[0] > a[1] + 1 for a, b in pairwise(found))


def test_an_alarm_on_one_row_counts_for_that_row_alone() -> None:
    # Point adjustment would call all ten rows found.
    found = measure_rows([rows("..........##########", "...............#....")])
    assert found["mar_pct"] == 90
    assert found["far_pct"] == 0
    assert found["f1"] == pytest.approx(2 / 11)
    assert found["events_found_pct"] == 100


def test_always_alarm_finds_every_event_and_announces_none() -> None:
    found = measure_rows([rows("...###..", "########"), rows("..##..##", "########")])
    assert found["events_found_pct"] == 100
    assert found["events_announced_pct"] == 0
    assert found["median_delay_s"] is None
    assert found["far_pct"] == 100
    assert found["auc_roc"] == 0.5


def test_a_silent_detector_finds_nothing() -> None:
    found = measure_rows([rows("...###..", "........")])
    assert (found["f1"], found["events_found_pct"], found["median_delay_s"]) == (0, 0, None)
    assert (found["mar_pct"], found["false_episodes_per_h"]) == (100, 0)


@pytest.mark.parametrize(
    ("labels", "alarms", "found", "announced", "delays_s", "false_episodes"),
    [
        ("...####..", "....##...", 1, 1, (1.0,), 0),
        ("...####..", "....#####", 1, 1, (1.0,), 0),  # its end after the event is no second alarm
        ("...####..", ".#####...", 1, 0, (), 1),  # it began before the event: it told nobody of it
        ("...####..", ".##..#...", 1, 1, (2.0,), 1),
        ("...####..", ".#.......", 0, 0, (), 1),
        ("...####..", ".......#.", 0, 0, (), 1),
        ("##..##...", "#...#..#.", 2, 2, (0.0, 0.0), 1),
        ("...####..", "...#.#...", 1, 1, (0.0,), 0),
    ],
)
def test_events(
    labels: str, alarms: str, found: int, announced: int, delays_s: tuple[float, ...], false_episodes: int
) -> None:
    tally = tally_events(rows(labels, alarms))
    assert (tally.found, tally.announced, tally.delays_s) == (found, announced, delays_s)
    assert tally.false_episodes == false_episodes


def test_delays_are_read_off_the_stamps_and_gaps_add_no_time() -> None:
    stamps_s = np.array([0.0, 1.0, 2.0, 3.0, 103.0, 104.0, 105.0, 106.0])
    tally = tally_events(rows("..####..", "....##..", stamps_s))
    assert tally.delays_s == (101.0,)
    assert tally.normal_s == 4.0


def test_false_episodes_are_counted_per_hour_of_normal_rows() -> None:
    labels = "#" * 100 + "." * 1800
    alarms = "." * 100 + "#.#" + "." * 1797
    assert measure_rows([rows(labels, alarms)])["false_episodes_per_h"] == pytest.approx(4.0)


def test_events_of_all_files_are_pooled() -> None:
    files = [rows("..##", "..#."), rows("..##", "...#"), rows("..##", "....")]
    found = measure_rows(files)
    assert found["events_found_pct"] == pytest.approx(200 / 3)
    assert found["median_delay_s"] == 0.5
    assert found["mar_pct"] == pytest.approx(100 * 4 / 6)


@pytest.mark.parametrize("labels", ["....", "####", ""])
def test_rows_of_one_kind_have_no_figures(labels: str) -> None:
    with pytest.raises(ValueError, match="one kind"):
        measure_rows([rows(labels, labels)])


def test_arrays_must_belong_together() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        LabelledRows(np.arange(3.0), mask("..#"), np.zeros(2), mask("..#"))
    with pytest.raises(ValueError, match="finite"):
        LabelledRows(np.arange(3.0), mask("..#"), np.array([0.0, np.nan, 0.0]), mask("..#"))
