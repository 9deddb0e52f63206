"""Training the forecast of a machine type.

Rule: machines are dealt into folds; each member of the ensemble learns from all folds but one, and that one
chooses its epoch. Intervals are made true on machines that no member has seen where there are some, else on
what each member says of its own fold. Nothing else is chosen here, and no test data is ever seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from contract.forecast import HEAD_ROWS, LEVELS, Bin, Calibration, Inputs, InputSpec
from contract.lives import Life, LifeSpec, Rows
from models.errors import TooLittleDataError
from models.forecast.asking import ask_left_out, say
from models.forecast.conditions import Floats, Usual
from models.forecast.conformal import ConformalSpec, calibrate
from models.forecast.ensemble import Ensemble, build_parts
from models.forecast.fit import Cuts, FitSpec, Fitter, draw_cuts, draw_evenly, prepare_cuts
from models.forecast.metrics import Figure, judge
from models.forecast.pretrain import Histories, Pretrainer, draw_histories
from models.forecast.truths import Forecasts, Truths
from models.keras3 import keras
from models.rul import Constants, RulConfig, build_encoder, build_model, learn_summaries, look_back

MIN_MACHINES = 4
AS_SAID = Calibration((Bin(0.0, 0.0, 0.0),))
"""An interval that nobody has calibrated."""
SEEDS_APART = 1000
"""Between the seeds of two trainings: each encoder has its own."""
MISSED_OF_80, MISSED_OF_90 = 0.2, 0.1
Watch = Callable[[int, int, float], None]
"""Told a member's number, its epoch, from 1, and its loss on machines that it does not learn from; the epochs
of its pre-training come first, with a loss that is not a number, since nobody judges it by them."""


@dataclass(frozen=True, slots=True)
class TrainSpec:
    """How a forecast is trained."""

    seed: int = 0
    n_folds: int = 5
    """Folds of machines, and members of the ensemble."""
    n_rows: int = 512
    """Rows that a model reads; a longer life keeps its first `head_rows` and its last."""
    head_rows: int = HEAD_ROWS
    """See `contract.forecast.InputSpec`."""
    n_events: int = 16
    """Newest events that it reads, where the type has any."""
    n_cuts: int = 40_000
    """Random cuts to learn from, of all lives together."""
    n_judged: int = 20
    """Random cuts of each life by which an epoch is chosen and intervals are made true."""
    uses_age: bool = True
    fit: FitSpec = field(default_factory=FitSpec)
    pretrain_below: float = 0.3
    """Share of lives that failed. Where it is smaller, and there is no start, encoders learn from rows first,
    for as long as from ends after; 0: never."""


def tuning(spec: TrainSpec) -> TrainSpec:
    """How a forecast that was trained so goes on: for a third of the epochs, at a quarter of the rate."""
    return replace(spec, fit=replace(spec.fit, epochs=math.ceil(spec.fit.epochs / 3), rate=spec.fit.rate / 4))


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What a forecast is trained on."""

    life: LifeSpec
    lives: Sequence[Life] = field(repr=False)
    """Of at least `MIN_MACHINES` machines, some of which failed."""
    calibrate_on: Sequence[Life] = field(default=(), repr=False)
    """Lives of other machines, for the intervals; none: each fold serves for the encoder that did not learn
    from it (cross-conformal)."""
    constants: Constants | None = field(default=None, repr=False)
    """What `measure` found; None: those of the start, or measured on `lives`."""


