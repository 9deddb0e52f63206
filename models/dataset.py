"""From recordings to what the model learns from: standardised contexts of healthy machines.

Rule: everything up to the standardised feature is the device's own code (`contract.extract`,
`contract.scoring`), fed in the device's order; machines, never windows, are divided between training and
validation. Only where fewer than three were recorded do long stretches of time take their place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from contract.extract import FeatureExtractor
from contract.features import UNKNOWN_REGIME, FeatureVector, feature_specs, to_model_space
from contract.profiles import MachineProfile
from contract.scoring import MIN_CONFIDENCE, Baseline
from models.errors import TooLittleDataError
from models.recordings import Recording

Values = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

PRIOR_SHARE = 4
"""The fleet's spreads weigh as much as this many baselines of a machine's own (`Manifest.prior_windows`): a
warm-up of minutes shows noise, not how a healthy machine wanders over days. It may widen what the fleet says,
but hardly narrow it."""
LEAST_LOG_SPREAD = 0.12
"""Decades, however still the machines were that were recorded: 6 dB, the usual mark of a significant change
of vibration (Randall, Vibration-based Condition Monitoring, 2011, chapter 4), are then 2.5 spreads."""
LEAST_SPREAD = 1e-3
"""The same for what is no logarithm, in the feature's unit: a constant must not be infinitely sure."""
MIN_MACHINES = 3
"""Fewest machines to train on: two to learn from, one to stop by."""
STRETCHES = 4
"""Stretches of time that stand in for machines where fewer were recorded."""


