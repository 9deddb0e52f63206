"""Our own models of remaining useful life, as the benchmark sees them.

Rule: they are trained by the function that the product trains with, and asked through the graph that is
exported. Exactly one of them is the main one: what ships, one model for a machine type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from contract.lives import Life, LifeSpec
from industrialguard.bench.report import Role
from industrialguard.bench.rul_rows import Contender, Forecaster
from models.forecast.train import TrainSpec, train
from models.forecast.trees import RECENT_ROWS
from models.progress import Progress

FULL = TrainSpec()
RECENT = TrainSpec(n_rows=RECENT_ROWS, head_rows=0, n_events=0, uses_age=False)
"""The last rows alone and no age."""


def our_contenders() -> tuple[Contender, ...]:
    """The machine type's model, the one of a single subset, and the one of the last 30 rows."""
    return (
        our_contender("transformer, all subsets", FULL, learns_from_all=True, is_main=True),
        our_contender("transformer, own subset", FULL),
        our_contender(f"transformer, last {RECENT_ROWS} rows, no age", RECENT, learns_from_all=True),
    )


def our_contender(
    name: str, spec: TrainSpec, *, learns_from_all: bool = False, is_main: bool = False
) -> Contender:
    """A transformer; says on stderr how far it is."""

    def fit(lives: Sequence[Life], life: LifeSpec, seed: int) -> Forecaster:
        epochs = spec.fit.epochs
        progress = Progress(f"{name}, {len(lives)} lives, seed {seed}", spec.n_folds * epochs)

        def watch(member: int, epoch: int, loss: float) -> None:
            progress.advance(member * epochs + epoch, f"loss left out {loss:.4f}")

        return train(lives, life, replace(spec, seed=seed), watch=watch)

    return Contender(name, Role.OURS, fit, learns_from_all, is_main=is_main)
