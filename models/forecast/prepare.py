"""From rows of a life to what the encoders of its remaining life read: tokens and one summary.

Rule: this learns nothing and stands inside the graph that is exported, so operating conditions, missing
values and the statistics of the whole history are the same wherever a forecast is made. Every number is a
weighted sum over rows; since rows stand at the right, the weights are constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.forecast import HEAD_ROWS
from contract.lives import LARGEST
from models.keras3 import keras, ops
from models.rul import CLIP, Constants, RulConfig, time_code

Floats = npt.NDArray[np.float32]
PASSED_ON = ("event_code", "event_ago", "component")
"""Inputs that the encoder reads as they are."""
Tensor = Any

WINDOWS = (5, 15, 30, 60, 10**9)
"""Rows over which the summary holds means; the last one is the whole life."""
SLOPES = (40, 10**9)
"""Rows over which the summary holds slopes."""
SPREAD_ROWS = 30
RIDGE = 0.02
"""Steadies a slope over few rows: as if each had an error of its own, in squared 100 rows."""
SENSED = 3
"""A token begins with this many parts that tell of sensors, each with a number for every sensor."""


@keras.saving.register_keras_serializable("industrialguard")
class Prepare(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Rows of a life -> tokens, their mask, and one summary of the whole history."""

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
        past = _Past.of(*self.normalise(inputs["settings"], inputs["sensors"], mask))
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

    def normalise(self, settings: Tensor, sensors: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Settings, scaled, (B, R, S); sensors as distances from the usual, and where seen, (B, R, C)."""
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
        times = [time_code((age[:, -1:] - at) * known / horizon)]
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


def _swap(values: Tensor) -> Tensor:
    return ops.transpose(values, (0, 2, 1))


def _is_known(values: Tensor) -> Tensor:
    """Not NaN; said so that every TFLite runtime has it built in: NaN is smaller than nothing."""
    return ops.less_equal(ops.abs(values), LARGEST)
