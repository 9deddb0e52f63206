"""The model of remaining useful life (RUL): a transformer that reads a component's whole life so far.

Rule: what `contract.forecast.assemble` fills is all that goes in, raw and in physical units; operating
conditions, missing values, time and the statistics of the whole history are dealt with inside the graph, so
that the exported file gives what training saw. Only `keras.ops` are used: it trains on any Keras 3 backend.

Three parts, joined by `build_model`: `Prepare`, which learns nothing, turns rows into tokens and one summary;
an encoder (`build_encoder`) reads them; `Answer` turns chances into quantiles that cannot cross.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.forecast import HEAD_ROWS, LEVELS, InputSpec
from contract.lives import LARGEST
from contract.rul_bundle import input_kinds
from models.keras3 import keras, ops

Floats = npt.NDArray[np.float32]
PASSED_ON = ("event_code", "event_ago", "component")
"""Inputs that the encoder reads as they are."""
Tensor = Any

LOOK_BACK = (0, 4, 8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256, 320, 400, 512)
"""Where tokens begin and end, in rows before the newest: fine for the recent past, coarse for the distant."""
FEW_ROWS = 40
WINDOWS = (5, 15, 30, 60, 10**9)
"""Rows over which the summary holds means; the last one is the whole life."""
SLOPES = (40, 10**9)
"""Rows over which the summary holds slopes."""
SPREAD_ROWS = 30
CLIP = 8.0
"""Standard deviations beyond which a sensor says no more than this."""
RIDGE = 0.02
"""Steadies a slope over few rows: as if each had an error of its own, in squared 100 rows."""
CONSTANT = 1e-6
FAR = 1e9
TINY = 1e-9
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
class Prepare(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Rows of a life -> tokens, their mask, and one summary of the whole history.

    Every number is a weighted sum over rows; since rows stand at the right, the weights are constants.
    """

    def __init__(self, config: RulConfig, constants: Constants, **options: Any) -> None:
        super().__init__(trainable=False, **options)
        self._config = config
        self._constants = constants

    def call(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """See the class; shapes in the comments: B lives, R rows, N tokens, C sensors, S settings.

        R is free: a life that fits into fewer rows than `InputSpec.n_rows` gives the same in them.
        """
        mask = inputs["mask"]  # (B, R)
        edges = self._config.look_back
        past = _Past.of(*self._normalise(inputs["settings"], inputs["sensors"], mask))
        inside = _between(mask.shape[1], edges[:-1], edges[1:])  # (R, N)
        rows = ops.matmul(mask, inside)  # (B, N), rows in each token
        known = ops.cast(rows > 0, "float32")
        level, spread, has = past.means(inside)  # (B, C, N)
        new = self._when_new(past, mask)  # (B, C)
        parts = [
            _swap(level),
            _swap((level - new[..., None]) * has),
            _swap(spread),
            self._settings_in(past.settings, mask, inside, rows),
            (rows / np.diff(np.array(edges, np.float32)))[..., None],
            *self._times(inputs["age"], mask, inside, rows),
        ]
        tokens = ops.concatenate(parts, -1) * known[..., None]
        summary = self._summary(past, new, inputs["age"][:, -1:])
        as_is = {name: inputs[name] for name in PASSED_ON if name in inputs}
        return {"tokens": tokens, "mask": known, "summary": summary, **as_is}

    def _normalise(self, settings: Tensor, sensors: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sensors as distances from what is usual in their row's operating condition."""
        constants = self._constants
        offset = ops.convert_to_tensor(constants.offset)
        settings = (ops.where(_is_known(settings), settings, offset) - offset) * constants.scale  # (B, R, S)
        if len(constants.centres) > 1:
            centres = ops.convert_to_tensor(constants.centres)  # (K, S)
            near = ops.sum(centres * centres, -1) - 2.0 * ops.matmul(settings, ops.transpose(centres))
            nearest = ops.top_k(-near, 1)[1][..., 0]  # argmin is not built into TFLite as Keras writes it
            which = ops.one_hot(nearest, len(constants.centres))  # (B, R, K)
            usual, gain = ops.matmul(which, constants.mean), ops.matmul(which, constants.gain)  # (B, R, C)
        else:
            usual, gain = constants.mean[0], constants.gain[0]
        known = _is_known(sensors)
        z = ops.clip((ops.where(known, sensors, ops.zeros_like(sensors)) - usual) * gain, -CLIP, CLIP)
        seen = mask[..., None] * ops.cast(known, "float32")  # (B, R, C)
        return settings, z * seen, seen

    @staticmethod
    def _settings_in(settings: Tensor, mask: Tensor, inside: Floats, rows: Tensor) -> Tensor:
        """Mean settings of each token: (B, N, S)."""
        sums = _swap(ops.matmul(_swap(settings * mask[..., None]), inside))
        return sums / ops.maximum(rows, 1.0)[..., None]

    def _times(self, age: Tensor, mask: Tensor, inside: Floats, rows: Tensor) -> list[Tensor]:
        """How long ago each token was, and at what age: (B, N, .) each."""
        known = ops.cast(rows > 0, "float32")
        at = ops.matmul(age * mask, inside) / ops.maximum(rows, 1.0)  # (B, N), mean age
        horizon = self._config.inputs.life.horizon
        times = [_time_code((age[:, -1:] - at) * known / horizon)]
        return [*times, (at / horizon)[..., None]] if self._config.uses_age else times

    @staticmethod
    def _when_new(past: _Past, mask: Tensor) -> Tensor:
        """Mean of the first rows: (B, C)."""
        first = mask * ops.cast(ops.cumsum(mask, 1) <= HEAD_ROWS, "float32")  # (B, R)
        n = ops.sum(past.seen * first[..., None], 1)
        return ops.sum(past.z * first[..., None], 1) / ops.maximum(n, 1.0)

    def _summary(self, past: _Past, new: Tensor, now: Tensor) -> Tensor:
        """Statistics of the whole history, such as gradient-boosted trees are given: (B, F)."""
        level, _, _ = past.means(_last(past.n_rows, WINDOWS))  # (B, C, W)
        _, spread, _ = past.means(_last(past.n_rows, (SPREAD_ROWS,)))  # (B, C, 1)
        slope = past.slopes(_last(past.n_rows, SLOPES))  # (B, C, W)
        parts = [level[:, :, i] for i in range(len(WINDOWS))]
        parts += [level[:, :, 1] - new, level[:, :, 0] - level[:, :, 2], spread[:, :, 0]]
        parts += [slope[:, :, i] for i in range(len(SLOPES))]
        if self._config.uses_age:
            lived = now / self._config.inputs.life.horizon  # (B, 1)
            parts += [lived, ops.log1p(lived)]
        return ops.concatenate(parts, -1)


@dataclass(frozen=True, slots=True, eq=False)
class _Past:
    """Rows of lives, normalised, and weighted sums over them."""

    settings: Tensor
    """(B, R, S)."""
    z: Tensor
    """(B, R, C), 0 where not seen."""
    seen: Tensor
    """(B, R, C), 1 or 0."""
    both: Tensor
    """(B, 2C, R): z and its square."""
    count: Tensor
    """(B, C, R): seen."""

    @classmethod
    def of(cls, settings: Tensor, z: Tensor, seen: Tensor) -> _Past:
        return cls(settings, z, seen, _swap(ops.concatenate([z, z * z], -1)), _swap(seen))

    @property
    def n_rows(self) -> int:
        return int(self.z.shape[1])

    def means(self, weights: Floats) -> tuple[Tensor, Tensor, Tensor]:
        """Means, standard deviations and whether there is any, over rows weighted by (R, W): (B, C, W)."""
        n_sensors = self.z.shape[-1]
        n = ops.matmul(self.count, weights)
        sums = ops.matmul(self.both, weights)
        level, square = (part / ops.maximum(n, 1.0) for part in (sums[:, :n_sensors], sums[:, n_sensors:]))
        spread = ops.sqrt(ops.maximum(square - level * level, 0.0))
        return level, spread, ops.cast(n > 0, "float32")

    def slopes(self, weights: Floats) -> Tensor:
        """Least squares over rows, in standard deviations per 100 rows: (B, C, W)."""
        t = -np.arange(self.n_rows, dtype=np.float32)[::-1, None] / 100.0  # rises with time
        n_sensors = self.z.shape[-1]
        n, st, stt = (ops.matmul(self.count, weights * t**power) for power in (0, 1, 2))
        sy, sty = (ops.matmul(self.both[:, :n_sensors], weights * t**power) for power in (0, 1))
        return (n * sty - st * sy) / (n * stt - st * st + RIDGE * ops.maximum(n, 1.0))


def _between(n_rows: int, near: Sequence[int], far: Sequence[int]) -> Floats:
    """1 where a row lies so far before the newest: float32 (n_rows, len(near))."""
    back = np.arange(n_rows)[::-1, None]
    return ((back >= np.array(near)) & (back < np.array(far))).astype(np.float32)


def _last(n_rows: int, lengths: Sequence[int]) -> Floats:
    return _between(n_rows, [0] * len(lengths), lengths)


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


def build_encoder(config: RulConfig, prepare: Prepare, name: str = "encoder") -> keras.Model:
    """The network that is trained: what `Prepare` gives -> `logits` float32 (B, n_bins + 1).

    The summary, which knows the component, asks; tokens answer. Bin k holds an end between k and k + 1 parts
    of the horizon; the last one an end beyond it.
    """
    width = config.width
    inputs = {
        part: keras.Input(place.shape[1:], dtype=place.dtype, name=part)
        for part, place in prepare(raw_inputs(config.inputs)).items()
    }
    noisy = keras.layers.GaussianNoise(config.noise)
    h = keras.layers.Dense(width, name="embed")(noisy(inputs["tokens"]))  # (B, N, D)
    h = Place(name="place")(h)
    mask = inputs["mask"]
    if config.inputs.n_events:
        h, mask = _add_events(config, inputs, h)
    summary = Standardise(name="standardise")(inputs["summary"])
    s = keras.layers.Dropout(config.dropout / 2)(noisy(summary))
    s = keras.layers.Dense(width, name="embed_summary")(s)  # (B, D)
    if "component" in inputs:
        n_components = len(config.inputs.life.components)
        s = s + keras.layers.Embedding(n_components, width, name="embed_component")(inputs["component"])
    h, mask = ops.concatenate([s[:, None], h], 1), ops.concatenate([ops.ones_like(mask[:, :1]), mask], 1)
    for index in range(config.layers):
        h = _block(config, f"layer{index}", h, h, mask)
    s = _block(config, "readout", h[:, :1], h, mask)[:, 0]  # (B, D)
    s = keras.layers.Dense(width, "gelu", name="head")(keras.layers.LayerNormalization()(s))
    return keras.Model(inputs, keras.layers.Dense(config.n_bins + 1, name="logits")(s), name=name)


def _add_events(config: RulConfig, inputs: dict[str, Tensor], h: Tensor) -> tuple[Tensor, Tensor]:
    code, ago = inputs["event_code"], inputs["event_ago"]
    named = keras.layers.Embedding(len(config.inputs.life.events) + 1, config.width, name="event")(code)
    timed = keras.layers.Dense(config.width, name="event_time")(_time_code(ago / config.inputs.life.horizon))
    there = ops.cast(code > 0, "float32")
    return ops.concatenate([h, named + timed], 1), ops.concatenate([inputs["mask"], there], 1)


def _block(config: RulConfig, name: str, asking: Tensor, asked: Tensor, mask: Tensor) -> Tensor:
    """Attention and a feed-forward step, each after a normalisation and beside a short cut."""
    drop, width = config.dropout, config.width
    norm = keras.layers.LayerNormalization(name=f"{name}_norm")
    h = asking + keras.layers.Dropout(drop)(_attend(config, name, norm(asking), norm(asked), mask))
    f = keras.layers.LayerNormalization(name=f"{name}_norm2")(h)
    f = keras.layers.Dense(2 * width, "gelu", name=f"{name}_wide")(f)
    return h + keras.layers.Dropout(drop)(keras.layers.Dense(width, name=f"{name}_back")(f))


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


def _swap(values: Tensor) -> Tensor:
    return ops.transpose(values, (0, 2, 1))


def _is_known(values: Tensor) -> Tensor:
    """Not NaN; said so that every TFLite runtime has it built in: NaN is smaller than nothing."""
    return ops.less_equal(ops.abs(values), LARGEST)


def _time_code(ago: Tensor) -> Tensor:
    """Continuous time, in horizons: its logarithm and waves of it; (...) -> (..., 1 + 2 * len(TIMES))."""
    t = ops.log1p(ago)[..., None]
    angle = t * (2.0 * np.pi * np.array(TIMES, np.float32))
    return ops.concatenate([t, ops.sin(angle), ops.cos(angle)], -1)


def build_model(config: RulConfig, prepare: Prepare, encoders: Sequence[keras.Model]) -> keras.Model:
    """The graph that is served, from raw inputs to `quantiles` and `mean`: encoders' chances are averaged."""
    raw = raw_inputs(config.inputs)
    ready = prepare(raw)
    chances = [ops.softmax(encoder(ready), -1) for encoder in encoders]
    chance = sum(chances[1:], chances[0]) / float(len(chances))
    return keras.Model(raw, Answer(config.inputs.life.horizon, config.n_bins)(chance), name="rul")


def raw_inputs(spec: InputSpec) -> dict[str, Tensor]:
    """Places for what `contract.forecast.assemble` gives."""
    kinds = input_kinds(spec).items()
    return {name: keras.Input(shape, dtype=np.dtype(kind).name, name=name) for name, (kind, shape) in kinds}
