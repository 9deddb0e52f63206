"""Every detector under the same rules: labelled tables in, one row of figures for each detector out.

Rule: a detector never holds a label or, while it learns, a test row. It may learn from the first rows of
every table; then one threshold rule serves all. Whether its scores are causal is not believed but tried, in
every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from industrialguard.bench.errors import NotCausalError, NothingToJudgeError
from industrialguard.bench.report import Metric, Role, Row
from models.baselines import THRESHOLD_MARGIN, THRESHOLD_QUANTILE, threshold
from models.point_metrics import LabelledRows, measure_rows
from models.progress import Progress

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SAME_SCORE = 1e-6
"""Difference, in thresholds, that rounding may make between a score and the same score of a shorter table."""

RULES = (
    f"Threshold of every detector and file: the {THRESHOLD_QUANTILE} quantile of its scores on the training "
    f"rows × {THRESHOLD_MARGIN:.3f}; scores are divided by it before files are pooled.",
    "Causal: a row's score and alarm depend on that row and earlier ones; tried on every detector by cutting "
    "a file short. Rows without a score (warm-up) count as score 0 and no alarm.",
    "An event is found when an alarm is active in it and announced when one begins in it; the delay is that "
    "of announced events. An alarm that begins on a normal row is a false episode, per hour of normal rows.",
    "Nothing is point-adjusted. ± is the sample standard deviation over seeds; rows without randomness run "
    "once.",
)
"""Sentences for the report: what holds for every data set that is judged here."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one machine in order of time, without their labels."""

    name: str
    sensors: tuple[str, ...]
    stamps_s: Floats = field(repr=False)
    """float64 (n,), s since the Unix epoch; gaps stay gaps."""
    values: Floats = field(repr=False)
    """float64 (n, n_sensors), in the sensors' units; NaN where nothing was measured."""
    train_rows: int
    """Rows at its start that may be learned from; the others are judged."""

    def head(self, rows: int) -> Table:
        """Its first rows."""
        return replace(self, stamps_s=self.stamps_s[:rows], values=self.values[:rows])

    def without(self, sensors: Sequence[str]) -> Table:
        """The same table as if it had been recorded without these sensors."""
        kept = [column for column, sensor in enumerate(self.sensors) if sensor not in sensors]
        return replace(
            self, sensors=tuple(self.sensors[column] for column in kept), values=self.values[:, kept]
        )


@dataclass(frozen=True, slots=True)
class LabelledTable:
    """A table that detectors are judged on."""

    table: Table
    labels: Bools = field(repr=False)
    """bool (n,), True where the row is anomalous."""


@dataclass(frozen=True, slots=True)
class FileScores:
    """What a detector says of one table; NaN where a row has no score, higher is more anomalous."""

    train: Floats = field(repr=False)
    """float64 (train_rows,). Empty: test scores mean the same on every file and are not divided."""
    test: Floats = field(repr=False)
    """float64 (n - train_rows,)."""
    alarmed: Bools | None = field(default=None, repr=False)
    """bool (n - train_rows,), the detector's own decisions in place of the threshold rule's."""


class Detector(Protocol):
    """One contender. `fit_fleet` is called once per seed, then `scores` for each table."""

    @property
    def name(self) -> str:
        """As it stands in the report; unique."""

    @property
    def role(self) -> Role:
        """Ours, baseline or ceiling."""

    @property
    def is_main(self) -> bool:
        """Whether it is the thing that ships; exactly one of them is."""

    @property
    def is_seeded(self) -> bool:
        """Whether seeds make a difference; if not it runs once."""

    @property
    def figures(self) -> Mapping[str, float]:
        """Further figures of its own, such as the size of its file; asked for after `fit_fleet`."""

    def fit_fleet(self, healthy: Sequence[Table], seed: int) -> None:
        """Learn what machines have in common from training rows alone; may do nothing."""

    def scores(self, table: Table) -> FileScores:
        """Score one table; what is its own is learned from its `train_rows` alone."""


