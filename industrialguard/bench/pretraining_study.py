"""What pre-training gains where few machines' ends are known.

Rule: contenders of a share differ in nothing but what their name says: the same machines, the same network,
first weights, steps and choosers. One pre-training serves all shares of a seed, and knows no more than is
known at the smallest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from contract.lives import Life, LifeSpec
from industrialguard.bench.pretraining_deal import Deal, take_judges
from industrialguard.bench.report import Role, Row
from industrialguard.bench.rul_rows import as_metrics
from models.forecast.fit import Cuts, FitSpec, Fitter, ask, draw_cuts, draw_evenly, prepare_cuts
from models.forecast.metrics import METRICS, Figure
from models.forecast.naive import AlwaysTheSame, ByAge
from models.forecast.prepare import Prepare
from models.forecast.pretrain import Pretrainer, draw_histories
from models.forecast.train import TrainSpec, build_config, measure_lives
from models.forecast.truths import Forecasts, Truths
from models.keras3 import keras, ops
from models.rul import Answer, Floats, build_encoder, learn_summaries

SHARES = (0.05, 0.10, 0.25, 1.0)
"""Of machines whose end is known."""
SHOWN = ("rmse", "rmse_rul_le_60", "crps")


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to begin, and what to learn from."""

    is_pretrained: bool
    uses_running: bool
    """Whether machines that still run teach, too, that they lasted at least so long."""

    @property
    def name(self) -> str:
        """What it is called in tables."""
        begins = "pre-trained" if self.is_pretrained else "from scratch"
        return f"{begins}, {'failed and running machines' if self.uses_running else 'failed machines alone'}"


CONTENDERS = tuple(
    Contender(pretrained, running) for running in (True, False) for pretrained in (True, False)
)
"""The first one that takes part is what would ship."""


@dataclass(frozen=True, slots=True)
class StudySpec:
    """How large the study is."""

    shares: tuple[float, ...] = SHARES
    """Rising."""
    train: TrainSpec = field(
        default_factory=lambda: TrainSpec(n_cuts=12_000, fit=FitSpec(epochs=8, steps=50, batch=64))
    )
    """The network, cuts of machines that failed, cuts of those that run, and the fit."""
    pretrain: FitSpec = field(default_factory=lambda: FitSpec(epochs=10))
    n_histories: int = 20_000
    """Cuts to pre-train on."""

    def n_epochs(self, n_seeds: int) -> int:
        """Epochs of everything."""
        n_fits = sum(len(contenders_of(share)) for share in self.shares)
        return n_seeds * (self.pretrain.epochs + n_fits * self.train.fit.epochs)


def contenders_of(share: float) -> tuple[Contender, ...]:
    """Who takes part: where all ends are known, no machine still runs."""
    return CONTENDERS if share < 1 else tuple(each for each in CONTENDERS if not each.uses_running)


Weights = Sequence[Floats]


@dataclass(frozen=True, slots=True, eq=False)
class _Start:
    """What all contenders of a seed have in common."""

    seed: int
    deal: Deal
    prepare: Prepare
    judged: Cuts
    fresh: Weights
    """Of an encoder that knows nothing."""
    pretrained: Weights
    """Of the same one, pre-trained."""


