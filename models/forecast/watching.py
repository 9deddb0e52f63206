"""How far a training is, and how long it will still take.

Rule: all encoders are one step with one count, because nobody who waits cares which of them is at work.
"""

from __future__ import annotations

from collections.abc import Sequence

from contract.lives import Life
from models.forecast.train import TrainSpec, Watch
from models.progress import Progress


def watch_training(label: str, lives: Sequence[Life], spec: TrainSpec) -> Watch:
    """Says on stderr, epoch by epoch, what `models.forecast.train.train` tells it.

    Args:
        label: What is being trained.
        lives: What it learns from; few machines make fewer folds.
        spec: How.
    """
    epochs = spec.fit.epochs
    n_folds = max(1, min(spec.n_folds, len({life.machine for life in lives}) // 2))
    progress = Progress(label, n_folds * epochs)

    def watch(member: int, epoch: int, loss: float) -> None:
        progress.advance(member * epochs + epoch, f"loss left out {loss:.4f}")

    return watch
