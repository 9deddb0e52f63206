"""The networks on tables of bearing features: taught by some bearings' first quarters, asked about another.

Rule: a bearing is scored by networks that have seen neither it nor the bearing that is judged, so that the
others' scores, which set yardstick and limit, are those of strangers too. Two are left out of every training,
so that the judged bearing is scored by networks that learned from no more bearings than the others'. Networks
are trained once for each two that are left out, and serve every warm-up and rule that bearings are judged by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from contract.creep import Creep
from contract.features import FeatureVector
from contract.profiles import AlarmSpec, MachineProfile, WarmupSpec, WindowSpec
from contract.scoring import Values, Yardstick, squared_residuals
from contract.signals import Quantity, ScalarFeature, SensorKind, SensorSpec
from industrialguard.bench.femto_course import Bearing, Course, Floats, Warmup
from industrialguard.bench.no_network import NO_NETWORK, NoNetwork
from industrialguard.bench.report import Role
from models.calibrate import LEAST_ERROR, LEAST_PRACTICAL_RESIDUAL, machine_errors
from models.config import FitConfig
from models.dataset import (
    LEAST_LOG_SPREAD,
    Contexts,
    MachineVectors,
    cut_contexts,
    fleet_wander,
    split_machines,
)
from models.trainer import baseline_factory
from models.variants import SHIPS, STUDENT, TEACHER
from models.wander import Wander

PERIOD_S = 10.0
CONTEXT = 16
LARGEST = 20.0
"""Of a logarithm to base 10."""
TAUGHT = (SHIPS, STUDENT, TEACHER)


class Network(Protocol):
    """Whatever reconstructs contexts."""

    def reconstruct(self, contexts: Values) -> Values:
        """Standardised features float32 (n, T, F) in, reconstructed out."""


Teach = Callable[[Sequence[Contexts], Sequence[Contexts], FitConfig], Mapping[str, Network]]
"""From contexts to learn from, contexts to stop by and a configuration to networks by name."""


def teach_variants(
    learning: Sequence[Contexts], held_out: Sequence[Contexts], config: FitConfig
) -> Mapping[str, Network]:
    """The product's own training: teacher, distilled student, and that tuned to int8, which ships."""
    from models.variants import make_variants

    made = {variant.name: variant for variant in make_variants(learning, held_out, config, TAUGHT)}
    return {name: made[name] for name in TAUGHT}


def table_profile(columns: Sequence[str], warmup: WarmupSpec, alarm: AlarmSpec) -> MachineProfile:
    """A profile whose features are the columns of a table, as logarithms; for the benchmark only."""
    sensors = tuple(
        SensorSpec(
            name=column,
            quantity=Quantity.ACCELERATION,
            unit="m/s2",
            rate_hz=1.0 / PERIOD_S,
            kind=SensorKind.SCALAR,
            range_min=-LARGEST,
            range_max=LARGEST,
            features=(ScalarFeature.LEVEL,),
        )
        for column in columns
    )
    return MachineProfile(
        name="bearing-table",
        version=1,
        sensors=sensors,
        window=WindowSpec(PERIOD_S, PERIOD_S, CONTEXT),
        warmup=warmup,
        alarm=alarm,
        summary_interval_s=60.0,
    )


@dataclass(frozen=True, slots=True)
class Taught:
    """Networks, and how far the bearings that taught them wander."""

    networks: Mapping[str, Network]
    wander: Wander


_CutKey = tuple[str, int, Course, bytes]
"""Bearing, windows, course, spreads: cutting contexts takes longer than asking a network about them."""


