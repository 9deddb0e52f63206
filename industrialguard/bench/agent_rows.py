"""The agent as a contender: a bundle's own decisions, end to end, as a device makes them row after row.

Rule: the device's code, unchanged: quality, windows, features, baseline, int8 model, calibration and k-of-n
alarm. A row's decision is what the agent says after it has seen that row and nothing later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from contract.bundle import Bundle
from contract.extract import FeatureExtractor
from industrialguard.bench.device import DeviceDecisions
from industrialguard.bench.report import Role
from industrialguard.bench.row_protocol import FileScores, Table
from models.recordings.rows import row_readings

ROW_PERIOD_S = 1.0

Decide = Callable[[Bundle, Table], Iterator[tuple[float, bool]]]
"""From a bundle and a table to the score (NaN: none) and whether an alarm is active, after each row."""


def decide_readings(bundle: Bundle, table: Table) -> Iterator[tuple[float, bool]]:
    """A table of sensors: each row holds one sample of each."""
    extractor, device = FeatureExtractor(bundle.profile), DeviceDecisions(bundle)
    readings = row_readings(table.sensors, table.stamps_s, table.values, ROW_PERIOD_S)
    score = np.nan
    for number, reading in enumerate(readings, start=1):
        for vector in extractor.add(reading):
            verdict = device.decide(vector)
            score = np.nan if verdict.score is None else verdict.score
        if number % len(table.sensors) == 0:
            yield score, device.is_alarming


@dataclass(frozen=True, slots=True)
class AgentContender:
    """A bundle in the agent's scorer and alarm rule, started anew for each table."""

    name: str
    bundle: Bundle
    decide: Decide = decide_readings
    is_main: bool = False
    role: Role = Role.OURS
    is_seeded: bool = False
    figures: Mapping[str, float] = field(default_factory=dict)

    def fit_fleet(self, healthy: Sequence[Table], seed: int) -> None:
        """Nothing: what the fleet taught is in the bundle."""

    def scores(self, table: Table) -> FileScores:
        """The score and the alarm that stand after each row, from the table's first row on.

        A score stands until the next window is judged. Scores are not divided by a threshold of the
        training rows: 0..1 means the same on every machine, which is the bundle's own promise.
        """
        decisions = np.array(list(self.decide(self.bundle, table)), np.float64)
        test = decisions[table.train_rows :]
        return FileScores(np.empty(0), test[:, 0], test[:, 1] > 0)