class Study:
    """All fits of the study; graphs are built once and serve every seed and share.

    Args:
        life: The machine type.
        lives: What `take_judges` takes.
        spec: How large.
        advance: Called after each epoch, `spec.n_epochs` times in all.

    Raises:
        NothingToJudgeError: too few machines failed.
    """

    def __init__(
        self, life: LifeSpec, lives: Sequence[Life], spec: StudySpec, advance: Callable[[], None]
    ) -> None:
        self.judges, self.others = take_judges(lives)
        self._spec, self._advance = spec, advance
        self._config = build_config(life, spec.train)
        self._truths = Truths.of(self.judges, life.horizon)
        prepare = Prepare(self._config, measure_lives(self.others))  # its shapes alone matter here
        self._encoder = build_encoder(self._config, prepare)
        self._fitter = Fitter(
            partial(build_encoder, self._config, prepare, "workpiece"), self._config.n_bins, spec.train.fit
        )
        self._pretrainer = Pretrainer(self._config, prepare, spec.pretrain)
        self._answer = Answer(life.horizon, self._config.n_bins)

    def run(self, seeds: Sequence[int]) -> dict[float, tuple[Row, ...]]:
        """Rows by share: contenders, then what can be said without a sensor."""
        found: dict[float, dict[str, list[dict[str, Figure]]]] = {share: {} for share in self._spec.shares}
        for seed in seeds:
            start = self._begin(seed)
            for share, by_name in found.items():
                for name, figures in {**self._compare(start, share), **self._guess(start, share)}.items():
                    by_name.setdefault(name, []).append(figures)
        ours = {each.name for each in CONTENDERS}
        return {
            share: tuple(
                Row(name, Role.OURS if name in ours else Role.BASELINE, as_metrics(runs), is_main=not place)
                for place, (name, runs) in enumerate(by_name.items())
            )
            for share, by_name in found.items()
        }

    def _begin(self, seed: int) -> _Start:
        """Deal, and pre-train on what is known at the smallest share."""
        keras.utils.set_random_seed(seed)
        random = np.random.default_rng(seed)
        deal, share = Deal.draw(self.others, seed), self._spec.shares[0]
        known = [*deal.failed(share), *deal.still_running(share)]
        prepare = Prepare(self._config, measure_lives(known))
        fresh = build_encoder(self._config, prepare).get_weights()
        spec = self._config.inputs
        histories = draw_histories(prepare, spec, known, self._spec.n_histories, random)
        self._encoder.set_weights(fresh)
        learn_summaries(self._encoder, histories.inputs["summary"])
        self._pretrainer.fit(self._encoder, histories, seed, lambda *_: self._advance())
        judged = prepare_cuts(prepare, spec, self.judges)
        return _Start(seed, deal, prepare, judged, fresh, self._encoder.get_weights())

    def _compare(self, start: _Start, share: float) -> dict[str, dict[str, Figure]]:
        """Figures of all contenders, by name."""
        random, spec, deal = np.random.default_rng([start.seed, 1]), self._spec.train, start.deal

        def prepared(lives: Sequence[Life]) -> Cuts:
            return prepare_cuts(start.prepare, self._config.inputs, lives)

        def drawn(lives: Sequence[Life]) -> Cuts:
            return prepared(draw_cuts(lives, spec.n_cuts, self._config.inputs.life.horizon, random))

        failed = drawn(deal.failed(share))
        chooses = prepared(draw_evenly(deal.choosing(share), spec.n_judged, random))
        running = deal.still_running(share)
        both = failed.join(drawn(running)) if running else failed
        found = {
            each: self._fit(start, each, both if each.uses_running else failed, chooses)
            for each in contenders_of(share)
        }
        return {
            each.name: figures | _gain(figures, found[replace(each, is_pretrained=False)])
            for each, figures in found.items()
        }

    def _fit(self, start: _Start, contender: Contender, cuts: Cuts, chooses: Cuts) -> dict[str, Figure]:
        """Figures of one contender on those that judge."""
        losses: list[float] = []

        def watch(_: int, loss: float) -> None:
            losses.append(loss)
            self._advance()

        self._encoder.set_weights(start.pretrained if contender.is_pretrained else start.fresh)
        if not contender.is_pretrained:
            learn_summaries(self._encoder, cuts.inputs["summary"])
        self._fitter.fit(self._encoder, cuts, chooses, start.seed, watch)
        said = self._answer(ops.convert_to_tensor(ask(self._encoder, start.judged)))
        mean, quantiles = (ops.convert_to_numpy(said[name]) for name in ("mean", "quantiles"))
        forecasts = Forecasts.of_model(mean[:, 0], quantiles, self._truths.horizon)
        return {**self._judge(forecasts), "best_epoch": float(np.argmin(losses) + 1)}

    def _guess(self, start: _Start, share: float) -> dict[str, dict[str, Figure]]:
        """Figures of what needs no sensor."""
        lives, horizon = start.deal.failed(share), self._truths.horizon
        return {
            "lives' lengths and the age alone": self._judge(ByAge.fit(lives, horizon).forecast(self.judges)),
            "always the same": self._judge(AlwaysTheSame.fit(lives, horizon).forecast(self.judges)),
        }

    def _judge(self, forecasts: Forecasts) -> dict[str, Figure]:
        return {name: METRICS[name](forecasts, self._truths) for name in SHOWN}


def _gain(figures: Mapping[str, Figure], scratch: Mapping[str, Figure]) -> dict[str, Figure]:
    """By how much the error differs from that of the same contender from scratch, seed by seed."""
    error, beside = figures["rmse"], scratch["rmse"]
    return {"rmse_vs_scratch_pct": 100 * (error / beside - 1) if error and beside else None}
