"""Rows teach, ends do not; what is asked is exactly what was hidden, or what came next."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from contract.lives import End, Life
from models.backend import tf
from models.forecast.conditions import Usual
from models.forecast.fit import Arrays, FitSpec
from models.forecast.prepare import SENSED, Prepare
from models.forecast.pretrain import (
    AHEAD,
    Histories,
    KnownError,
    Pretrainer,
    Puzzles,
    draw_histories,
    look_ahead,
)
from models.keras3 import keras
from models.rul import CLIP, build_encoder, learn_summaries
from tests.models.forecast.lives import SPEC, fleet, wearing
from tests.models.forecast.networks import config, constants

QUICK = FitSpec(epochs=3, steps=8, batch=32, rate=4e-3, ema=0.8)
N_SENSORS = len(SPEC.sensors)
N_SENSED = SENSED * N_SENSORS


@pytest.fixture(scope="module")
def prepare() -> Prepare:
    return Prepare(config(), constants())


def draw(prepare: Prepare, lives: list[Life], n_cuts: int = 300) -> Histories:
    """Of a network that reads 40 rows."""
    return draw_histories(prepare, config().inputs, lives, n_cuts, np.random.default_rng(0))


@pytest.fixture(scope="module")
def histories(prepare: Prepare) -> Histories:
    return draw(prepare, fleet(8))


def otherwise(lives: list[Life]) -> list[Life]:
    """The same rows; what became of the machines is another story."""
    ends = (End.RUNNING, End.REPLACED, End.FAILED)
    return [
        replace(life, end=ends[number % 3], end_age=life.end_age + 7 * number)
        for number, life in enumerate(lives)
    ]


# What comes next


def test_a_window_ahead_is_the_mean_of_its_rows_as_they_are_normalised(prepare: Prepare) -> None:
    life = wearing(20, 110)
    usual = np.clip(Usual.of_lives(fleet(6)).standardise(life), -CLIP, CLIP)
    ahead, count = look_ahead(prepare, life, np.array([1, 30]))
    assert ahead.shape == count.shape == (2, len(AHEAD) - 1, N_SENSORS)
    for place, n_rows in enumerate((1, 30)):
        for window, (start, stop) in enumerate(pairwise(AHEAD)):
            rows = usual[n_rows + start : n_rows + stop]
            np.testing.assert_allclose(ahead[place, window], rows.mean(0), rtol=1e-3, atol=1e-4)
            np.testing.assert_allclose(count[place, window], len(rows) / (stop - start), rtol=1e-6)


def test_what_was_never_recorded_counts_for_nothing(prepare: Prepare) -> None:
    life = wearing(20, 60)
    life.sensors[52:56, 1] = np.nan
    ahead, count = look_ahead(prepare, life, np.array([50, 60]))
    assert count[0, :, 0].tolist() == pytest.approx([1.0, 2 / 16, 0.0, 0.0])
    assert count[0, 0].tolist() == pytest.approx([1.0, 0.5, 1.0])
    seen = Usual.of_lives(fleet(6)).standardise(life)[[50, 51, 56, 57], 1]
    assert ahead[0, 0, 1] == pytest.approx(seen.mean(), rel=1e-3)
    assert not count[1].any()
    assert not ahead[1].any()


def test_a_history_keeps_its_cut_its_future_and_its_machine(prepare: Prepare) -> None:
    lives = [wearing(number, length) for number, length in enumerate((50, 3, 90))]
    drawn = draw(prepare, lives, 1000)
    assert len(drawn) == 143
    assert drawn.machines.tolist() == ["m0"] * 50 + ["m1"] * 3 + ["m2"] * 90
    for life, first in zip(lives, (0, 50, 53), strict=True):
        ahead, count = look_ahead(prepare, life, np.arange(1, len(life.age) + 1))
        np.testing.assert_array_equal(drawn.ahead[first : first + len(ahead)], ahead)
        np.testing.assert_array_equal(drawn.count[first : first + len(ahead)], count)
    some = drawn.take(np.array([0, 52]))
    assert some.machines.tolist() == ["m0", "m1"]
    assert some.inputs["tokens"].shape[0] == len(some) == 2


def test_how_lives_end_changes_nothing(prepare: Prepare) -> None:
    one, other = draw(prepare, fleet(6)), draw(prepare, otherwise(fleet(6)))
    np.testing.assert_array_equal(one.ahead, other.ahead)
    np.testing.assert_array_equal(one.count, other.count)
    assert one.inputs.keys() == other.inputs.keys()
    for name, values in one.inputs.items():
        np.testing.assert_array_equal(values, other.inputs[name])


# What is hidden


@dataclass(frozen=True, slots=True)
class Puzzle:
    """A batch, and the histories that it was made of."""

    read: Arrays
    told: Arrays
    of: Histories

    @property
    def counted(self) -> npt.NDArray[np.bool_]:
        """Of what is told of tokens: bool (B, N, F)."""
        return self.told["hidden"][..., N_SENSED:] > 0


@pytest.fixture(scope="module")
def puzzle(histories: Histories) -> Puzzle:
    puzzles = Puzzles(histories, replace(QUICK, batch=400), seed=0)
    drawn = np.random.default_rng(0).integers(0, len(histories), 400)  # what a batch of this seed draws first
    return Puzzle(*puzzles[0], histories.take(drawn))


def test_only_tokens_that_there_are_get_hidden(puzzle: Puzzle) -> None:
    empty = puzzle.of.inputs["mask"] == 0
    assert empty.any()
    assert not puzzle.counted[empty].any()
    hidden = puzzle.counted.any(-1)
    assert 0.1 < hidden[~empty].mean() < 0.2  # 30 of 100 tokens, in half of the histories
    np.testing.assert_array_equal(puzzle.read["mask"], puzzle.of.inputs["mask"])


def test_of_a_hidden_token_nothing_is_left_but_its_place(puzzle: Puzzle) -> None:
    hidden, before, after = puzzle.counted.any(-1), puzzle.of.inputs["tokens"], puzzle.read["tokens"]
    assert not after[hidden][:, :N_SENSED].any()
    assert before[hidden][:, :N_SENSED].any()
    np.testing.assert_array_equal(after[..., N_SENSED:], before[..., N_SENSED:])
    np.testing.assert_array_equal(after[~hidden], before[~hidden])


def test_a_summary_does_not_tell_what_is_hidden(puzzle: Puzzle, histories: Histories) -> None:
    has_holes = puzzle.counted.any((1, 2))
    before, after = puzzle.of.inputs["summary"], puzzle.read["summary"]
    np.testing.assert_allclose(
        after[has_holes], np.tile(histories.inputs["summary"].mean(0), (has_holes.sum(), 1))
    )
    np.testing.assert_array_equal(after[~has_holes], before[~has_holes])


def test_what_is_told_is_what_was_there_in_common_units(puzzle: Puzzle, histories: Histories) -> None:
    tokens, known = histories.inputs["tokens"][..., :N_SENSED], histories.inputs["mask"] > 0
    mean, spread = tokens[known].mean(0), tokens[known].std(0)
    told = puzzle.told["hidden"][..., :N_SENSED]
    expected = (puzzle.of.inputs["tokens"][..., :N_SENSED] - mean) / spread
    np.testing.assert_allclose(told[puzzle.counted], expected[puzzle.counted], rtol=1e-3, atol=1e-3)
    ahead, count = np.split(puzzle.told["ahead"], 2, -1)
    np.testing.assert_array_equal(count, puzzle.of.count.reshape(400, -1))
    by_statistics, counted = np.split(puzzle.told["ahead_mix"], 2, -1)
    np.testing.assert_array_equal(by_statistics, ahead)
    np.testing.assert_array_equal(counted, count * ~puzzle.counted.any((1, 2))[:, None])
    weight = histories.count.reshape(len(histories), -1)
    values = histories.ahead.reshape(len(histories), -1)
    usual = (values * weight).sum(0) / weight.sum(0)
    wide = np.sqrt((np.square(values - usual) * weight).sum(0) / weight.sum(0))
    expected = (puzzle.of.ahead.reshape(400, -1) - usual) / wide
    np.testing.assert_allclose(ahead[count > 0], expected[count > 0], rtol=1e-3, atol=1e-3)


def test_what_never_varies_is_not_asked_for(prepare: Prepare) -> None:
    lives = fleet(6)
    for life in lives:
        life.sensors[:, 1] = np.nan
    told = Puzzles(draw(prepare, lives), QUICK, seed=0)[0][1]
    count = told["hidden"][..., N_SENSED:].reshape(-1, SENSED, N_SENSORS).sum((0, 1))
    assert count[1] == 0
    assert (count[[0, 2]] > 0).all()
    assert np.isfinite(told["hidden"]).all()
    assert np.isfinite(told["ahead"]).all()


def test_drawing_batches_leaves_histories_as_they_are(histories: Histories) -> None:
    before = {name: values.copy() for name, values in histories.inputs.items()}
    puzzles = Puzzles(histories, QUICK, seed=0)
    assert len(puzzles) == QUICK.steps
    batches = [puzzles[0], puzzles[1]]
    assert not np.array_equal(batches[0][0]["tokens"], batches[1][0]["tokens"])
    for name, values in before.items():
        np.testing.assert_array_equal(histories.inputs[name], values)


# The loss


def test_an_error_is_a_mean_over_what_counts() -> None:
    told = np.array([[[1.0, 2.0], [3.0, 50.0]], [[0.0, 9.0], [70.0, 80.0]]], np.float32)
    count = np.array([[[1, 1], [0.5, 0]], [[1, 0], [0, 0]]], np.float32)
    said = tf.Variable(np.zeros((2, 2, 2), np.float32))
    with tf.GradientTape() as tape:
        loss = KnownError()(np.concatenate([told, count], -1), said)
    assert float(loss) == pytest.approx((1 + 4 + 0.5 * 9 + 0) / 3.5)
    slope = np.asarray(tape.gradient(loss, said))
    assert not slope[count == 0].any()
    assert slope[0, 0].all()


def test_a_batch_in_which_nothing_counts_costs_nothing() -> None:
    told = np.concatenate([np.full((3, 4), 7.0), np.zeros((3, 4))], -1).astype(np.float32)
    assert float(KnownError()(told, np.zeros((3, 4), np.float32))) == 0.0


# Pre-training


@pytest.fixture(scope="module")
def pretrainer(prepare: Prepare) -> Pretrainer:
    return Pretrainer(config(), prepare, QUICK)


@pytest.fixture(scope="module")
def fresh(prepare: Prepare, histories: Histories) -> keras.Model:
    """An encoder that knows nothing yet."""
    encoder = build_encoder(config(), prepare)
    learn_summaries(encoder, histories.inputs["summary"])
    return encoder


def pretrained(
    pretrainer: Pretrainer, fresh: keras.Model, prepare: Prepare, histories: Histories, seed: int
) -> tuple[keras.Model, list[float]]:
    """A copy of it that learned, and its losses."""
    encoder, losses = build_encoder(config(), prepare), []
    encoder.set_weights(fresh.get_weights())
    pretrainer.fit(encoder, histories, seed, lambda _, loss: losses.append(loss))
    return encoder, losses


@pytest.mark.slow
def test_an_encoder_learns_all_but_its_last_layers(
    pretrainer: Pretrainer, fresh: keras.Model, prepare: Prepare, histories: Histories
) -> None:
    encoder, losses = pretrained(pretrainer, fresh, prepare, histories, 1)
    assert len(losses) == QUICK.epochs
    assert losses[-1] < 0.9 * losses[0]
    for before, after in zip(fresh.trainable_variables, encoder.trainable_variables, strict=True):
        assert np.array_equal(before, after) == ("logits" in before.path), before.path
    np.testing.assert_array_equal(
        encoder.get_layer("standardise").get_weights(), fresh.get_layer("standardise").get_weights()
    )


@pytest.mark.slow
def test_neither_ends_nor_an_earlier_pre_training_leave_a_trace(
    pretrainer: Pretrainer, fresh: keras.Model, prepare: Prepare, histories: Histories
) -> None:
    first, _ = pretrained(pretrainer, fresh, prepare, histories, 1)
    second, _ = pretrained(pretrainer, fresh, prepare, histories, 2)
    again, _ = pretrained(pretrainer, fresh, prepare, draw(prepare, otherwise(fleet(8))), 1)
    for one, same in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(one, same, rtol=0, atol=1e-6)
    assert not np.allclose(
        first.get_layer("head").get_weights()[0], second.get_layer("head").get_weights()[0]
    )
