"""The model of remaining useful life (RUL): a transformer that reads a component's whole life so far.

Rule: what `contract.forecast.assemble` fills is all that goes in, raw and in physical units; operating
conditions, missing values, time and the statistics of the whole history are dealt with inside the graph, so
that the exported file gives what training saw. Only `keras.ops` are used: it trains on any Keras 3 backend.

Three parts, joined by `build_model`: `models.forecast.prepare.Prepare`, which learns nothing, turns rows into
tokens and one summary; an encoder (`build_encoder`) reads them; `Answer` turns chances into quantiles that
cannot cross. An encoder holds two readers, because they err on different machines: a transformer, which looks
up in the course of the life what its summary asks for, and a plain network of the summary's statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.forecast import LEVELS, InputSpec
from contract.rul_bundle import input_kinds
from models.keras3 import keras, ops

Floats = npt.NDArray[np.float32]
Tensor = Any

LOOK_BACK = (0, 4, 8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256, 320, 400, 512)
"""Where tokens begin and end, in rows before the newest: fine for the recent past, coarse for the distant."""
FEW_ROWS = 40
CLIP = 8.0
"""Standard deviations beyond which a sensor says no more than this."""
CONSTANT = 1e-6
FAR = 3e4
"""Kept out of a softmax; half of a float's bits hold it."""
PRECISE = "float32"
"""Of what is lost in half precision: statistics, and the answer."""
TINY = 1e-9
PIECES, CURVES = 8, 4
"""Of each statistic."""
TIMES = (1.0, 2.0, 4.0, 8.0)
"""Frequencies of the time code, in turns per (1 + log of the time, in horizons)."""


def look_back(n_rows: int) -> tuple[int, ...]:
    """Edges of tokens for a model that reads so many rows: finer where it reads few.

    >>> look_back(30)
    (0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
    """
    if n_rows <= FEW_ROWS:
        return (*range(0, n_rows, 2), n_rows)
    return (*(edge for edge in LOOK_BACK if edge < n_rows), n_rows)


@dataclass(frozen=True, slots=True)
class RulConfig:
    """Size and habits of the network."""

    inputs: InputSpec
    width: int = 64
    heads: int = 4
    layers: int = 2
    """Of self-attention between tokens; one more reads them out."""
    dropout: float = 0.2
    noise: float = 0.1
    """Standard deviation of what is added to tokens and summary while training."""
    n_bins: int = 25
    """Of RUL between 0 and the horizon."""
    uses_age: bool = True
    look_back: tuple[int, ...] = LOOK_BACK
    statistics_width: int = 256
    """Of the reader of statistics."""

    @property
    def n_tokens(self) -> int:
        """Tokens of rows; events come on top."""
        return len(self.look_back) - 1


@dataclass(frozen=True, slots=True)
class Constants:
    """What the graph knows of a machine type before it learns: operating conditions and what is usual."""

    offset: Floats
    """float32 (n_settings,), taken from settings; it also stands for one that is not known."""
    scale: Floats
    """float32 (n_settings,), 1 / standard deviation; 0: never changed."""
    centres: Floats
    """float32 (n_conditions, n_settings), scaled."""
    mean: Floats
    """float32 (n_conditions, n_sensors)."""
    gain: Floats
    """float32 (n_conditions, n_sensors), 1 / standard deviation; 0: constant."""


