"""How far a training is, and how long it will still take.

Rule: all encoders are one step with one count, because nobody who waits cares which of them is at work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from contract.lives import Life
from models.forecast.train import TrainSpec, Watch, is_pretrained
from models.progress import Progress


def watch_training(label: str, lives: Sequence[Life], spec: TrainSpec) -> Watch:
    """Says on stderr, epoch by epoch, what `models.forecast.train.train` tells it.

    Args:
        label: What is being trained.
        lives: What it learns from; few machines make fewer folds.
        spec: How.
    """
    epochs = spec.fit.epochs * (2 if is_pretrained(lives, spec) else 1)
    n_folds = max(1, min(spec.n_folds, len({life.machine for life in lives}) // 2))
    progress, done = Progress(label, n_folds * epochs), 0

    def watch(_member: int, _epoch: int, loss: float) -> None:
        nonlocal done
        done += 1
        progress.advance(done, "pre-training" if math.isnan(loss) else f"loss left out {loss:.4f}")

    return watch
