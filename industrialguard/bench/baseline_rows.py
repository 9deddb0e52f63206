"""The baselines as contenders: each learns from one file's own training rows and knows nothing of the others.

Rule: no straw men. Each has the smoothing of 10, 30 and 60 rows that gave it the best AUC on the very files
it is judged on (SKAB, valve1), and the published one where there is one; ours is never chosen that way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from industrialguard.bench.report import Role
from industrialguard.bench.row_protocol import FileScores, Table
from models.baselines import (
    AlwaysAlarm,
    IsolationForest,
    Mahalanobis,
    MeanAbsoluteZ,
    PrincipalComponents,
    RowDetector,
    SmoothedDetector,
    ZScorer,
)

FOREST = "isolation forest"


@dataclass(slots=True)
class BaselineContender:
    """A `RowDetector` under the protocol."""

    name: str
    make: Callable[[int], RowDetector] = field(repr=False)
    """Makes an untrained one from a seed."""
    is_seeded: bool = False
    sensors: tuple[str, ...] = ()
    """The only sensors that it sees; empty: all."""
    is_always_on: bool = False
    """Says alarm whatever its scores are."""
    role: Role = Role.BASELINE
    is_main: bool = False
    figures: Mapping[str, float] = field(default_factory=dict)
    _seed: int = field(default=0, init=False)

    def fit_fleet(self, healthy: Sequence[Table], seed: int) -> None:
        """Take the seed; a baseline learns from each file alone."""
        self._seed = seed

    def scores(self, table: Table) -> FileScores:
        """Learn from the table's training rows and score them all."""
        unseen = [sensor for sensor in table.sensors if self.sensors and sensor not in self.sensors]
        values = table.without(unseen).values
        detector = self.make(self._seed)
        detector.fit(values[: table.train_rows])
        found = detector.score(values)
        train, test = found[: table.train_rows], found[table.train_rows :]
        return FileScores(train, test, np.ones(len(test), np.bool_) if self.is_always_on else None)


SMOOTHED: tuple[tuple[str, Callable[[int], ZScorer], tuple[int, ...]], ...] = (
    ("mean |z|", lambda _: MeanAbsoluteZ(), (60,)),
    ("Mahalanobis", lambda _: Mahalanobis(), (10, 60)),
    ("PCA T²", lambda _: PrincipalComponents(residual=False), (60,)),
    ("PCA T² + Q", lambda _: PrincipalComponents(), (60,)),
    (FOREST, IsolationForest, (10,)),
)
"""Name, how it is made from a seed, and the rows of its smoothing, best or published."""


def baselines(smoothing: bool = True) -> tuple[BaselineContender, ...]:
    """What every model is held against, on any table of sensors.

    Args:
        smoothing: False where rows are too few or too long to be averaged: each row is then judged alone.
    """
    always = BaselineContender("always alarm", lambda _: AlwaysAlarm(), is_always_on=True)
    smoothed = [
        _smoothed(name, core, rows)
        for name, core, choices in SMOOTHED
        for rows in (choices if smoothing else (1,))
    ]
    return (always, *smoothed)


def _smoothed(name: str, core: Callable[[int], ZScorer], rows: int) -> BaselineContender:
    return BaselineContender(
        name if rows == 1 else f"{name}, {rows} rows",
        lambda seed: SmoothedDetector(core(seed), rows),
        is_seeded=name == FOREST,
    )


def sensor_alone(sensor: str, rows: int) -> BaselineContender:
    """|z| of a single sensor: how much of a result one sensor would have given."""
    return BaselineContender(
        f"{sensor} alone, {rows} rows", lambda _: SmoothedDetector(MeanAbsoluteZ(), rows), sensors=(sensor,)
    )