@keras.saving.register_keras_serializable("industrialguard")
class Place(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Adds to each token what is learned of its place."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make a vector for each place."""
        self._places = self.add_weight(name="places", shape=shape[1:], initializer="uniform")

    def call(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        return tokens + self._places


@keras.saving.register_keras_serializable("industrialguard")
class Standardise(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """(x - mean) / spread, clipped; mean and spread are set once, from what training saw."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make its two weights, which are not trained."""
        for name, start in (("mean", "zeros"), ("gain", "ones")):
            weight = self.add_weight(name=name, shape=shape[-1:], initializer=start, trainable=False)
            setattr(self, f"_{name}", weight)

    def learn(self, values: Floats) -> None:
        """Take mean and spread from examples, float32 (n, F)."""
        spread = values.std(0)
        self._mean.assign(values.mean(0))
        self._gain.assign(np.where(spread > CONSTANT, 1.0 / np.maximum(spread, CONSTANT), 0.0))

    def call(self, values: Tensor) -> Tensor:
        """(B, F) -> (B, F)."""
        return ops.clip((values - self._mean) * self._gain, -CLIP, CLIP)


@keras.saving.register_keras_serializable("industrialguard")
class Curves(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Each number as a few learned curves of it, as trees see it: steep in places, blind to its scale.

    A number is said by how far it has passed through each of its pieces, which are cut at quantiles of the
    examples, and each of its curves is linear in every piece (Gorishniy, Rubachev, Babenko 2022, "On
    embeddings for numerical features in tabular deep learning").
    """

    def __init__(self, n_pieces: int = PIECES, n_curves: int = CURVES, **options: Any) -> None:
        super().__init__(**options)
        self._n_pieces, self._n_curves = n_pieces, n_curves

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make its knots, which are set once, and its slopes, which are trained."""
        n, steep = shape[-1], self._n_pieces**-0.5
        spread = keras.initializers.RandomUniform(-steep, steep)
        self._knots = self.add_weight(
            name="knots", shape=(n, self._n_pieces + 1), initializer="zeros", trainable=False
        )
        self._slopes = self.add_weight(
            name="slopes", shape=(n, self._n_pieces, self._n_curves), initializer=spread
        )
        self._heights = self.add_weight(name="heights", shape=(n, self._n_curves), initializer="zeros")

    def learn(self, values: Floats) -> None:
        """Cut the pieces so that each holds as many of the examples, float32 (n, F)."""
        self._knots.assign(np.quantile(values, np.linspace(0, 1, self._n_pieces + 1), axis=0).T)

    def call(self, values: Tensor) -> Tensor:
        """(B, F) -> (B, F * n_curves)."""
        start, size = self._knots[:, :-1], self._knots[:, 1:] - self._knots[:, :-1]  # (F, P)
        passed = ops.clip((values[..., None] - start) / ops.maximum(size, CONSTANT), 0.0, 1.0)
        passed = passed * ops.cast(size > CONSTANT, "float32")  # (B, F, P)
        curves = ops.einsum("bfp,fpc->bfc", passed, self._slopes) + self._heights  # (B, F, C)
        return ops.reshape(ops.relu(curves), (-1, values.shape[-1] * self._n_curves))


def learn_summaries(encoder: keras.Model, summaries: Floats) -> None:
    """Tell an encoder what summaries are like, from examples: float32 (n, F); before it is fitted."""
    for name in ("standardise", "curves", "mix_curves"):
        encoder.get_layer(name).learn(summaries)


def build_encoder(config: RulConfig, prepare: keras.layers.Layer, name: str = "encoder") -> keras.Model:
    """The network that is trained: what `prepare` gives -> `logits` float32 (B, n_readers, n_bins + 1).

    Bin k holds an end between k and k + 1 parts of the horizon; the last one an end beyond it.
    """
    inputs = {
        part: keras.Input(place.shape[1:], dtype=place.dtype, name=part)
        for part, place in prepare(raw_inputs(config.inputs)).items()
    }
    events = _read_events(config, inputs) if config.inputs.n_events else None
    summary = Standardise(name="standardise", dtype=PRECISE)(inputs["summary"])
    said = [_read_course(config, inputs, summary, events), _read_statistics(config, inputs, summary, events)]
    return keras.Model(inputs, ops.stack(said, 1), name=name)


def _read_course(
    config: RulConfig, inputs: dict[str, Tensor], summary: Tensor, events: Tensor | None
) -> Tensor:
    """The transformer: the summary, which knows the component, asks; tokens answer. (B, n_bins + 1)."""
    width = config.width
    h = keras.layers.Dense(width, name="embed")(keras.layers.GaussianNoise(config.noise)(inputs["tokens"]))
    h, mask = Place(name="place")(h), inputs["mask"]  # (B, N, D)
    if events is not None:
        h = ops.concatenate([h, events], 1)
        mask = ops.concatenate([mask, ops.cast(inputs["event_code"] > 0, "float32")], 1)
    s = _read_summary(config, inputs, summary, "curves")
    s = keras.layers.Dense(width, name="embed_summary")(s)  # (B, D)
    s = _add_component(config, inputs, s, "embed_component")
    h, mask = ops.concatenate([s[:, None], h], 1), ops.concatenate([ops.ones_like(mask[:, :1]), mask], 1)
    for index in range(config.layers):
        h = _block(config, f"layer{index}", h, h, mask)
    s = _block(config, "readout", h[:, :1], h, mask)[:, 0]  # (B, D)
    s = keras.layers.Dense(width, "gelu", name="head")(keras.layers.LayerNormalization()(s))
    return keras.layers.Dense(config.n_bins + 1, name="logits", dtype=PRECISE)(s)


def _read_statistics(
    config: RulConfig, inputs: dict[str, Tensor], summary: Tensor, events: Tensor | None
) -> Tensor:
    """The plain network: residual layers over statistics and the sum of events. (B, n_bins + 1)."""
    wide, drop = config.statistics_width, config.dropout
    s = _read_summary(config, inputs, summary, "mix_curves")
    if events is not None:
        there = ops.cast(inputs["event_code"] > 0, "float32")[..., None]
        s = ops.concatenate([s, ops.sum(events * there, 1)], -1)
    h = keras.layers.Dense(wide, "gelu", name="mix")(s)  # (B, W)
    h = _add_component(config, inputs, h, "mix_component")
    for index in range(config.layers):
        f = keras.layers.LayerNormalization(name=f"mix{index}_norm")(h)
        f = keras.layers.Dropout(drop)(keras.layers.Dense(wide, "gelu", name=f"mix{index}_wide")(f))
        h = h + keras.layers.Dense(wide, name=f"mix{index}_back")(f)
    h = keras.layers.LayerNormalization(name="mix_norm")(h)
    return keras.layers.Dense(config.n_bins + 1, name="mix_logits", dtype=PRECISE)(h)


def _read_summary(config: RulConfig, inputs: dict[str, Tensor], summary: Tensor, name: str) -> Tensor:
    """What stands in the summary, standardised, and curves of it, which no other reader shares."""
    noisy = keras.layers.GaussianNoise(config.noise)(summary)
    parts = ops.concatenate([noisy, Curves(name=name, dtype=PRECISE)(inputs["summary"])], -1)
    return keras.layers.Dropout(config.dropout / 2)(parts)


def _add_component(config: RulConfig, inputs: dict[str, Tensor], said: Tensor, name: str) -> Tensor:
    if "component" not in inputs:
        return said
    n_components = len(config.inputs.life.components)
    return said + keras.layers.Embedding(n_components, said.shape[-1], name=name)(inputs["component"])


def _read_events(config: RulConfig, inputs: dict[str, Tensor]) -> Tensor:
    """What happened, and when: (B, n_events, D)."""
    code, ago = inputs["event_code"], inputs["event_ago"]
    named = keras.layers.Embedding(len(config.inputs.life.events) + 1, config.width, name="event")(code)
    return named + keras.layers.Dense(config.width, name="event_time")(
        time_code(ago / config.inputs.life.horizon)
    )


def _block(config: RulConfig, name: str, asking: Tensor, asked: Tensor, mask: Tensor) -> Tensor:
    """Attention and a feed-forward step, each after a normalisation and beside a short cut."""
    drop, width = config.dropout, config.width
    norm = keras.layers.LayerNormalization(name=f"{name}_norm")
    h = asking + keras.layers.Dropout(drop)(_attend(config, name, norm(asking), norm(asked), mask))
    f = keras.layers.LayerNormalization(name=f"{name}_norm2")(h)
    f = keras.layers.Dense(2 * width, "gelu", name=f"{name}_wide")(f)
    f = keras.layers.Dropout(drop)(keras.layers.Dense(width, name=f"{name}_back")(f))
    return keras.layers.Add(name=name)([h, f])


def _attend(config: RulConfig, name: str, asking: Tensor, asked: Tensor, mask: Tensor) -> Tensor:
    """Multi-head attention (Vaswani et al. 2017): (B, M, D), (B, N, D), mask (B, N) -> (B, M, D)."""
    heads, width = config.heads, config.width

    def project(part: str, tokens: Tensor) -> Tensor:
        wide = keras.layers.Dense(width, name=f"{name}_{part}")(tokens)
        return ops.transpose(ops.reshape(wide, (-1, tokens.shape[1], heads, width // heads)), (0, 2, 1, 3))

    query, key, value = project("query", asking), project("key", asked), project("value", asked)
    score = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) / (width // heads) ** 0.5  # (B, H, M, N)
    weight = ops.softmax(score + (mask[:, None, None, :] - 1.0) * FAR, -1)
    mixed = ops.transpose(ops.matmul(weight, value), (0, 2, 1, 3))  # (B, M, H, D / H)
    return keras.layers.Dense(width, name=f"{name}_out")(ops.reshape(mixed, (-1, asking.shape[1], width)))


@keras.saving.register_keras_serializable("industrialguard")
class Answer(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Probabilities of bins -> quantiles and mean of the RUL, in its unit.

    The distribution function is linear within a bin, so its inverse at a level is a sum over bins of how much
    of each lies below that level: quantiles rise with their levels whatever the network says.
    """

    def __init__(self, horizon: float, n_bins: int, **options: Any) -> None:
        super().__init__(trainable=False, **options)
        self._step = horizon / n_bins
        self._horizon = horizon
        self._levels = np.array(list(LEVELS.values()), np.float32)

    def call(self, chance: Tensor) -> dict[str, Tensor]:
        """(B, K + 1) -> `quantiles` (B, 7), `mean` (B, 1)."""
        inside = chance[:, :-1]  # (B, K)
        reached = ops.cumsum(inside, -1)
        before = (reached - inside)[:, None]  # (B, 1, K)
        share = (self._levels[None, :, None] - before) / ops.maximum(inside[:, None], TINY)
        quantiles = self._step * ops.sum(ops.clip(share, 0.0, 1.0), -1)
        middle = (np.arange(inside.shape[-1], dtype=np.float32) + 0.5) * self._step
        mean = ops.sum(inside * middle, -1, keepdims=True) + self._horizon * chance[:, -1:]
        return {"quantiles": quantiles, "mean": mean}


def time_code(ago: Tensor) -> Tensor:
    """Continuous time, in horizons: its logarithm and waves of it; (...) -> (..., 1 + 2 * len(TIMES))."""
    t = ops.log1p(ago)[..., None]
    angle = t * (2.0 * np.pi * np.array(TIMES, np.float32))
    return ops.concatenate([t, ops.sin(angle), ops.cos(angle)], -1)


def chance_of(logits: Tensor) -> Tensor:
    """What an encoder's readers say together: (B, n_readers, K + 1) -> (B, K + 1)."""
    return ops.mean(ops.softmax(logits, -1), 1)


def build_model(
    config: RulConfig, prepare: keras.layers.Layer, encoders: Sequence[keras.Model]
) -> keras.Model:
    """The graph that is served, from raw inputs to `quantiles` and `mean`: what all readers say, averaged."""
    raw = raw_inputs(config.inputs)
    ready = prepare(raw)
    chances = [chance_of(encoder(ready)) for encoder in encoders]
    chance = sum(chances[1:], chances[0]) / float(len(chances))
    return keras.Model(raw, Answer(config.inputs.life.horizon, config.n_bins)(chance), name="rul")


def raw_inputs(spec: InputSpec) -> dict[str, Tensor]:
    """Places for what `contract.forecast.assemble` gives."""
    kinds = input_kinds(spec).items()
    return {name: keras.Input(shape, dtype=np.dtype(kind).name, name=name) for name, (kind, shape) in kinds}
