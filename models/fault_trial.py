"""Would a device with this bundle notice a fault of a machine, and keep quiet before?

Rule: a machine that is known healthy is judged twice, as a device would, at the threshold that ships: as it
was recorded, and with a fault that is the same for every bundle, because it is put into the physical features
and measured in the machine's own spreads. Two bundles can be compared by it; it is no measure of real faults.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from contract.features import feature_specs, to_model_space
from contract.profiles import MachineProfile
from models.dataset import LEAST_SHARE, MachineVectors, practical_spreads, usual_levels
from models.judge import Judge
from models.metrics import auc

FAULT_SPREADS = 5.0
"""How far a faulty feature is moved, in the machine's own spreads."""
FAULTY_SHARE = 0.1
"""Share of the features that are faulty; at least one."""
_HOUR_S = 3600.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one machine."""

    auc: float
    """Probability that a faulty window has the higher score than a healthy one of the same time."""
    is_found: bool
    """Whether an alarm was raised while the fault was there."""
    episodes: int
    """Alarms while the machine was healthy."""
    hours: float
    """That healthy windows were scored, in h."""


def try_bundle(judge: Judge, machine: MachineVectors) -> Trial | None:
    """Judge a healthy machine as it is, and with a fault in the second half of what can be scored.

    Returns:
        None where the machine was not recorded beyond its warm-up.
    """
    healthy = judge.judge(machine)
    if not len(healthy.scores):
        return None
    begin_s = float(np.median(healthy.event_times_s))
    faulty = judge.judge(with_fault(machine, judge.bundle.profile, begin_s))
    before, after = (each.scores[each.event_times_s >= begin_s] for each in (healthy, faulty))
    return Trial(
        auc=auc(before, after) if len(after) else 0.5,
        is_found=any(raised >= begin_s for raised, _ in faulty.alarms),
        episodes=len(healthy.alarms),
        hours=len(healthy.scores) * judge.bundle.profile.window.hop_s / _HOUR_S,
    )


def with_fault(machine: MachineVectors, profile: MachineProfile, begin_s: float) -> MachineVectors:
    """The machine with some features moved from a time on; which ones depends on its name alone."""
    specs = feature_specs(profile)
    rows = np.array([vector.values for vector in machine.vectors], np.float32)
    digest = hashlib.blake2b(machine.machine_id.encode(), digest_size=16, person=b"ig-fault").digest()
    random = np.random.default_rng(int.from_bytes(digest, "big"))
    chosen = random.permutation(len(specs)) < max(1, round(FAULTY_SHARE * len(specs)))
    moved = FAULT_SPREADS * _own_spreads(rows, profile) * random.choice([-1.0, 1.0], len(specs)) * chosen
    is_log = np.array([spec.scale == "log" for spec in specs])
    factor, offset = 10.0 ** np.where(is_log, moved, 0.0), np.where(is_log, 0.0, moved)
    vectors = [
        replace(vector, values=(vector.values * factor + offset).astype(np.float32))
        if vector.event_time_s >= begin_s
        else vector
        for vector in machine.vectors
    ]
    return MachineVectors(machine.machine_id, tuple(vectors))


def _own_spreads(rows: npt.NDArray[np.float32], profile: MachineProfile) -> Floats:
    """Standard deviation of each feature in model space, at least what practice calls significant. (F,)."""
    values = to_model_space(rows, feature_specs(profile)).astype(np.float64)
    known = np.isfinite(values)
    counts = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, values - np.where(known, values, 0.0).sum(axis=0) / counts, 0.0)
    spreads = np.sqrt((centred**2).sum(axis=0) / counts)
    least = np.fmax(LEAST_SHARE * usual_levels(values), practical_spreads(profile))
    return np.asarray(np.fmax(spreads, least), np.float64)
