"""Our own models of remaining useful life, as the benchmark sees them.

Rule: they are trained by the function that the product trains with, and asked through the graph that is
exported. Exactly one of them is the main one: what ships, the model of a machine type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from contract.lives import Life, LifeSpec
from industrialguard.bench.report import Role
from industrialguard.bench.rul_rows import Contender
from models.forecast.asking import say_left_out
from models.forecast.ensemble import Ensemble
from models.forecast.release import build_bundle
from models.forecast.serving import ServingModel
from models.forecast.train import Material, TrainSpec, train, tuning
from models.forecast.trees import RECENT_ROWS
from models.forecast.watching import watch_training

FULL = TrainSpec()
RECENT = TrainSpec(
    n_rows=RECENT_ROWS, head_rows=0, n_events=0, uses_age=False, n_cuts=90_000, pretrain_below=2.0
)
"""The last rows alone and no age. Rows teach first and more cuts are learned from: with so little to read,
both made it err less on engines that were left out; with whole lives neither did."""


def our_contenders() -> tuple[Contender, ...]:
    """The machine type's model, also as it was before tuning, one of a single subset, one of few rows."""
    whole, own, recent = (
        f"transformer, {what}" for what in ("all subsets", "own subset", f"last {RECENT_ROWS} rows, no age")
    )
    fit_whole = partial(fit_network, whole, FULL)
    everyone = (
        Contender(whole, Role.OURS, fit_whole, True, is_main=True, serve=serve),
        Contender(f"{whole}, tuned", Role.OURS, fit_whole, True, tune=partial(tune_network, FULL)),
        Contender(own, Role.OURS, partial(fit_network, own, FULL)),
        Contender(
            recent, Role.OURS, partial(fit_network, recent, RECENT), True, tune=partial(tune_network, RECENT)
        ),
    )
    return tuple(replace(each, left_out=say_left_out) for each in everyone)


def serve(trained: Ensemble, lives: Sequence[Life]) -> Callable[[Sequence[Life]], object]:
    """What was trained, as the file that the cloud runs, in its runtime."""
    return ServingModel(build_bundle(trained, lives, "timed", {})).answer_lives


def fit_network(name: str, spec: TrainSpec, lives: Sequence[Life], life: LifeSpec, seed: int) -> Ensemble:
    """Train a transformer; says on stderr how far it is."""
    return _train(name, lives, life, replace(spec, seed=seed))


def tune_network(
    spec: TrainSpec, start: Ensemble, lives: Sequence[Life], life: LifeSpec, seed: int
) -> Ensemble:
    """Go on with a trained one."""
    return _train("tuning", lives, life, replace(tuning(spec), seed=seed), start)


def _train(
    name: str, lives: Sequence[Life], life: LifeSpec, spec: TrainSpec, start: Ensemble | None = None
) -> Ensemble:
    watch = watch_training(f"{name}, {len(lives)} lives, seed {spec.seed}", lives, spec)
    return train(Material(life, lives), spec, start, watch)
