"""What had been said of lives after each of their rows, by networks that did not learn from them.

Rule: a machine of a fold is followed by the one encoder that this fold was left out of; of an encoder that
has seen its end, nothing can be learned about how well ends are foreseen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from contract.lives import Life, LifeSpec
from models.forecast.ensemble import Ensemble, build_parts
from models.forecast.plots import Course
from models.forecast.truths import Forecaster, Truths
from models.rul import build_model

MAX_POINTS = 600
"""Rows that one life is followed at; a longer one is followed at evenly spaced rows."""


def follow(fitted: Forecaster, life: Life, spec: LifeSpec) -> Course:
    """What had been said of a life after each of its rows."""
    n_points = min(len(life.age), MAX_POINTS)
    rows = np.linspace(0, len(life.age) - 1, n_points).round().astype(int)
    cuts = [life.cut(int(row) + 1) for row in rows]
    said = fitted.forecast(cuts)
    truth = Truths.of(cuts, spec.horizon).capped
    return Course(life.machine, life.age[rows], truth, said.mean, (said.lower, said.upper))


def leave_out(ensemble: Ensemble, machine: str) -> Ensemble:
    """Those networks of an ensemble that did not learn from a machine: one, or all where it is new to all."""
    fold = ensemble.fold_of.get(machine)
    if fold is None:
        return ensemble
    prepare, _ = build_parts(ensemble.config, ensemble.constants, 0)
    encoders = (ensemble.encoders[fold],)
    network = build_model(ensemble.config, prepare, encoders)
    return replace(ensemble, encoders=encoders, network=network, fold_of={})


def choose_shown(lives: Sequence[Life], most: int) -> list[Life]:
    """Lives worth a look: ended in a failure, one of each machine, from the shortest to the longest.

    Returns:
        At most so many; fewer where fewer machines failed.
    """
    first_of: dict[str, Life] = {}
    for life in lives:
        if not life.is_censored:
            first_of.setdefault(life.machine, life)
    found = sorted(first_of.values(), key=lambda life: (life.end_age, life.machine))
    places = np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int)
    return [found[place] for place in places]


def follow_unseen(
    unseen_by: Callable[[str], Forecaster], lives: Sequence[Life], spec: LifeSpec
) -> list[Course]:
    """Each life as it was forecast by what had not learned from its machine.

    Args:
        unseen_by: From a machine to that; `leave_out` for an ensemble.
        lives: Whole lives.
        spec: Their type.
    """
    return [follow(unseen_by(life.machine), life, spec) for life in lives]
