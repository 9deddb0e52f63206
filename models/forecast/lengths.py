"""Forecasts by how long others lasted: what is known where lives are too few for a network.

Rule: no sensor is read. Lives are counted on a load clock (`models.lives.load_clock`), so that one under
light load tells something of one under heavy load. One more life, longer than all, stands for what has not
been seen. The answer comes from a graph, which is exported and served like a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from contract.forecast import LEVELS, Calibration, Inputs, InputSpec
from contract.lives import LARGEST, Life, LifeSpec
from models.errors import TooLittleDataError
from models.forecast.fit import draw_evenly
from models.forecast.graph_forecast import GraphForecast
from models.forecast.metrics import Figure
from models.forecast.train import AS_SAID, Material, TrainSpec, judge_said
from models.forecast.truths import Bools, Floats
from models.keras3 import keras, ops
from models.lives.load_clock import LoadClock
from models.rul import raw_inputs

TAIL = 20
"""Ends that stand for lives longer than all that were seen."""
MOST_PARTS = 20
"""Of machines, each judged by the lengths of the others."""
ROUNDING = 1e-5
"""Shares and ages are float32: who reaches an end within this share of it has reached it."""
NEVER = 1e-6
"""Share of lives that never end, at least: who outlives everything is beyond the horizon."""
SLOWEST = 1e-9
"""Speed of the clock that counts as standing still."""
Tensor = Any


@dataclass(frozen=True, slots=True, eq=False)
class Lengths:
    """When components fail, as shares of all.

    Kaplan and Meier 1958, with one life more than was seen, which outlasts the others. What outlasts them all
    fails at the constant rate that fits how many lived so long (Brown, Hollander, Korwar 1974), given as
    `TAIL` ends with equal shares.
    """

    ends: Floats = field(repr=False)
    """float64 (n,), rising: what the load clock shows."""
    shares: Floats = field(repr=False)
    """float64 (n_components, n): how much of each component's lives ends so; the rest never does."""

    @classmethod
    def count(cls, lives: Sequence[Life], spec: LifeSpec, clock: LoadClock) -> Lengths:
        """Count lives, those that have not ended among them.

        Raises:
            TooLittleDataError: none failed.
        """
        lasted = np.array([clock.show_end(life, spec) for life in lives])
        has_failed = np.array([not life.is_censored for life in lives], np.bool_)
        if not has_failed.any():
            raise TooLittleDataError("lengths need a life that failed; there is none")
        of = np.array([spec.components.index(life.component) for life in lives])
        places = range(len(spec.components))
        found = [_shares(lasted[of == place], has_failed[of == place]) for place in places]
        ends = np.unique(np.concatenate([one for one, _ in found]))
        shares = np.zeros((len(found), len(ends)))
        for row, (own, share) in zip(shares, found, strict=True):
            row[np.searchsorted(ends, own)] = share
        return cls(ends, shares)


def _shares(lasted: Floats, has_failed: Bools) -> tuple[Floats, Floats]:
    """Ends of one component's lives, rising, and how much of all fails at each; none where none failed."""
    ends = np.unique(lasted[has_failed])
    if not len(ends):
        return ends, ends
    at_risk = (lasted >= ends[:, None]).sum(axis=1) + 1
    failed = (lasted[has_failed] == ends[:, None]).sum(axis=1)
    left = np.cumprod(1 - failed / at_risk)
    shares = -np.diff(left, prepend=1.0)
    rate = -np.log(left[-1]) / ends[-1]
    tail = ends[-1] - np.log1p(-(np.arange(TAIL) + 0.5) / TAIL) / rate
    return np.concatenate([ends, tail]), np.concatenate([shares, np.full(TAIL, left[-1] / TAIL)])


