"""The baselines look back only, share one threshold rule, and are no straw men."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import covariance

from models.baselines import (
    THRESHOLD_MARGIN,
    AlwaysAlarm,
    IsolationForest,
    Mahalanobis,
    MeanAbsoluteZ,
    PrincipalComponents,
    RowDetector,
    SmoothedDetector,
    Standardiser,
    ledoit_wolf,
    threshold,
    trailing_mean,
)

Floats = npt.NDArray[np.float64]

DETECTORS: dict[str, Callable[[], RowDetector]] = {
    "always": AlwaysAlarm,
    "mean |z|": lambda: SmoothedDetector(MeanAbsoluteZ(), 6),
    "mahalanobis": lambda: SmoothedDetector(Mahalanobis(), 3),
    "t2": lambda: SmoothedDetector(PrincipalComponents(residual=False), 4),
    "t2 + q": lambda: SmoothedDetector(PrincipalComponents(), 4),
    "forest": lambda: SmoothedDetector(IsolationForest(seed=1, trees=10), 2),
}
every_detector = pytest.mark.parametrize("make", DETECTORS.values(), ids=DETECTORS.keys())
every_learner = pytest.mark.parametrize("make", list(DETECTORS.values())[1:], ids=list(DETECTORS.keys())[1:])


def machine(rows: int = 200, seed: int = 1) -> Floats:
    """A healthy machine: four sensors of different size, two of them tied to each other."""
    random = np.random.default_rng(seed)
    base = random.normal(size=(rows, 4))
    base[:, 1] += 0.9 * base[:, 0]
    sized: Floats = base * np.array([1.0, 50.0, 0.01, 3.0]) + np.array([0.0, 1000.0, 0.0, -7.0])
    return sized


def fitted(make: Callable[[], RowDetector], train: Floats) -> RowDetector:
    detector = make()
    detector.fit(train)
    return detector


@every_detector
@settings(max_examples=25, deadline=None)
@given(
    cut=st.integers(10, 39),
    future=arrays(np.float64, (30, 4), elements=st.floats(-1e6, 1e6)),
)
def test_the_future_never_changes_a_score(make: Callable[[], RowDetector], cut: int, future: Floats) -> None:
    detector = fitted(make, machine())
    now = machine(40, seed=2)
    changed = np.concatenate([now[:cut], future])
    np.testing.assert_allclose(
        detector.score(changed)[:cut], detector.score(now)[:cut], rtol=1e-9, atol=1e-12
    )


@every_learner
def test_units_do_not_matter(make: Callable[[], RowDetector]) -> None:
    scale, offset = np.array([1000.0, 0.1, 7.0, 1.0]), np.array([5.0, 0.0, -3.0, 100.0])
    plain = fitted(make, machine()).score(machine(60, 3))
    other = fitted(make, machine() * scale + offset).score(machine(60, 3) * scale + offset)
    np.testing.assert_allclose(plain, other, rtol=1e-4, atol=1e-6)


@every_learner
def test_a_machine_that_moved_away_scores_above_its_threshold(make: Callable[[], RowDetector]) -> None:
    detector = fitted(make, machine())
    moved = machine(60, seed=4) + 8 * machine().std(axis=0) * np.array([1.0, -1.0, 1.0, 1.0])
    limit = threshold(detector.score(machine()))
    assert np.nanmin(detector.score(moved)) > limit
    assert np.nanmean(detector.score(machine(60, seed=5)) > limit) < 0.1


@every_detector
def test_scores_cover_every_row(make: Callable[[], RowDetector]) -> None:
    detector = fitted(make, machine())
    assert detector.score(machine(17)).shape == (17,)
    assert detector.score(machine(1)).shape == (1,)


@every_learner
def test_a_value_that_is_missing_counts_as_average(make: Callable[[], RowDetector]) -> None:
    detector = fitted(make, machine())
    gone, average = machine(20, seed=6), machine(20, seed=6)
    gone[:, 2] = np.nan
    average[:, 2] = machine()[:, 2].mean()
    np.testing.assert_allclose(detector.score(gone), detector.score(average), rtol=1e-6)


@every_learner
def test_a_sensor_that_never_varied_breaks_nothing(make: Callable[[], RowDetector]) -> None:
    train = machine()
    train[:, 3] = 5.0
    scores = fitted(make, train).score(train)
    assert np.isfinite(scores[~np.isnan(scores)]).all()
    assert np.isfinite(scores[-100:]).all()


def test_the_tie_between_sensors_is_what_mahalanobis_sees_and_mean_z_does_not() -> None:
    train, torn = machine(2000), machine(50, seed=7)
    torn[:, 0] = 2.0
    torn[:, 1] = 1000 - 50 * 2.0  # each within its own range, together against their tie
    seen = {}
    for name, core in (("mahalanobis", Mahalanobis()), ("mean |z|", MeanAbsoluteZ())):
        detector = SmoothedDetector(core, 1)
        detector.fit(train)
        seen[name] = np.median(detector.score(torn)) / threshold(detector.score(train))
    assert seen["mahalanobis"] > seen["mean |z|"]


def test_q_sees_what_t2_alone_does_not() -> None:
    random = np.random.default_rng(3)
    train = random.normal(size=(500, 1)) * np.ones(3) + 0.05 * random.normal(size=(500, 3))
    torn = np.array([[0.4, -0.4, 0.0]] * 5)
    with_q, without = PrincipalComponents(), PrincipalComponents(residual=False)
    for detector in (with_q, without):
        detector.fit(train)
    assert with_q.score(torn).min() > 5
    assert without.score(torn).max() < 1


def test_the_forest_is_its_seeds() -> None:
    scores = []
    for seed in (1, 1, 2):
        forest = IsolationForest(seed, trees=20)
        forest.fit(machine())
        scores.append(forest.score(machine(30, 2)))
    assert np.array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])


@pytest.mark.parametrize("rows", [10, 60, 400])
def test_the_shrunk_covariance_is_that_of_scikit_learn(rows: int) -> None:
    z = machine(rows, seed=rows)
    theirs, _ = covariance.ledoit_wolf(z)
    np.testing.assert_allclose(ledoit_wolf(z), theirs, rtol=1e-9, atol=1e-12)


@given(arrays(np.float64, st.integers(0, 30), elements=st.floats(-100, 100)), st.integers(1, 8))
def test_the_trailing_mean_is_the_mean_of_the_last_rows(values: Floats, rows: int) -> None:
    smoothed = trailing_mean(values, rows)
    for row in range(len(values)):
        if row < rows - 1:
            assert np.isnan(smoothed[row])
        else:
            assert smoothed[row] == pytest.approx(values[row - rows + 1 : row + 1].mean(), abs=1e-9)


def test_the_threshold_is_the_quantile_with_its_margin_over_what_was_scored() -> None:
    scores = np.concatenate([np.full(9, np.nan), np.arange(1001.0)])
    assert threshold(scores) == pytest.approx(999 * THRESHOLD_MARGIN)
    assert threshold(np.zeros(10)) > 0


def test_a_threshold_needs_scores() -> None:
    with pytest.raises(ValueError, match="no training row has a score"):
        threshold(np.full(5, np.nan))


def test_smoothing_needs_a_row() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        SmoothedDetector(MeanAbsoluteZ(), 0)


def test_standardised_training_rows_have_no_mean_and_unit_spread() -> None:
    scaler = Standardiser()
    scaler.fit(machine())
    z = scaler.apply(machine())
    assert z.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-9)
    assert z.std(axis=0) == pytest.approx(np.ones(4))
