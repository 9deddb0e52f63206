"""How good scores and alarms are against labelled rows, row by row and event by event.

Rule: rows are judged as they are. Nothing is point-adjusted (an alarm on one row of an event never counts
for its other rows), and an alarm that was already there when an event began has announced nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """The judged rows of one file, in order of time. All arrays have the same length n."""

    stamps_s: Floats
    """float64 (n,), s on any clock; gaps stay gaps."""
    labels: Bools
    """bool (n,), True where the row is anomalous."""
    scores: Floats
    """float64 (n,), higher is more anomalous, comparable between files; 0 for a row without a score."""
    alarmed: Bools
    """bool (n,), True while the detector says alarm; False for a row without a score."""

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together."""
        lengths = {len(a) for a in (self.stamps_s, self.labels, self.scores, self.alarmed)}
        if len(lengths) != 1:
            raise ValueError(f"stamps, labels, scores and alarms differ in length: {sorted(lengths)}")
        if not np.isfinite(self.scores).all():
            raise ValueError("a score is not a finite number; give 0 to rows without a score")


@dataclass(frozen=True, slots=True)
class EventTally:
    """What happened to the labelled events of one or more files."""

    events: int
    found: int
    """Events with an alarm active on at least one of their rows."""
    announced: int
    """Events within which an alarm began."""
    delays_s: tuple[float, ...]
    """Start of the event to the first alarm that began within it, for each announced event, in s."""
    false_episodes: int
    """Alarms that began on a normal row."""
    normal_s: float
    """Time that the normal rows stand for, in s."""


def auc_roc(labels: Bools, scores: Floats) -> float:
    """Area under the receiver operating characteristic; ties count half (Mann-Whitney).

    Raises:
        ValueError: only one of the two classes is there.

    >>> auc_roc(np.array([False, False, True, True]), np.array([1.0, 2.0, 2.0, 3.0]))
    0.875
    """
    _check_both_classes(labels)
    normal = np.sort(scores[~labels])
    anomalous = scores[labels]
    below = np.searchsorted(normal, anomalous, "left")
    not_above = np.searchsorted(normal, anomalous, "right")
    return float((below + not_above).mean() / 2 / len(normal))


def auc_pr(labels: Bools, scores: Floats) -> float:
    """Average precision: the sum over thresholds of precision times the recall gained, without interpolation.

    Raises:
        ValueError: only one of the two classes is there.

    >>> round(auc_pr(np.array([False, False, True, True]), np.array([0.1, 0.4, 0.35, 0.8])), 3)
    0.833
    """
    _check_both_classes(labels)
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    is_last_of_tie = np.append(np.diff(scores[order]) != 0, True)
    hits, ranks = hits[is_last_of_tie], np.arange(1, len(scores) + 1)[is_last_of_tie]
    gained = np.diff(hits, prepend=0) / hits[-1]
    return float(np.sum(gained * hits / ranks))


def runs(mask: Bools) -> list[tuple[int, int]]:
    """First and last row of every maximal run of True.

    >>> runs(np.array([True, False, True, True]))
    [(0, 0), (2, 3)]
    """
    edges = np.diff(np.concatenate(([False], mask, [False])).astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def tally_events(rows: LabelledRows) -> EventTally:
    """Hold one file's alarms against its events.

    An event is a maximal run of labelled rows, an episode a maximal run of alarmed rows. A smoothed alarm
    may end after its event: an episode is judged by the row on which it begins.
    """
    begins = np.zeros(len(rows.alarmed), np.bool_)
    begins[[first for first, _ in runs(rows.alarmed)]] = True
    found, delays = 0, []
    events = runs(rows.labels)
    for first, last in events:
        found += bool(rows.alarmed[first : last + 1].any())
        inside = np.flatnonzero(begins[first : last + 1])
        if len(inside):
            delays.append(float(rows.stamps_s[first + inside[0]] - rows.stamps_s[first]))
    return EventTally(
        events=len(events),
        found=found,
        announced=len(delays),
        delays_s=tuple(delays),
        false_episodes=int(np.count_nonzero(begins & ~rows.labels)),
        normal_s=np.count_nonzero(~rows.labels) * _period_s(rows.stamps_s),
    )


def measure_rows(files: Sequence[LabelledRows]) -> dict[str, float | None]:
    """All figures of one run of a detector, pooled over files.

    Args:
        files: The judged rows of every file; anomalous and normal ones among them.

    Returns:
        auc_roc and auc_pr, 0..1, of the scores (no threshold); f1, 0..1, far_pct (share of normal rows that
        are alarmed, %) and mar_pct (share of anomalous rows that are not, %) of the alarms;
        events_found_pct and events_announced_pct, %, median_delay_s, in s (None: nothing was announced) and
        false_episodes_per_h, per hour of normal rows; see `EventTally` for what they count.

    Raises:
        ValueError: no file, or only one of the two classes is there.
    """
    labels, alarmed, scores = (
        np.concatenate([getattr(rows, name) for rows in files]) for name in ("labels", "alarmed", "scores")
    )
    _check_both_classes(labels)
    tallies = [tally_events(rows) for rows in files]
    events = sum(t.events for t in tallies)
    delays = [delay for t in tallies for delay in t.delays_s]
    return {
        "auc_roc": auc_roc(labels, scores),
        "auc_pr": auc_pr(labels, scores),
        **_point_figures(labels, alarmed),
        "events_found_pct": 100 * sum(t.found for t in tallies) / events,
        "events_announced_pct": 100 * sum(t.announced for t in tallies) / events,
        "median_delay_s": float(np.median(delays)) if delays else None,
        "false_episodes_per_h": sum(t.false_episodes for t in tallies)
        / (sum(t.normal_s for t in tallies) / HOUR_S),
    }


def _point_figures(labels: Bools, alarmed: Bools) -> dict[str, float | None]:
    hits = np.count_nonzero(labels & alarmed)
    missed = np.count_nonzero(labels & ~alarmed)
    false = np.count_nonzero(~labels & alarmed)
    return {
        "f1": 2 * hits / (2 * hits + missed + false),
        "far_pct": 100 * false / np.count_nonzero(~labels),
        "mar_pct": 100 * missed / (hits + missed),
    }


def _period_s(stamps_s: Floats) -> float:
    """Time that one row stands for: the median step, so that gaps add no time."""
    return float(np.median(np.diff(stamps_s))) if len(stamps_s) > 1 else 0.0


def _check_both_classes(labels: npt.NDArray[Any]) -> None:
    if not len(labels) or labels.all() or not labels.any():
        raise ValueError("needs normal and anomalous rows; these are all of one kind")