class Outlast(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Raw inputs -> `quantiles` and `mean` of what lives had left that lasted as long as this one.

    Of a long life rows are left out (`contract.forecast.kept_rows`); over such a gap the clock ran as the row
    after it says.
    """

    def __init__(self, spec: InputSpec, lengths: Lengths, clock: LoadClock, **options: Any) -> None:
        super().__init__(trainable=False, **options)
        self._horizon = spec.life.horizon
        self._clock, self._places = clock, clock.places(spec.life.settings)
        self._ends = lengths.ends.astype(np.float32)
        self._shares = lengths.shares.astype(np.float32)
        self._levels = np.array(list(LEVELS.values()), np.float32)

    def call(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """B lives, R rows, N ends."""
        age, mask = inputs["age"], inputs["mask"]  # (B, R)
        speed = self._speed(inputs["settings"], mask)  # (B, R)
        steps = (age - ops.concatenate([ops.zeros_like(age[:, :1]), age[:, :-1]], 1)) * mask
        shown = ops.sum(steps * speed, 1, keepdims=True)  # (B, 1)
        share, beyond = self._of_component(inputs)  # (B, N) or (1, N), (B, 1) or (1, 1)
        share = share * ops.cast(self._ends > shown * (1.0 + ROUNDING), "float32")  # (B, N)
        left = (self._ends - shown) / ops.maximum(speed[:, -1:], SLOWEST)
        left = ops.clip(left, 0.0, self._horizon)
        total = ops.sum(share, -1, keepdims=True) + beyond  # (B, 1)
        reached = (ops.cumsum(share, -1) / total)[:, None]  # (B, 1, N)
        is_below = ops.cast(reached < self._levels[None, :, None] - ROUNDING, "float32")  # (B, 7, N)
        quantiles = ops.min(left[:, None] + is_below * self._horizon, -1)
        mean = (ops.sum(share * left, -1, keepdims=True) + beyond * self._horizon) / total
        return {"quantiles": ops.minimum(quantiles, self._horizon), "mean": mean}

    def _speed(self, settings: Tensor, mask: Tensor) -> Tensor:
        """As `LoadClock.speed`: (B, R, S) -> (B, R)."""
        speed = ops.ones_like(mask)
        for factor, place in zip(self._clock.factors, self._places, strict=True):
            value = settings[:, :, place]
            share = ops.where(ops.abs(value) <= LARGEST, value, factor.reference) / factor.reference
            speed = speed * ops.power(ops.maximum(share, 0.0), factor.power)
        return speed

    def _of_component(self, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        shares = ops.convert_to_tensor(self._shares)
        beyond = ops.maximum(1.0 - ops.sum(shares, -1, keepdims=True), NEVER)
        if "component" not in inputs:
            return shares, beyond
        which = ops.one_hot(inputs["component"], len(self._shares))  # (B, C)
        return ops.matmul(which, shares), ops.matmul(which, beyond)


@dataclass(frozen=True, slots=True, eq=False)
class LengthsForecast(GraphForecast):
    """A forecast of lengths alone, with the intervals that it needs; a `models.forecast.release.Trained`."""

    reads: InputSpec
    lives: Sequence[Life] = field(repr=False)
    """Those that were counted."""
    clock: LoadClock
    network: keras.Model = field(repr=False)
    interval_80: Calibration
    interval_90: Calibration
    figures: dict[str, Figure] = field(default_factory=dict)
    """How it did on machines whose lengths it did not know, by `models.forecast.metrics`."""

    @property
    def inputs(self) -> InputSpec:
        """What is read of a life."""
        return self.reads

    def leave_out(self, machine: str) -> LengthsForecast:
        """The same of the other machines' lives; intervals stay."""
        lives = [life for life in self.lives if life.machine != machine]
        return replace(self, lives=lives, network=build_network(self.inputs, lives, self.clock))


def build_network(inputs: InputSpec, lives: Sequence[Life], clock: LoadClock) -> keras.Model:
    """The graph that is served: from raw inputs to `quantiles` and `mean`.

    Raises:
        TooLittleDataError: no life failed.
    """
    raw = raw_inputs(inputs)
    return keras.Model(raw, Outlast(inputs, Lengths.count(lives, inputs.life, clock), clock)(raw), name="rul")


def fit_lengths(material: Material, clock: LoadClock, spec: TrainSpec) -> LengthsForecast:
    """Count lives, and see how well the lengths of some machines' lives foretell those of the others.

    Args:
        material: Lives of two machines or more; `calibrate_on` is what it is judged by where there is some.
        clock: What they are counted on.
        spec: Its sizes, `n_judged` and `seed`.

    Raises:
        TooLittleDataError: too few failed.
    """
    life = material.life
    inputs = InputSpec(life, spec.n_rows, spec.n_events if life.events else 0, spec.head_rows)
    network = build_network(inputs, material.lives, clock)
    fitted = LengthsForecast(inputs, material.lives, clock, network, AS_SAID, AS_SAID)
    random = np.random.default_rng(spec.seed)
    if material.calibrate_on:
        judged = draw_evenly(material.calibrate_on, spec.n_judged, random)
        said = fitted.answer_lives(judged)
    else:
        said, judged = _left_out(fitted, spec.n_judged, random)
    found = judge_said(said, judged, life.horizon, is_cross=not material.calibrate_on)
    return replace(
        fitted, interval_80=found.interval_80, interval_90=found.interval_90, figures=found.figures
    )


def _left_out(
    fitted: LengthsForecast, n_judged: int, random: np.random.Generator
) -> tuple[Inputs, list[Life]]:
    """What parts of the machines say of each other: answers, and the cuts that they are about."""
    machines = sorted({life.machine for life in fitted.lives})
    parts = np.array_split(random.permutation(machines), min(MOST_PARTS, len(machines)))
    said, judged = [], []
    for part in parts:
        others = [life for life in fitted.lives if life.machine not in part]
        cuts = draw_evenly([life for life in fitted.lives if life.machine in part], n_judged, random)
        answers = replace(fitted, network=build_network(fitted.inputs, others, fitted.clock))
        said.append(answers.answer_lives(cuts))
        judged += cuts
    return {name: np.concatenate([one[name] for one in said]) for name in said[0]}, judged
