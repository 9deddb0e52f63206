"""All that is read of a life can matter, and nothing else does."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.forecast import Inputs, assemble
from models.forecast.prepare import Prepare
from models.keras3 import keras, ops
from models.rul import CLIP, Curves, RulConfig, Standardise, build_encoder, build_model, chance_of, look_back
from tests.models.forecast.lives import SPEC, WITH_EVENTS, event, wearing
from tests.models.forecast.networks import (
    config,
    constants,
    distribution,
    event_encoder,
    prepared,
    to_numpy,
    with_events,
)

Floats = npt.NDArray[np.float64]
N_SENSORS = len(SPEC.sensors)


@given(st.integers(1, 700))
def test_tokens_cover_every_row_that_is_read_once(n_rows: int) -> None:
    edges = look_back(n_rows)
    assert edges[0] == 0
    assert edges[-1] == n_rows
    assert all(near < far for near, far in pairwise(edges))


# The encoder


@pytest.fixture(scope="module")
def reader() -> tuple[RulConfig, Prepare, keras.Model]:
    return event_encoder()


@pytest.fixture(scope="module")
def seen(reader: tuple[RulConfig, Prepare, keras.Model]) -> Inputs:
    """What it reads of a short life and a long one, each with two events."""
    sizes, prepare, _ = reader
    return prepared(with_events([wearing(70, 15), wearing(71, 90)]), prepare, sizes.inputs)


def ask(encoder: keras.Model, inputs: Inputs) -> npt.NDArray[np.float32]:
    return np.asarray(encoder.predict_on_batch(inputs))


def test_masked_tokens_do_not_change_the_answer(
    reader: tuple[RulConfig, Prepare, keras.Model], seen: Inputs
) -> None:
    encoder = reader[2]
    empty = seen["mask"] == 0
    assert empty.any()
    spoilt = seen | {"tokens": np.where(empty[..., None], np.float32(50.0), seen["tokens"])}
    np.testing.assert_allclose(ask(encoder, spoilt), ask(encoder, seen), atol=1e-6)
    unmasked = spoilt | {"mask": np.ones_like(seen["mask"])}
    assert np.abs(ask(encoder, unmasked) - ask(encoder, seen))[0].max() > 1e-3


def test_a_life_is_answered_alone_as_among_others(
    reader: tuple[RulConfig, Prepare, keras.Model], seen: Inputs
) -> None:
    alone = {name: values[:1] for name, values in seen.items()}
    np.testing.assert_allclose(ask(reader[2], alone), ask(reader[2], seen)[:1], atol=1e-5)


def test_the_answer_is_in_the_weights_and_nowhere_else(
    reader: tuple[RulConfig, Prepare, keras.Model], seen: Inputs
) -> None:
    sizes, prepare, encoder = reader
    twin = build_encoder(sizes, prepare)
    assert np.abs(ask(twin, seen) - ask(encoder, seen)).max() > 1e-3
    twin.set_weights(encoder.get_weights())
    np.testing.assert_allclose(ask(twin, seen), ask(encoder, seen), atol=1e-6)


def test_all_weights_are_trained_but_what_inputs_are_like(
    reader: tuple[RulConfig, Prepare, keras.Model],
) -> None:
    kept = {weight.path for weight in reader[2].non_trainable_variables if "seed" not in weight.path}
    assert kept == {"standardise/mean", "standardise/gain", "curves/knots", "mix_curves/knots"}
    names = {weight.path for weight in reader[2].trainable_variables}
    assert {"place/places", "event/embeddings", "embed/kernel", "logits/bias", "curves/slopes"} <= names


def test_every_weight_that_is_trained_matters(
    reader: tuple[RulConfig, Prepare, keras.Model], seen: Inputs
) -> None:
    encoder = reader[2]
    before = ask(encoder, seen)
    random = np.random.default_rng(0)
    for weight in encoder.trainable_variables:
        held = ops.convert_to_numpy(weight)
        weight.assign(held + random.normal(0, 0.5, held.shape))
        moved = np.abs(ask(encoder, seen) - before).max()
        weight.assign(held)
        if not weight.path.endswith("_key/bias"):  # the same for all that is asked: attention does not see it
            assert moved > 1e-4, weight.path


def test_the_place_of_a_token_is_known(reader: tuple[RulConfig, Prepare, keras.Model], seen: Inputs) -> None:
    encoder, swapped = reader[2], seen["tokens"].copy()
    swapped[:, [0, 5]] = swapped[:, [5, 0]]
    assert np.abs(ask(encoder, seen | {"tokens": swapped}) - ask(encoder, seen)).max() > 1e-4


def test_events_change_the_answer(reader: tuple[RulConfig, Prepare, keras.Model], seen: Inputs) -> None:
    encoder, before = reader[2], ask(reader[2], seen)
    other_code = seen | {"event_code": np.where(seen["event_code"] == 1, 2, seen["event_code"])}
    longer_ago = seen | {"event_ago": seen["event_ago"] + 40}
    for other in (other_code, longer_ago, seen | {"event_code": np.zeros_like(seen["event_code"])}):
        assert np.abs(ask(encoder, other) - before).max(-1).min() > 1e-4, "each reader of each life"


def test_events_may_come_in_any_order(reader: tuple[RulConfig, Prepare, keras.Model], seen: Inputs) -> None:
    turned = seen | {name: seen[name][:, ::-1].copy() for name in ("event_code", "event_ago")}
    np.testing.assert_allclose(ask(reader[2], turned), ask(reader[2], seen), atol=1e-5)


def test_code_0_is_no_event(reader: tuple[RulConfig, Prepare, keras.Model], seen: Inputs) -> None:
    spoilt = np.where(seen["event_code"] == 0, np.float32(33.0), seen["event_ago"])
    assert (spoilt != seen["event_ago"]).any()
    np.testing.assert_allclose(ask(reader[2], seen | {"event_ago": spoilt}), ask(reader[2], seen), atol=1e-6)


@pytest.mark.parametrize("uses_age", [False, True])
def test_age_is_read_only_where_asked(uses_age: bool) -> None:
    sizes = config(WITH_EVENTS, uses_age=uses_age)
    prepare = Prepare(sizes, constants())
    encoder = build_encoder(sizes, prepare)
    young = wearing(72, 60)
    old = replace(young, age=young.age + 512.0, end_age=young.end_age + 512.0)
    lives = [
        replace(life, events=(event(float(life.age[9]), "e1"), event(float(life.age[40]), "e2")))
        for life in (young, old)
    ]
    said = ask(encoder, prepared(lives, prepare, sizes.inputs))
    assert bool(np.abs(said[0] - said[1]).max() < 1e-3) is not uses_age


def test_inputs_are_standardised_by_what_was_learned() -> None:
    values = np.random.default_rng(0).normal(5, 3, (400, 3)).astype(np.float32)
    values[:, 2] = 7.0
    layer = Standardise()
    layer.build((None, 3))
    np.testing.assert_array_equal(layer(values[:1]), np.clip(values[:1], -CLIP, CLIP))
    layer.learn(values)
    said = np.asarray(layer(values))
    np.testing.assert_allclose(said.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(said.std(0), [1, 1, 0], atol=1e-3)
    assert np.asarray(layer(np.full((1, 3), 1e9, np.float32))).tolist() == [[CLIP, CLIP, 0.0]]


def test_a_curve_is_linear_between_quantiles_of_what_was_learned() -> None:
    random = np.random.default_rng(1)
    values = random.normal(0, 1, (400, 2)).astype(np.float32)
    layer = Curves(n_pieces=4, n_curves=1)
    layer.build((None, 2))
    layer.learn(values)
    slopes = np.array([[1.0, 2.0, 3.0, 4.0], [0.5, 0.5, 0.0, 1.0]], np.float32)
    heights = np.array([[0.1], [0.2]], np.float32)
    layer.set_weights([slopes[..., None], heights, layer.get_weights()[-1]])
    wanted = np.linspace(-5, 5, 41, dtype=np.float32)
    said = np.asarray(layer(np.stack([wanted, wanted], 1)))
    for place, (base, steps) in enumerate(zip((0.1, 0.2), slopes, strict=True)):
        knots = np.quantile(values[:, place], np.linspace(0, 1, 5))
        expected = base + np.concatenate([[0], np.cumsum(steps)])
        np.testing.assert_allclose(said[:, place], np.interp(wanted, knots, expected), atol=1e-5)


def test_curves_are_blind_to_the_scale_of_a_number_and_deaf_to_a_constant() -> None:
    values = np.random.default_rng(2).normal(0, 1, (401, 2)).astype(np.float32)
    values[:, 1] = 3.0
    layer, other = Curves(n_pieces=4), Curves(n_pieces=4)
    for each in (layer, other):
        each.build((None, 2))
    layer.learn(values)
    other.learn(np.exp(values))
    other.set_weights([*layer.get_weights()[:-1], other.get_weights()[-1]])
    knots = np.sort(values, axis=0)[::100]
    said = np.asarray(layer(knots))
    np.testing.assert_allclose(np.asarray(other(np.exp(knots))), said, atol=1e-5)
    elsewhere = np.asarray(layer(np.array([[0.0, -7.0]], np.float32)))
    assert (elsewhere[:, -4:] == said[:1, -4:]).all() and np.isfinite(elsewhere).all()


def test_several_encoders_are_asked_and_their_chances_averaged() -> None:
    sizes = config()
    prepare = Prepare(sizes, constants())
    encoders = [build_encoder(sizes, prepare, f"e{number}") for number in range(2)]
    raw = assemble([wearing(73, 30)], sizes.inputs)
    ready = prepare(raw)
    chances = [to_numpy({"chance": chance_of(encoder(ready))})["chance"] for encoder in encoders]
    expected = distribution(np.mean(chances, axis=0)[0], SPEC.horizon)
    said = to_numpy(build_model(sizes, prepare, encoders)(raw))
    np.testing.assert_allclose(said["quantiles"][0], expected["quantiles"], rtol=1e-4)
    np.testing.assert_allclose(said["mean"][0], expected["mean"], rtol=1e-4)