def train(
    material: Material, spec: TrainSpec, start: Ensemble | None = None, watch: Watch = lambda *_: None
) -> Ensemble:
    """Train a forecast, or go on with one: on newer lives, or on those of one component or site.

    Args:
        material: Lives.
        spec: How.
        start: What to go on with, if its networks are of the same make; machines keep their folds, and a
            network that does not get better by it stays as it is.
        watch: Told of each epoch of each encoder.

    Raises:
        TooLittleDataError: too few machines, or none failed.
    """
    lives, life = material.lives, material.life
    require_enough(lives)
    config = build_config(life, spec)
    if start and start.config != config:
        start = None
    constants = material.constants or (start.constants if start else measure_lives(lives))
    random = np.random.default_rng(spec.seed)
    keras.utils.set_random_seed(spec.seed)
    folds = _Folds.deal(lives, spec.n_folds, random) if start is None else _Folds.go_on(lives, start, random)
    prepare, encoders = build_parts(config, constants, folds.number)
    judged = draw_evenly(lives, spec.n_judged, random)
    asked = prepare_cuts(prepare, config.inputs, judged)
    cuts = prepare_cuts(prepare, config.inputs, draw_cuts(lives, spec.n_cuts, life.horizon, random))
    _begin(encoders, cuts, start)
    if start is None and is_pretrained(lives, spec):
        histories = draw_histories(prepare, config.inputs, lives, spec.n_cuts, random)
        pretrainer = Pretrainer(config, prepare, spec.fit)
        _pretrain_each(encoders, pretrainer, histories, folds, spec.seed, watch)
    fitter = Fitter(partial(build_encoder, config, prepare, "workpiece"), config.n_bins, spec.fit)
    _fit_each(encoders, _Lesson(cuts, asked, folds), fitter, spec.seed, watch)
    network = build_model(config, prepare, encoders)
    ensemble = Ensemble(config, constants, encoders, network, folds.of_machine, AS_SAID, AS_SAID)
    if material.calibrate_on:
        judged = draw_evenly(material.calibrate_on, spec.n_judged, random)
        said = ensemble.answer_lives(judged)
    else:
        said = say(ask_left_out(ensemble, asked), life.horizon)
    return make_true(ensemble, said, judged, is_cross=not material.calibrate_on)


def _begin(encoders: Sequence[keras.Model], cuts: Cuts, start: Ensemble | None) -> None:
    """From the start's weights, else from scratch."""
    for number, encoder in enumerate(encoders):
        if start is None:
            learn_summaries(encoder, cuts.inputs["summary"])
        else:
            encoder.set_weights(start.encoders[number].get_weights())


def is_pretrained(lives: Sequence[Life], spec: TrainSpec) -> bool:
    """Whether so few of them failed that encoders learn from rows first, if there are sensors to tell."""
    share = sum(not each.is_censored for each in lives) / len(lives)
    return share < spec.pretrain_below and lives[0].sensors.shape[1] > 0


def build_config(life: LifeSpec, spec: TrainSpec) -> RulConfig:
    """What the networks of a type are like."""
    inputs = InputSpec(life, spec.n_rows, spec.n_events if life.events else 0, spec.head_rows)
    return RulConfig(inputs, uses_age=spec.uses_age, look_back=look_back(spec.n_rows))


def measure_lives(lives: Sequence[Life]) -> Constants:
    """What `measure` finds in all rows of training lives."""
    settings, sensors = (
        np.concatenate([getattr(each, n) for each in lives]) for n in ("settings", "sensors")
    )
    return measure(settings, sensors)


def measure(settings: Rows, sensors: Rows) -> Constants:
    """What the graph must know beforehand, from rows of training lives: (n, n_settings), (n, n_sensors)."""
    usual = Usual.learn(settings, sensors)
    conditions = usual.conditions
    return Constants(
        offset=conditions.offset.astype(np.float32),
        scale=_inverse(conditions.scale),
        centres=conditions.centres.astype(np.float32),
        mean=usual.mean.astype(np.float32),
        gain=_inverse(usual.spread),
    )


def _inverse(spread: Floats) -> npt.NDArray[np.float32]:
    return (1.0 / spread).astype(np.float32)  # 0 where the spread is infinite


def require_enough(lives: Sequence[Life]) -> None:
    """Refuse lives that teach nothing.

    Raises:
        TooLittleDataError: too few machines, or none failed.
    """
    n_machines = len({each.machine for each in lives})
    n_failed = sum(not each.is_censored for each in lives)
    if n_machines < MIN_MACHINES or not n_failed:
        raise TooLittleDataError(
            f"a forecast needs lives of {MIN_MACHINES} machines or more, some of which failed; there are "
            f"{n_machines} machines with {n_failed} failures: collect more, or add machines of the same type"
        )