def run_detectors(
    files: Sequence[LabelledTable],
    healthy: Sequence[Table],
    detectors: Sequence[Detector],
    seeds: Sequence[int],
) -> tuple[Row, ...]:
    """Judge all detectors; says on stderr how far it is.

    Args:
        files: What they are judged on.
        healthy: More tables that are healthy throughout; all their rows may be learned from.
        detectors: The contenders, in the report's order.
        seeds: At least one.

    Raises:
        NothingToJudgeError: the test rows are not both normal and anomalous.
        NotCausalError: a detector looks ahead.
    """
    _require_both_classes(files)
    known = [file.table.head(file.table.train_rows) for file in files] + list(healthy)
    runs = [(detector, seed) for detector in detectors for seed in _seeds_of(detector, seeds)]
    progress = Progress("detector", len(runs))
    figures: dict[str, list[dict[str, float | None]]] = {}
    for number, (detector, seed) in enumerate(runs, start=1):
        detector.fit_fleet(known, seed)
        if detector.name not in figures:
            require_causal(detector, files[0].table)
        judged = [judge(detector, file) for file in files]
        figures.setdefault(detector.name, []).append({**measure_rows(judged), **detector.figures})
        progress.advance(number, f"{detector.name}, seed {seed}")
    return tuple(
        Row(
            detector.name,
            detector.role,
            {
                name: Metric(tuple(f[name] for f in figures[detector.name]))
                for name in figures[detector.name][0]
            },
            detector.is_main,
        )
        for detector in detectors
    )


def judge(detector: Detector, file: LabelledTable) -> LabelledRows:
    """Score one table and hold the scores against the threshold of its training rows."""
    table = file.table
    found = _scores(detector, table)
    relative: Floats = np.nan_to_num(found.test / _limit(found), nan=0.0)
    alarmed = relative >= 1.0 if found.alarmed is None else found.alarmed
    return LabelledRows(
        table.stamps_s[table.train_rows :], file.labels[table.train_rows :], relative, alarmed
    )


def require_causal(detector: Detector, table: Table) -> None:
    """Compare the scores of a table with those of the same table without its last third of test rows.

    Raises:
        NotCausalError: a score or an alarm before the cut has changed.
    """
    cut = table.train_rows + max(1, 2 * (len(table.stamps_s) - table.train_rows) // 3)
    early, whole = (_scores(detector, t) for t in (table.head(cut), table))
    tolerance = SAME_SCORE * _limit(early)
    is_same = _is_same(whole.test[: len(early.test)], early.test, tolerance)
    if early.alarmed is not None and whole.alarmed is not None:
        is_same &= whole.alarmed[: len(early.test)] == early.alarmed
    if not (is_same.all() and _is_same(whole.train, early.train, tolerance).all()):
        row = table.train_rows + int(np.argmin(is_same))
        raise NotCausalError(
            f"{detector.name} looks ahead: its score of {table.name}, row {row}, changes when the rows from "
            f"{cut} on are taken away; compute it from earlier rows alone"
        )


def _is_same(scores: Floats, others: Floats, tolerance: float) -> Bools:
    return np.isclose(scores, others, rtol=SAME_SCORE, atol=tolerance, equal_nan=True)


def _limit(found: FileScores) -> float:
    """What test scores are divided by."""
    return threshold(found.train) if len(found.train) else 1.0


def _scores(detector: Detector, table: Table) -> FileScores:
    """What a detector says of a table, one number for each row."""
    found = detector.scores(table)
    n_test = len(table.stamps_s) - table.train_rows
    lengths = (len(found.train), len(found.test), n_test if found.alarmed is None else len(found.alarmed))
    if lengths not in ((table.train_rows, n_test, n_test), (0, n_test, n_test)):
        raise ValueError(
            f"{detector.name}: {lengths} scores and alarms for {table.train_rows} + {n_test} rows of "
            f"{table.name}"
        )
    return found


def _seeds_of(detector: Detector, seeds: Sequence[int]) -> Sequence[int]:
    return seeds if detector.is_seeded else seeds[:1]


def _require_both_classes(files: Sequence[LabelledTable]) -> None:
    labels = [file.labels[file.table.train_rows :] for file in files]
    anomalous, total = sum(int(part.sum()) for part in labels), sum(map(len, labels))
    if not 0 < anomalous < total:
        raise NothingToJudgeError(
            f"{anomalous} of {total} test rows in {len(files)} files are anomalous; needs normal and "
            "anomalous ones"
        )
