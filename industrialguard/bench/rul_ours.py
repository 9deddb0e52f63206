"""Our own models of remaining useful life, as the benchmark sees them.

Rule: they are trained by the function that the product trains with, and asked through the graph that is
exported. Exactly one of them is the main one: what ships, the model of a machine type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from contract.lives import Life, LifeSpec
from industrialguard.bench.report import Role
from industrialguard.bench.rul_rows import Contender, Tune
from models.forecast.ensemble import Ensemble
from models.forecast.release import build_bundle
from models.forecast.serving import ServingModel
from models.forecast.train import Material, TrainSpec, train, tuning
from models.forecast.trees import RECENT_ROWS
from models.forecast.watching import watch_training

Train = Callable[[Sequence[Life], LifeSpec, int], Ensemble]

FULL = TrainSpec()
RECENT = TrainSpec(n_rows=RECENT_ROWS, head_rows=0, n_events=0, uses_age=False)
"""The last rows alone and no age."""


def our_contenders() -> tuple[Contender, ...]:
    """The machine type's model, also as it was before tuning, one of a single subset, one of few rows."""
    whole, recent = remember(fitted("transformer, all subsets", FULL)), f"last {RECENT_ROWS} rows, no age"
    return (
        Contender("transformer, all subsets", Role.OURS, whole, True, is_main=True, serve=serve),
        Contender("transformer, all subsets, tuned", Role.OURS, whole, True, tune=tuned(FULL)),
        Contender("transformer, own subset", Role.OURS, fitted("transformer, own subset", FULL)),
        Contender(
            f"transformer, {recent}",
            Role.OURS,
            fitted(f"transformer, {recent}", RECENT),
            True,
            tune=tuned(RECENT),
        ),
    )


def serve(trained: Ensemble, lives: Sequence[Life]) -> Callable[[Sequence[Life]], object]:
    """What was trained, as the file that the cloud runs, in its runtime."""
    return ServingModel(build_bundle(trained, lives, "timed", {})).answer_lives


def fitted(name: str, spec: TrainSpec) -> Train:
    """Trains a transformer; says on stderr how far it is."""

    def fit(lives: Sequence[Life], life: LifeSpec, seed: int) -> Ensemble:
        return _train(name, lives, life, replace(spec, seed=seed))

    return fit


def tuned(spec: TrainSpec) -> Tune:
    """Goes on with a trained one."""

    def tune(start: Ensemble, lives: Sequence[Life], life: LifeSpec, seed: int) -> Ensemble:
        return _train("tuning", lives, life, replace(tuning(spec), seed=seed), start)

    return tune


def remember(fit: Train) -> Train:
    """Train once for each seed: two rows may begin with the same model."""
    known: dict[int, Ensemble] = {}

    def fit_once(lives: Sequence[Life], life: LifeSpec, seed: int) -> Ensemble:
        if seed not in known:
            known[seed] = fit(lives, life, seed)
        return known[seed]

    return fit_once


def _train(
    name: str, lives: Sequence[Life], life: LifeSpec, spec: TrainSpec, start: Ensemble | None = None
) -> Ensemble:
    watch = watch_training(f"{name}, {len(lives)} lives, seed {spec.seed}", lives, spec)
    return train(Material(life, lives), spec, start, watch)
