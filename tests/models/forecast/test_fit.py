"""A network is fitted to cuts of lives, kept as it was at its best, and nothing is left of an earlier fit."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.lives import End
from models.backend import tf
from models.forecast.emphasis import FAR_OFF, FAR_SHARE
from models.forecast.fit import (
    CHUNK,
    Cuts,
    FitSpec,
    Fitter,
    Rates,
    SurvivalLoss,
    ask,
    draw_cuts,
    draw_evenly,
    prepare_cuts,
)
from models.forecast.prepare import Prepare
from models.keras3 import keras
from models.rul import build_encoder, learn_summaries
from tests.models.forecast.lives import SPEC, fleet, wearing
from tests.models.forecast.networks import N_BINS, config, constants, prepared

Floats = npt.NDArray[np.float64]
SMALL = FitSpec(epochs=4, steps=8, batch=32, rate=4e-3, ema=0.8)

# Cuts


def test_no_cut_is_drawn_twice_and_every_row_may_be() -> None:
    lives = [wearing(0, 5), wearing(1, 45), wearing(2, 50)]
    drawn = [
        (cut.machine, len(cut.age)) for cut in draw_cuts(lives, 100, SPEC.horizon, np.random.default_rng(0))
    ]
    assert sorted(drawn) == sorted((life.machine, n + 1) for life in lives for n in range(len(life.age)))
    assert len(draw_cuts(lives, 1000, SPEC.horizon, np.random.default_rng(0))) == 100


def test_long_lives_are_cut_more_often() -> None:
    lives = [wearing(0, 30), wearing(1, 270)]
    drawn = [cut.machine for cut in draw_cuts(lives, 100, 300.0, np.random.default_rng(0))]
    assert len(drawn) == 100
    assert 78 <= drawn.count("m1") <= 98


def test_rows_far_from_the_end_teach_less_often() -> None:
    far = FAR_OFF * SPEC.horizon
    lives = [wearing(number, 600) for number in range(5)]
    lives += [replace(wearing(9, 300), end=End.RUNNING, end_age=300 + far)]
    drawn = draw_cuts(lives, 500, SPEC.horizon, np.random.default_rng(0))
    is_far = [cut.remaining > far for cut in drawn]
    near_rows, far_rows = 5 * far + 1, 5 * (600 - far) + 299
    expected = FAR_SHARE * far_rows / (near_rows + FAR_SHARE * far_rows)
    assert np.mean(is_far) == pytest.approx(expected, abs=0.1)
    assert any(cut.machine == "m9" for cut in drawn)
    assert len({(cut.machine, len(cut.age)) for cut in drawn}) == 500


def test_lives_that_are_drawn_evenly_count_alike() -> None:
    lives = [wearing(0, 3), wearing(1, 45), wearing(2, 90)]
    drawn = [(cut.machine, len(cut.age)) for cut in draw_evenly(lives, 10, np.random.default_rng(0))]
    assert len(set(drawn)) == len(drawn) == 3 + 10 + 10
    assert {machine for machine, _ in drawn[:3]} == {"m0"}
    assert max(n for _, n in drawn[13:]) > 45


def test_a_cut_keeps_its_place_its_target_and_its_machine() -> None:
    sizes = config(n_rows=64)
    prepare = Prepare(sizes, constants())
    lives = [wearing(number, length) for number, length in enumerate((60, 3, 110, 30))]
    lives += [wearing(9, 40).cut(8)] * CHUNK  # more than are prepared at a time
    lives[1] = replace(lives[1], end_age=28.0)
    cuts = prepare_cuts(prepare, sizes.inputs, lives)
    assert len(cuts) == len(lives)
    for place in (0, 1, 2, 3, len(lives) - 1):
        alone = prepared([lives[place]], prepare, sizes.inputs)
        for name, values in alone.items():
            np.testing.assert_allclose(cuts.inputs[name][place], values[0], rtol=1e-4, atol=1e-4)
    assert cuts.targets[:4].tolist() == [[0, 0], [0.5, 0], [0, 0], [0, 0]]
    assert cuts.targets[-1].tolist() == pytest.approx([32 / SPEC.horizon, 0])
    assert cuts.machines[[0, 2, -1]].tolist() == ["m0", "m2", "m9"]


def test_some_cuts_may_be_taken() -> None:
    cuts = Cuts({"x": np.arange(6).reshape(3, 2)}, np.eye(3, 2, dtype=np.float32), np.array(["a", "b", "c"]))
    some = cuts.take(np.array([True, False, True]))
    assert some.inputs["x"].tolist() == [[0, 1], [4, 5]]
    assert some.machines.tolist() == ["a", "c"]
    assert len(some) == 2


# Fitting


@pytest.fixture(scope="module")
def prepare() -> Prepare:
    return Prepare(config(), constants())


@pytest.fixture(scope="module")
def train(prepare: Prepare) -> Cuts:
    return prepare_cuts(
        prepare, config().inputs, draw_cuts(fleet(12), 400, SPEC.horizon, np.random.default_rng(0))
    )


@pytest.fixture(scope="module")
def held(prepare: Prepare) -> Cuts:
    lives = fleet(6, first=100)
    return prepare_cuts(prepare, config().inputs, draw_evenly(lives, 12, np.random.default_rng(1)))


@pytest.fixture(scope="module")
def fitter(prepare: Prepare) -> Fitter:
    return Fitter(partial(build_encoder, config(), prepare), N_BINS, SMALL)


@pytest.fixture(scope="module")
def fresh(prepare: Prepare, train: Cuts) -> Callable[[], keras.Model]:
    """Makes encoders that know nothing yet, all alike."""
    first = build_encoder(config(), prepare)
    learn_summaries(first, train.inputs["summary"])

    def make() -> keras.Model:
        encoder = build_encoder(config(), prepare)
        encoder.set_weights(first.get_weights())
        return encoder

    return make


@pytest.fixture(scope="module")
def learned(
    fitter: Fitter, fresh: Callable[[], keras.Model], train: Cuts, held: Cuts
) -> tuple[keras.Model, list[float]]:
    """An encoder that was fitted with seed 3, and its losses."""
    encoder, losses = fresh(), []
    fitter.fit(encoder, train, held, 3, lambda _, loss: losses.append(loss))
    return encoder, losses


def judge(fitter: Fitter, encoder: keras.Model, cuts: Cuts) -> float:
    """Mean loss of an encoder on cuts."""
    return float(loss_of(logits_of(ask(encoder, cuts)), cuts.targets).mean())


def is_same(a: keras.Model, b: keras.Model, tolerance: float = 1e-6) -> bool:
    """Whether two encoders hold the same weights."""
    pairs = zip(a.get_weights(), b.get_weights(), strict=True)
    return all(np.allclose(one, other, rtol=0, atol=tolerance) for one, other in pairs)


def with_targets(cuts: Cuts, remaining: float) -> Cuts:
    """Cuts that all ended after the same time."""
    return Cuts(cuts.inputs, np.tile(np.array([remaining, 0], np.float32), (len(cuts), 1)), cuts.machines)


@pytest.mark.slow
def test_it_learns_what_holds_for_other_machines(
    fitter: Fitter, fresh: Callable[[], keras.Model], learned: tuple[keras.Model, list[float]], held: Cuts
) -> None:
    before, after = judge(fitter, fresh(), held), judge(fitter, learned[0], held)
    always_the_mean = judge_constant(held)
    assert after < 0.5 * before
    assert after < 0.8 * always_the_mean
    assert len(learned[1]) == SMALL.epochs
    assert after == pytest.approx(min(learned[1]), rel=1e-5)


def judge_constant(held: Cuts) -> float:
    """Loss of the best that can be said without looking: how ends are distributed."""
    bins = np.minimum((held.targets[:, 0] * N_BINS).astype(int), N_BINS)
    share = np.bincount(bins, minlength=N_BINS + 1) / len(bins)
    logits = np.tile(np.log(share + 1e-9), (len(held), 1))
    return float(loss_of(logits, held.targets).mean())


@pytest.mark.slow
def test_what_was_fitted_before_does_not_matter(
    fitter: Fitter,
    fresh: Callable[[], keras.Model],
    learned: tuple[keras.Model, list[float]],
    train: Cuts,
    held: Cuts,
) -> None:
    other, again = fresh(), fresh()
    fitter.fit(other, train, held, 4, lambda *_: None)
    fitter.fit(again, train, held, 3, lambda *_: None)
    assert is_same(again, learned[0])
    assert not is_same(other, learned[0], 1e-3)


@pytest.mark.slow
def test_the_best_epoch_is_kept(
    fitter: Fitter, fresh: Callable[[], keras.Model], train: Cuts, held: Cuts
) -> None:
    """Learning that all fails at once passes, on its way, where the held machines fail."""
    encoder, losses = fresh(), []
    asked = with_targets(held, 0.25)
    fitter.fit(encoder, with_targets(train, 0.0), asked, 5, lambda _, loss: losses.append(loss))
    assert min(losses) < losses[-1] - 1e-3
    assert judge(fitter, encoder, asked) == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.slow
def test_what_gets_only_worse_stays_as_it_was(
    fitter: Fitter,
    fresh: Callable[[], keras.Model],
    learned: tuple[keras.Model, list[float]],
    train: Cuts,
    held: Cuts,
) -> None:
    encoder, losses = fresh(), []
    encoder.set_weights(learned[0].get_weights())
    fitter.fit(encoder, with_targets(train, 1.5), held, 6, lambda _, loss: losses.append(loss))
    assert min(losses) > judge(fitter, learned[0], held)
    assert is_same(encoder, learned[0], 0.0)


@pytest.mark.slow
def test_it_goes_on_from_where_the_encoder_stands(
    fitter: Fitter,
    fresh: Callable[[], keras.Model],
    learned: tuple[keras.Model, list[float]],
    train: Cuts,
    held: Cuts,
) -> None:
    encoder, losses = fresh(), []
    encoder.set_weights(learned[0].get_weights())
    fitter.fit(encoder, train, held, 7, lambda _, loss: losses.append(loss))
    assert losses[0] < learned[1][0]
    assert judge(fitter, encoder, held) <= min(learned[1]) * (1 + 1e-5)


@pytest.mark.slow
def test_where_an_epoch_ends_changes_nothing(
    prepare: Prepare, fitter: Fitter, fresh: Callable[[], keras.Model], train: Cuts
) -> None:
    at_once = Fitter(
        partial(build_encoder, config(), prepare),
        N_BINS,
        replace(SMALL, epochs=1, steps=SMALL.epochs * SMALL.steps),
    )
    one = train.take(np.array([7]))  # the same in every batch
    encoders = [fresh(), fresh()]
    losses: list[float] = []
    fitter.fit(encoders[0], one, one, 1, lambda _, loss: losses.append(loss))
    at_once.fit(encoders[1], one, one, 1, lambda *_: None)
    assert losses == sorted(losses, reverse=True)  # so that the last epoch is the one that is kept
    assert is_same(encoders[0], encoders[1], 1e-4)


# The loss


def loss_of(logits: npt.ArrayLike, targets: npt.ArrayLike) -> Floats:
    """Loss of each life."""
    said = np.asarray(logits, np.float32)[:, None]  # one reader
    loss = SurvivalLoss(said.shape[-1] - 1)
    return np.asarray(loss.call(np.asarray(targets, np.float32), said), np.float64)


def logits_of(chance: npt.ArrayLike) -> Floats:
    """Logits of probabilities."""
    return np.asarray(np.log(np.maximum(np.asarray(chance, np.float64), 1e-30)))


@given(st.integers(0, 10_000), st.floats(0.0, 1.6))
@settings(deadline=None, max_examples=30)
def test_it_is_the_continuous_ranked_probability_score_and_the_error_of_the_mean(
    seed: int, remaining: float
) -> None:
    n_bins = 250
    random = np.random.default_rng(seed)
    logits = 5 * np.sin(np.linspace(0, random.uniform(1, 9), n_bins + 1) + random.uniform(0, 6))
    chance = np.exp(logits) / np.exp(logits).sum()
    t = (np.arange(20_000) + 0.5) / 20_000
    reached = np.interp(t, np.arange(n_bins + 1) / n_bins, np.concatenate([[0], np.cumsum(chance[:-1])]))
    mean = np.trapezoid(1 - reached, t) if hasattr(np, "trapezoid") else np.trapz(1 - reached, t)
    truth = min(remaining, 1.0)
    has_ended = (t >= truth) & (remaining < 1)
    expected = ((reached - has_ended) ** 2).mean() + (mean - truth) ** 2
    assert loss_of([logits], [[remaining, 0]])[0] == pytest.approx(expected, abs=0.008)


@pytest.mark.parametrize("place", [0.02, 0.31, 0.5, 0.97])
def test_what_the_loss_likes_best_is_what_is_true(place: float) -> None:
    """Of a known distribution and the same moved by parts of a bin, the true one costs least."""
    spread, n_bins = 0.1, 20
    ends = np.abs(np.random.default_rng(0).normal(place, spread, 4000))
    moves = np.arange(-10, 11) / 10
    edges = np.linspace(0, 1, n_bins + 1)
    costs = []
    for move in moves:
        reached = (ends[:, None] + move / n_bins <= edges).mean(0)
        reached[0] = 0.0  # what is moved below 0 ends at once
        chance = np.append(np.diff(reached), 1 - reached[-1])
        targets = np.stack([ends, np.zeros_like(ends)], 1)
        costs.append(loss_of(np.tile(logits_of(chance), (len(ends), 1)), targets).mean())
    assert abs(moves[int(np.argmin(costs))]) <= 0.2


@pytest.mark.parametrize("remaining", [0.03, 0.38, 0.55, 0.72, 1.4])
def test_the_bin_in_which_it_ended_costs_least(remaining: float) -> None:
    costs = loss_of(logits_of(np.eye(N_BINS + 1)), [[remaining, 0]] * (N_BINS + 1))
    assert int(np.argmin(costs)) == min(int(remaining * N_BINS), N_BINS)


def test_after_a_censored_lifes_bound_nothing_costs() -> None:
    before = [0.1, 0.0, 0.1, 0.1]
    after = [[0, 0, 0.7, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0.7], [0.1] * 7]
    costs = loss_of(logits_of([before + each for each in after]), [[0.4, 1]] * 3)
    assert costs[0] > 0
    np.testing.assert_allclose(costs, costs[0], rtol=1e-4)
    assert loss_of(logits_of([[0] * 4 + [1] + [0] * 6]), [[0.4, 1]])[0] == pytest.approx(0, abs=1e-9)


def test_before_a_censored_lifes_bound_everything_costs() -> None:
    shares = (0.0, 0.2, 0.5, 1.0)
    costs = loss_of(logits_of([[0, share, *[0] * 8, 1 - share] for share in shares]), [[0.6, 1]] * 4)
    assert costs[0] == pytest.approx(0, abs=1e-9)
    assert (np.diff(costs) > 0.005).all()
    sooner, later = loss_of(logits_of(np.eye(N_BINS + 1)[[0, 4]]), [[0.6, 1]] * 2)
    assert sooner > later > 0


@pytest.mark.parametrize("is_censored", [0, 1])
def test_a_life_beyond_the_horizon_is_known_to_be(is_censored: int) -> None:
    random = np.random.default_rng(0).normal(0, 1, (1, N_BINS + 1))
    beyond = logits_of([[0] * N_BINS + [1]])
    assert loss_of(beyond, [[1.7, is_censored]])[0] == pytest.approx(0, abs=1e-9)
    assert loss_of(random, [[1.7, is_censored]])[0] > 0.05
    assert loss_of(random, [[1.7, is_censored]]) == pytest.approx(loss_of(random, [[1.0, 0]]))


def test_gradients_are_numbers_whatever_is_said() -> None:
    said = np.random.default_rng(0).normal(0, 1, (40, N_BINS + 1)) * np.logspace(-3, 5, 40)[:, None]
    ends = np.tile([[0, 0], [0, 1], [0.1, 1], [1, 0], [3e5, 1]], (8, 1))
    logits = tf.Variable(said.astype(np.float32)[:, None])
    with tf.GradientTape() as tape:
        cost = SurvivalLoss(N_BINS).call(tf.constant(ends, tf.float32), logits)
    assert np.isfinite(cost).all()
    assert np.isfinite(tape.gradient(cost, logits)).all()


# Rates


@pytest.mark.parametrize("spec", [FitSpec(), SMALL, FitSpec(epochs=1, steps=2)])
def test_the_rate_rises_to_its_peak_then_falls_as_a_cosine(spec: FitSpec) -> None:
    total = spec.epochs * spec.steps
    rise = total // 10
    rates = Rates(spec)
    said = np.array([float(rates(step)) for step in range(total + 3)])
    falling = spec.rate * (1 + np.cos(np.pi * np.arange(total - rise + 1) / (total - rise))) / 2
    np.testing.assert_allclose(said[rise : total + 1], falling, atol=1e-9)
    np.testing.assert_allclose(said[:rise], spec.rate * np.arange(rise) / max(rise, 1), atol=1e-9)
    assert (said[total:] == 0).all()


def test_what_a_fit_has_read_is_let_go(fitter: Fitter, train: Cuts, held: Cuts) -> None:
    """TensorFlow holds on to what it was given, which a process that fits often has no room for."""
    copy = train.take(np.arange(len(train)))
    gone = weakref.ref(copy.targets)
    fitter.fit(fitter.encoder, copy, held, 0, lambda *_: None)
    del copy
    gc.collect()
    assert gone() is None