@dataclass(frozen=True, slots=True)
class _Folds:
    """Who belongs to which fold."""

    number: int
    of_machine: dict[str, int]

    @classmethod
    def deal(cls, lives: Sequence[Life], most: int, random: np.random.Generator) -> _Folds:
        """Deal machines evenly; no fold is empty, and none is alone."""
        machines = sorted({each.machine for each in lives})
        number = min(most, len(machines) // 2)
        dealt = (random.permutation(len(machines)) % number).tolist()
        return cls(number, dict(zip(machines, dealt, strict=True)))

    @classmethod
    def go_on(cls, lives: Sequence[Life], start: Ensemble, random: np.random.Generator) -> _Folds:
        """Machines that a network has learned from stay with it; others are dealt evenly."""
        number = len(start.encoders)
        new = sorted({each.machine for each in lives} - set(start.fold_of))
        dealt = (random.permutation(len(new)) % number).tolist()
        return cls(number, dict(start.fold_of) | dict(zip(new, dealt, strict=True)))

    def of(self, cuts: Cuts | Histories) -> npt.NDArray[np.intp]:
        return np.array([self.of_machine[str(name)] for name in cuts.machines], np.intp)


def _pretrain_each(
    encoders: Sequence[keras.Model],
    pretrainer: Pretrainer,
    histories: Histories,
    folds: _Folds,
    seed: int,
    watch: Watch,
) -> None:
    """Each learns from rows of the machines that it will be fitted to, and of no others."""
    for number, encoder in enumerate(encoders):
        learns = histories.take(folds.of(histories) != number)
        told = partial(_tell_unjudged, watch, number)
        pretrainer.fit(encoder, learns, seed * SEEDS_APART + number, told)


def _tell_unjudged(watch: Watch, member: int, epoch: int, _: float) -> None:
    watch(member, epoch, math.nan)


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What encoders learn from, what chooses their epochs, and who learns from which machines."""

    cuts: Cuts
    asked: Cuts
    folds: _Folds


def _fit_each(
    encoders: Sequence[keras.Model], lesson: _Lesson, fitter: Fitter, seed: int, watch: Watch
) -> None:
    """Fit them; one that has learned from all machines that there are here stays as it is."""
    cuts, asked, folds = lesson.cuts, lesson.asked, lesson.folds
    for number, encoder in enumerate(encoders):
        learns, held = folds.of(cuts) != number, asked.take(folds.of(asked) == number)
        if learns.any() and len(held):
            fitter.fit(encoder, cuts.take(learns), held, seed * SEEDS_APART + number, partial(watch, number))


def make_true(
    ensemble: Ensemble, said: Inputs, judged: Sequence[Life], *, is_cross: bool = False
) -> Ensemble:
    """Calibrate both intervals by what was said of machines that nobody had learned from.

    Args:
        ensemble: Whose.
        said: Of each life, by the ensemble, or where `is_cross` by the network that did not learn from it.
        judged: The lives.
        is_cross: See `said`.
    """
    found = judge_said(said, judged, ensemble.inputs.life.horizon, is_cross=is_cross)
    return replace(
        ensemble, interval_80=found.interval_80, interval_90=found.interval_90, figures=found.figures
    )


@dataclass(frozen=True, slots=True)
class Judged:
    """What comes of answers about machines that nobody had learned from."""

    interval_80: Calibration
    interval_90: Calibration
    figures: dict[str, Figure]


def judge_said(said: Inputs, judged: Sequence[Life], horizon: float, *, is_cross: bool = False) -> Judged:
    """Make both intervals of answers true, and judge them.

    Args:
        said: `quantiles` (n, 7) and `mean` (n, 1) of each life after its last row.
        judged: The lives, none of which had been learned from.
        horizon: Of their type.
        is_cross: See `make_true`.
    """
    truths = Truths.of(judged, horizon)
    levels = list(LEVELS)

    def interval(lower: str, upper: str, missed: float) -> Calibration:
        quantiles = said["quantiles"].astype(np.float64)
        sides = quantiles[:, levels.index(lower)], quantiles[:, levels.index(upper)]
        forecasts = Forecasts(said["mean"][:, 0].astype(np.float64), quantiles, *sides)
        return calibrate(forecasts, truths, ConformalSpec(missed=missed, is_cross=is_cross))

    of_90 = interval("p05", "p95", MISSED_OF_90)
    forecasts = Forecasts.of_model(said["mean"][:, 0], said["quantiles"], horizon, of_90)
    return Judged(interval("p10", "p90", MISSED_OF_80), of_90, judge(forecasts, truths))
