"""Who is who in the study of pre-training: machines that judge, that failed, that still run, that choose.

Rule: machines that judge are the same whatever the seed, and nobody learns from them. A machine whose end is
not known is known as it would be while it runs: up to a random row, and nothing of it is used from later.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from contract.lives import End, Life
from contract.snapshot import Split, split_of
from industrialguard.bench.errors import NothingToJudgeError
from models.forecast.fit import draw_evenly

CHOOSERS = 5
"""Every so many-th machine that failed chooses epochs instead of being learned from."""
LEAST_FAILED = 2 * CHOOSERS
"""Machines whose end is known, however small their share."""
JUDGED_ROWS = 20
"""Random rows at which each judging life is judged."""


@dataclass(frozen=True, slots=True, eq=False)
class Deal:
    """Machines that do not judge, in the order in which their ends become known."""

    whole: tuple[tuple[Life, ...], ...] = field(repr=False)
    """Lives by machine, as they ended."""
    running: tuple[tuple[Life, ...], ...] = field(repr=False)
    """The same machines, each life as it stood at a random row, still running."""

    @classmethod
    def draw(cls, lives: Sequence[Life], seed: int) -> Deal:
        """Deal them anew."""
        random = np.random.default_rng(seed)
        machines = sorted({life.machine for life in lives})
        order = [machines[place] for place in random.permutation(len(machines))]
        whole = [tuple(life for life in lives if life.machine == name) for name in order]
        return cls(tuple(whole), tuple(tuple(_stop(life, random) for life in each) for each in whole))

    def n_failed(self, share: float) -> int:
        """How many machines' ends are known."""
        return n_known(len(self.whole), share)

    def failed(self, share: float) -> list[Life]:
        """Lives to learn from, of machines whose end is known."""
        return _flatten(each for n, each in enumerate(self.whole[: self.n_failed(share)]) if n % CHOOSERS)

    def choosing(self, share: float) -> list[Life]:
        """Lives that choose epochs."""
        return _flatten(self.whole[: self.n_failed(share) : CHOOSERS])

    def still_running(self, share: float) -> list[Life]:
        """Lives to learn from, of machines whose end is not known."""
        first = self.n_failed(share)
        return _flatten(each for n, each in enumerate(self.running) if n >= first and n % CHOOSERS)


def n_known(n_machines: int, share: float) -> int:
    """How many of them have a known end.

    >>> n_known(600, 0.05), n_known(60, 0.05), n_known(600, 1.0)
    (30, 10, 600)
    """
    return min(n_machines, max(LEAST_FAILED, math.ceil(share * n_machines)))


def _flatten(machines: Iterable[Sequence[Life]]) -> list[Life]:
    return [life for lives in machines for life in lives]


def _stop(life: Life, random: np.random.Generator) -> Life:
    """The life as it stood at a random row, every row alike, when nobody knew how long it would last."""
    known = life.cut(int(random.integers(1, len(life.age) + 1)))
    return replace(known, end=End.RUNNING, end_age=float(known.age[-1]))


def take_judges(lives: Sequence[Life]) -> tuple[list[Life], list[Life]]:
    """Lives that judge, cut at random rows, and the others, whole; only of those that failed.

    Raises:
        NothingToJudgeError: too few of the one or the other.
    """
    failed = [life for life in lives if not life.is_censored]
    judges = [life for life in failed if split_of(life.machine) is Split.EVAL]
    others = [life for life in failed if split_of(life.machine) is not Split.EVAL]
    n_others = len({life.machine for life in others})
    if not judges or n_others < 2 * LEAST_FAILED:
        raise NothingToJudgeError(
            f"the study needs lives that failed, of {2 * LEAST_FAILED} machines to learn from and of one to "
            f"judge; there are {n_others} and {len({life.machine for life in judges})}"
        )
    return draw_evenly(judges, JUDGED_ROWS, np.random.default_rng(0)), others
