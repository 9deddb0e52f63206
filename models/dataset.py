"""From recordings to what the model learns from: standardised contexts of healthy machines.

Rule: everything up to the standardised feature is the device's own code (`contract.extract`,
`contract.scoring`), fed in the device's order; machines, never windows, are divided between training and
validation. Only where fewer than three were recorded do long stretches of time take their place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from contract.context import Context, Step, is_usable
from contract.extract import FeatureExtractor
from contract.features import FeatureVector, feature_specs, showing_wear, to_model_space
from contract.profiles import MachineProfile
from contract.scoring import Baseline
from contract.signals import PER_KELVIN, Reading, ScalarFeature
from contract.trust import believed
from models.errors import TooLittleDataError
from models.recordings import Recording
from models.wander import Spans, Wander, measure_wander

Values = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

PRIOR_SHARE = 4
"""The fleet's spreads weigh as much as this many baselines of a machine's own (`Manifest.prior_windows`): a
warm-up of minutes shows noise, not how a healthy machine wanders over days. It may widen what the fleet says,
but hardly narrow it."""
LEAST_LOG_SPREAD = 0.12
"""Decades, however still the machines were that were recorded: 6 dB, the usual mark of a significant change
of vibration (Randall, Vibration-based Condition Monitoring, 2011, chapter 4), are then 2.5 spreads."""
LEAST_KELVIN = 2.0
"""The same for temperatures: 5 K are then 2.5 spreads. A machine that was recorded for an afternoon looks
steadier than it is, and what the air around it does is no fault of its own."""
LEAST_SHARE = 1e-3
"""The same for other features, as a share of their usual level: a constant must not be infinitely sure."""
LEAST_SPREAD = 1e-6
"""And in the feature's unit, where that level is 0."""
LEAST_BASELINES = 1.5
"""A healthy stretch must last this many baselines to say anything of wandering."""
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

    def take(self, chosen: npt.NDArray[np.intp] | slice) -> Contexts:
        """Some of them."""
        return Contexts(
            self.machine_id, self.event_times_s[chosen], self.standardised[chosen], self.valid[chosen]
        )


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
    vectors = list(iterate_vectors(recording.readings(), profile))
    kept = healthy_count(len(vectors), healthy_fraction)
    return MachineVectors(recording.machine_id, tuple(vectors[:kept]))


def iterate_vectors(readings: Iterable[Reading], profile: MachineProfile) -> Iterator[FeatureVector]:
    """The windows that readings close, each as soon as it is closed, without sensors that are doubted in it.

    Raises:
        DataError: the profile has not one of the sensors, or a reading has no time.
    """
    extractor = FeatureExtractor(profile)
    for reading in readings:
        for vector in extractor.add(reading):
            yield believed(vector, profile)


def healthy_count(windows: int, healthy_fraction: float) -> int:
    """How many windows of a recording, from its start, are believed healthy."""
    return max(1, round(windows * healthy_fraction))


def fleet_wander(machines: Sequence[MachineVectors], profile: MachineProfile) -> Wander:
    """How far healthy machines' features stray from their level over a baseline's life, in model space.

    A vibration strays, but it is not taught to be slow, nor is what else shows wear
    (`contract.features.showing_wear`).

    Raises:
        TooLittleDataError: no machine has `LEAST_BASELINES` times the usable windows that fix a baseline.
    """
    specs = feature_specs(profile)
    needed = profile.warmup.baseline_windows
    series = []
    for machine in machines:
        for rows in _rows_per_regime(machine, profile).values():
            if len(rows) < LEAST_BASELINES * needed:
                continue
            values = to_model_space(np.array([v.values for v in rows], np.float32), specs).astype(np.float64)
            values[~np.array([v.valid for v in rows])] = np.nan
            series.append(values)
    if not series:
        raise TooLittleDataError(
            f"no machine has {math.ceil(LEAST_BASELINES * needed)} usable windows in one regime, "
            f"{LEAST_BASELINES} times profile {profile.name}'s baseline_windows; record longer or lower it"
        )
    step = max(1, round(profile.window.length_s / profile.window.hop_s))
    wander = measure_wander(series, Spans(needed, profile.window.context, step))
    usual = np.maximum(LEAST_SHARE * usual_levels(np.concatenate(series)), LEAST_SPREAD)
    wider = wander.at_least(np.fmax(usual, practical_spreads(profile)))
    return replace(wider, slow=np.where(showing_wear(profile), 0.0, wider.slow))


def practical_spreads(profile: MachineProfile) -> npt.NDArray[np.float64]:
    """Spreads that are no statistic but what practice calls significant.

    Returns:
        float64 (F,), in model space; NaN where practice says nothing.
    """
    spreads = np.full(len(feature_specs(profile)), np.nan)
    for number, spec in enumerate(feature_specs(profile)):
        if spec.scale == "log":
            spreads[number] = LEAST_LOG_SPREAD
        elif spec.name.endswith(f"_{ScalarFeature.LEVEL}") and spec.unit in PER_KELVIN:
            spreads[number] = LEAST_KELVIN * PER_KELVIN[spec.unit]
    return spreads


def usual_levels(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Median of the absolute values of each column; 0 where nothing is known. float64 (F,)."""
    levels = np.zeros(rows.shape[1])
    seen = np.isfinite(rows).any(axis=0)
    levels[seen] = np.nanmedian(np.abs(rows[:, seen]), axis=0)
    return levels


def prior_windows(profile: MachineProfile) -> int:
    """Windows of a machine's own that weigh as much as the fleet's spreads."""
    return PRIOR_SHARE * profile.warmup.baseline_windows


def cut_contexts(
    machine: MachineVectors,
    profile: MachineProfile,
    make_baseline: Callable[[], Baseline],
    from_start: bool = False,
) -> Contexts:
    """Warm a baseline up and slide the model's context over what follows, as a device does.

    Args:
        machine: Its vectors.
        profile: Its profile.
        make_baseline: Makes an empty baseline.
        from_start: Also cut contexts from the windows that the baseline is learned from, as training may and
            a device cannot.
    """
    baseline = make_baseline()
    if from_start:
        for vector in machine.vectors:
            Context(profile, baseline).add(vector)
    context = Context(profile, baseline)
    found: list[tuple[float, Values, Mask]] = []
    for vector in machine.vectors:
        if context.add(vector, may_learn=not from_start) is Step.READY:
            found.append((vector.event_time_s, context.standardised.copy(), context.valid.copy()))
    shape = (-1, *context.valid.shape)
    return Contexts(
        machine.machine_id,
        np.array([c[0] for c in found], np.float64),
        np.array([c[1] for c in found], np.float32).reshape(shape),
        np.array([c[2] for c in found], np.bool_).reshape(shape),
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
        if is_usable(vector, profile):
            rows.setdefault(vector.regime, []).append(vector)
    return rows