@dataclass(frozen=True, slots=True)
class MachineVectors:
    """The feature vectors of one machine, oldest first."""

    machine_id: str
    vectors: tuple[FeatureVector, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Contexts:
    """What the model sees of one machine, oldest first."""

    machine_id: str
    event_times_s: npt.NDArray[np.float64] = field(repr=False)
    """float64 (n,), end of each context's last window, s since the Unix epoch."""
    standardised: Values = field(repr=False)
    """float32 (n, T, F); 0 where not valid."""
    valid: Mask = field(repr=False)
    """bool (n, T, F)."""


def read_vectors(
    recording: Recording, profile: MachineProfile, healthy_fraction: float = 1.0
) -> MachineVectors:
    """Run the device's feature code over a recording and keep its healthy part.

    Args:
        recording: Of a machine of this profile.
        profile: Must be the recording's own.
        healthy_fraction: Share of the windows, from the start, that is believed healthy; in (0, 1].

    Raises:
        DataError: the recording is damaged or has sensors that the profile has not.
    """
    extractor = FeatureExtractor(profile)
    vectors = [vector for reading in recording.readings() for vector in extractor.add(reading)]
    kept = max(1, round(len(vectors) * healthy_fraction))
    return MachineVectors(recording.machine_id, tuple(vectors[:kept]))


def is_scorable(vector: FeatureVector, profile: MachineProfile) -> bool:
    """Whether a device would learn from or judge this window: enough is known of it and the machine runs."""
    off = profile.regime.off if profile.regime else ()
    return (
        vector.confidence >= MIN_CONFIDENCE and vector.regime != UNKNOWN_REGIME and vector.regime not in off
    )


def fleet_spread(machines: Sequence[MachineVectors], profile: MachineProfile) -> Values:
    """How far a healthy machine's features stray from their level in its first windows.

    The deviations are taken over the whole healthy part, so that slow drift and the uncertainty of a short
    warm-up are part of the spread. Per machine and regime the root mean square deviation, then the median
    over those.

    Returns:
        float32 (F,), in model space; positive.
    """
    specs = feature_specs(profile)
    needed = profile.warmup.baseline_windows
    strays: list[npt.NDArray[np.float64]] = []
    for machine in machines:
        for rows in _rows_per_regime(machine, profile).values():
            if len(rows) < 2 * needed:
                continue
            values = to_model_space(np.array([v.values for v in rows], np.float32), specs).astype(np.float64)
            values[~np.array([v.valid for v in rows])] = np.nan
            strays.append(_root_mean_square(values - _median(values[:needed])))
    if not strays:
        raise TooLittleDataError(
            f"no machine has {2 * needed} usable windows in one regime, twice profile {profile.name}'s "
            "baseline_windows; record longer or lower it"
        )
    spread = np.nan_to_num(_median(np.array(strays)), nan=0.0)
    least = np.array([LEAST_LOG_SPREAD if spec.scale == "log" else LEAST_SPREAD for spec in specs])
    return np.maximum(spread, least).astype(np.float32)


def prior_windows(profile: MachineProfile) -> int:
    """Windows of a machine's own that weigh as much as the fleet's spreads."""
    return PRIOR_SHARE * profile.warmup.baseline_windows


def cut_contexts(
    machine: MachineVectors, profile: MachineProfile, make_baseline: Callable[[], Baseline]
) -> Contexts:
    """Warm a baseline up and slide the model's context over what follows, as a device does.

    A gap, a standstill or a regime that is still warming up empties the context; a window that cannot be
    believed is a row of masked cells.
    """
    baseline = make_baseline()
    length, width = profile.window.context, len(feature_specs(profile))
    rows: list[tuple[Values, Mask]] = []
    contexts: list[tuple[float, Values, Mask]] = []
    off = profile.regime.off if profile.regime else ()
    for vector in machine.vectors:
        if vector.gap_before or vector.regime in off:
            rows = []
        if vector.regime in off:
            continue
        if not is_scorable(vector, profile):
            rows.append((np.zeros(width, np.float32), np.zeros(width, np.bool_)))
            continue
        if not baseline.is_ready(vector.regime):
            rows = []
            baseline.observe(vector)
            continue
        rows = [*rows, (baseline.standardise(vector), baseline.mask(vector))][-length:]
        if len(rows) < length:
            continue
        valid = np.array([r[1] for r in rows])
        if np.count_nonzero(valid) >= MIN_CONFIDENCE * valid.size:
            contexts.append((vector.event_time_s, np.array([r[0] for r in rows]), valid))
    return Contexts(
        machine.machine_id,
        np.array([c[0] for c in contexts], np.float64),
        np.array([c[1] for c in contexts], np.float32).reshape(-1, length, width),
        np.array([c[2] for c in contexts], np.bool_).reshape(-1, length, width),
    )


def cut_stretches(machines: Sequence[MachineVectors]) -> list[MachineVectors]:
    """Make do with fewer machines than training needs: consecutive stretches of each stand in for machines.

    Each stretch warms up by itself, so that validation is still on time that nothing was learned from. How
    the model does on a machine it has never seen is then not known; the bundle's lineage says so.
    """
    cut: list[MachineVectors] = []
    for machine in machines:
        borders = np.linspace(0, len(machine.vectors), STRETCHES + 1).astype(int).tolist()
        for number, (first, last) in enumerate(pairwise(borders), start=1):
            cut.append(MachineVectors(f"{machine.machine_id}/{number}", machine.vectors[first:last]))
    return cut


def split_machines(machines: Sequence[Contexts], seed: int) -> tuple[list[Contexts], list[Contexts]]:
    """Divide machines into training and validation (a quarter, at least one), by a seeded draw.

    Raises:
        TooLittleDataError: fewer than three machines have contexts.
    """
    usable = [m for m in machines if len(m.standardised)]
    if len(usable) < MIN_MACHINES:
        raise TooLittleDataError(
            f"only {len(usable)} of {len(machines)} machines have windows left after their warm-up; training "
            f"needs {MIN_MACHINES} or more: add machines, or record longer"
        )
    order = np.random.default_rng(seed).permutation(len(usable))
    held_out = max(1, len(usable) // 4)
    return [usable[i] for i in order[held_out:]], [usable[i] for i in order[:held_out]]


def _rows_per_regime(machine: MachineVectors, profile: MachineProfile) -> dict[str, list[FeatureVector]]:
    rows: dict[str, list[FeatureVector]] = {}
    for vector in machine.vectors:
        if is_scorable(vector, profile):
            rows.setdefault(vector.regime, []).append(vector)
    return rows


def _median(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Median over the first axis without NaN; NaN where a column has nothing else."""
    seen = np.isfinite(rows).any(axis=0)
    out = np.full(rows.shape[1], np.nan)
    out[seen] = np.nanmedian(rows[:, seen], axis=0)
    return out


def _root_mean_square(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    seen = np.isfinite(rows).any(axis=0)
    out = np.full(rows.shape[1], np.nan)
    out[seen] = np.sqrt(np.nanmean(rows[:, seen] ** 2, axis=0))
    return out
