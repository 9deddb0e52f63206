"""What is counted of an edge model: faults told from health, and alarms that nothing caused.

Rule: a machine counts once, however long it was recorded, but for alarms, which are counted by the hour. One
that was not recorded beyond its warm-up does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.bundle import read_bundle
from contract.registry import ModelKind
from models.dataset import MachineVectors
from models.fault_trial import try_bundle
from models.judge import Judge
from models.stages.kind import bundle_file

AUC, FOUND, EPISODES, HOURS = "auc_roc", "events_found_pct", "false_episodes_per_h", "scored_h"
"""Probability, 0..1; percent of the machines; alarms per hour; hours that were scored."""
UNSCORED = (0.0, 0.0, 0.0, 0.0, 0.0)
"""What is said of a machine that was not scored."""

Terms = npt.NDArray[np.float64]


@lru_cache(maxsize=4)
def load_judge(folder: str) -> Judge:
    """The device that a model's folder makes.

    Raises:
        BundleError: it is damaged, or the runtime refuses it.
    """
    return Judge(read_bundle(Path(folder) / bundle_file(ModelKind.EDGE)))


def try_machine(folder: str, machine: MachineVectors) -> Terms:
    """1, AUC, whether the fault was found, alarms and hours of a machine, float64 (5,); zeros: not scored."""
    trial = try_bundle(load_judge(folder), machine)
    if trial is None:
        return np.array(UNSCORED)
    return np.array([1.0, trial.auc, float(trial.is_found), float(trial.episodes), trial.hours])


def add_trial(label: float, weight: float, tried: Any) -> Terms:
    """What a machine adds to the sums: itself, its AUC, whether its fault was found, alarms and hours."""
    del label
    return weight * np.asarray(tried, np.float64)


def finish_trials(sums: Terms) -> Sequence[float]:
    """From the sums over machines to `AUC`, `FOUND`, `EPISODES` and `HOURS`; NaN where none was scored."""
    machines, area, found, episodes, hours = np.broadcast_to(sums, len(UNSCORED)).tolist()
    if not machines:
        return float("nan"), float("nan"), float("nan"), 0.0
    return area / machines, 100 * found / machines, episodes / hours, hours