@dataclass(slots=True)
class BearingFleet:
    """Trains the networks, each set of bearings once for each seed.

    Args:
        profile: From `table_profile`; its warm-up is the one that networks are taught with.
        axes: Which axis each feature is of; an axis is a sensor with one voice, as on a device.
        teach: How networks come about.
        fit: How they are trained; seed and wander are set for each training.
    """

    profile: MachineProfile = field(repr=False)
    axes: tuple[int, ...]
    teach: Teach = field(default=teach_variants, repr=False)
    fit: FitConfig = field(default_factory=FitConfig, repr=False)
    on_trained: Callable[[], None] = field(default=lambda: None, repr=False)
    """Called whenever networks were trained, to say how far one is."""
    _taught: dict[tuple[int, frozenset[str]], Taught] = field(default_factory=dict, init=False, repr=False)
    _cut: dict[_CutKey, tuple[Contexts, list[int]]] = field(default_factory=dict, init=False, repr=False)

    def strangers(self, judged: Bearing, scored: Bearing, others: Sequence[Bearing], seed: int) -> Taught:
        """Networks that know neither of the two; nor, where these are one, the next bearing by name."""
        later = sorted(other.name for other in others if other.name > judged.name)
        next_one = later[0] if later else min(other.name for other in others)
        out = frozenset((judged.name, next_one if scored.name == judged.name else scored.name))
        if (seed, out) not in self._taught:
            known = [other for other in others if other.name not in out]
            self._taught[seed, out] = self._train(known, seed)
            self.on_trained()
        return self._taught[seed, out]

    def contexts(self, bearing: Bearing, course: Course, wander: Wander) -> tuple[Contexts, list[int]]:
        """Contexts from the level's first window on, each with the number of its last window."""
        key = (bearing.name, len(bearing.rows), course, wander.spread.tobytes())
        if key not in self._cut:
            self._cut[key] = self._cut_contexts(bearing, course, wander)
        return self._cut[key]

    def _cut_contexts(self, bearing: Bearing, course: Course, wander: Wander) -> tuple[Contexts, list[int]]:
        warmup = replace(self.profile.warmup, baseline_windows=course.level_to - course.level_from)
        profile = replace(self.profile, warmup=warmup)
        machine = to_machine(bearing, course.level_from)
        contexts = cut_contexts(machine, profile, baseline_factory(profile, wander), from_start=True)
        return contexts, [round(stamp_s / PERIOD_S) - 1 for stamp_s in contexts.event_times_s.tolist()]

    def _train(self, bearings: Sequence[Bearing], seed: int) -> Taught:
        raw = fleet_wander([to_machine(bearing) for bearing in bearings], self.profile)
        # The table's features are logarithms already; they get the floor of those that a device takes.
        wander = raw.at_least(np.full(len(raw.spread), LEAST_LOG_SPREAD))
        level_to = self.profile.warmup.baseline_windows
        course = Course(0, level_to, level_to + 1)
        contexts = [self.contexts(bearing, course, wander)[0] for bearing in bearings]
        learning, held_out = split_machines(contexts, seed)
        # No slow offsets: vibration is not taught to wander (`models.dataset.fleet_wander`).
        taught = self.teach(learning, held_out, replace(self.fit, seed=seed))
        return Taught({**taught, NO_NETWORK: NoNetwork()}, wander)


@dataclass(slots=True)
class NetworkContender:
    """One of a fleet's networks, and its error after the agent's own formula."""

    name: str
    """Of the network, as it stands in the report."""
    fleet: BearingFleet = field(repr=False)
    warmup: Warmup
    role: Role = Role.OURS
    is_seeded: bool = True
    _scores: dict[tuple[int, str, str, int], Floats] = field(default_factory=dict, init=False, repr=False)
    _yardsticks: dict[tuple[int, str], Yardstick] = field(default_factory=dict, init=False, repr=False)

    def score(self, judged: Bearing, scored: Bearing, others: Sequence[Bearing], seed: int) -> Floats:
        """As `femto_rule.Contender`; natural log of the error. Computed once."""
        key = (seed, judged.name, scored.name, len(scored.rows))
        if key not in self._scores:
            self._scores[key] = self._score(judged, scored, others, seed)
        return self._scores[key]

    def _score(self, judged: Bearing, scored: Bearing, others: Sequence[Bearing], seed: int) -> Floats:
        taught = self.fleet.strangers(judged, scored, others, seed)
        course = self.warmup.course(scored)
        contexts, windows = self.fleet.contexts(scored, course, taught.wander)
        network = taught.networks[self.name]
        errors = machine_errors(
            contexts, network, self._yardstick(judged, others, seed), Creep(self.fleet.profile)
        )
        found = np.full(len(scored.rows), np.nan)
        found[windows] = np.log(np.maximum(errors, LEAST_ERROR))  # as `models.calibrate.fleet_error`
        found[: course.level_to] = np.nan
        return found

    def _yardstick(self, judged: Bearing, others: Sequence[Bearing], seed: int) -> Yardstick:
        """The yardstick for one judged bearing, measured once."""
        if (seed, judged.name) not in self._yardsticks:
            self._yardsticks[seed, judged.name] = self._measure(judged, others, seed)
        return self._yardsticks[seed, judged.name]

    def _measure(self, judged: Bearing, others: Sequence[Bearing], seed: int) -> Yardstick:
        """What networks leave of the first quarter of a bearing they do not know: median over the others."""
        left = []
        for other in others:
            taught = self.fleet.strangers(judged, other, others, seed)
            contexts, _ = self.fleet.contexts(other, self.warmup.course(other), taught.wander)
            reconstructed = taught.networks[self.name].reconstruct(contexts.standardised)
            rows = zip(contexts.standardised, reconstructed, contexts.valid, strict=True)
            left.append(np.mean([squared_residuals(*row) for row in rows], axis=0))
        residual = np.maximum(np.median(left, axis=0), LEAST_PRACTICAL_RESIDUAL).astype(np.float32)
        return Yardstick(residual, np.array(self.fleet.axes, np.intp))


def to_machine(bearing: Bearing, first: int = 0) -> MachineVectors:
    """A bearing's rows, from the first of these on, as the feature vectors of a device without regimes."""
    vectors = []
    for number, row in enumerate(bearing.rows[first:].astype(np.float32), start=first + 1):
        valid = np.isfinite(row)
        vectors.append(FeatureVector(PERIOD_S * number, row, valid, "", False, {}, {}, float(valid.mean())))
    return MachineVectors(bearing.name, tuple(vectors))


def trainings_needed(bearings: int) -> int:
    """How many trainings one seed takes: one without each two bearings."""
    return math.comb(bearings, 2)
