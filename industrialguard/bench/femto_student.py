"""The student on tables of bearing features: taught by some bearings' first quarters, asked about another.

Rule: a bearing is scored by a network that has seen neither it nor the bearing that is judged, so that the
others' scores, which set yardstick and threshold, are those of strangers too. Networks are trained once for
each set that is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from contract.features import FeatureVector
from contract.profiles import AlarmSpec, MachineProfile, WarmupSpec, WindowSpec
from contract.scoring import Values, Yardstick, squared_residuals
from contract.signals import Quantity, ScalarFeature, SensorKind, SensorSpec
from industrialguard.bench.femto_rows import Bearing, Floats
from industrialguard.bench.report import Role
from models.calibrate import LEAST_ERROR, LEAST_LOG_RESIDUAL, machine_errors
from models.config import FitConfig
from models.dataset import (
    LEAST_LOG_SPREAD,
    Contexts,
    MachineVectors,
    cut_contexts,
    fleet_wander,
    split_machines,
)
from models.parity import DeviceModel
from models.trainer import baseline_factory
from models.wander import Wander

PERIOD_S = 10.0
CONTEXT = 16
LARGEST = 20.0
"""Of a logarithm to base 10."""


class Network(Protocol):
    """Whatever reconstructs contexts."""

    def reconstruct(self, contexts: Values) -> Values:
        """Standardised features float32 (n, T, F) in, reconstructed out."""


Teach = Callable[[Sequence[Contexts], Sequence[Contexts], FitConfig], Network]
"""From contexts to learn from, contexts to stop by and a configuration to a network."""


class NoNetwork:
    """Expects every feature at its level: what is left is the deviation itself."""

    def reconstruct(self, contexts: Values) -> Values:
        """Zeros."""
        return np.zeros_like(contexts)


def teach_student(learning: Sequence[Contexts], held_out: Sequence[Contexts], config: FitConfig) -> Network:
    """The student in the device's runtime, rounded to int8 after training.

    It has no teacher: six bearings take 21 networks a seed, and with a teacher each takes far longer.
    """
    from models.fit import fit, stack
    from models.quantize import quantize

    contexts, _ = stack(learning)
    return DeviceModel(quantize(fit(learning, held_out, config).model, contexts, config.seed))


def teach_nothing(learning: Sequence[Contexts], held_out: Sequence[Contexts], config: FitConfig) -> Network:
    """No network: what the student's surroundings are worth without it."""
    return NoNetwork()


def table_profile(columns: Sequence[str], warmup: WarmupSpec, alarm: AlarmSpec) -> MachineProfile:
    """A profile whose features are the columns of a table, as logarithms; for the benchmark only."""
    sensors = tuple(
        SensorSpec(
            name=column,
            quantity=Quantity.RATIO,
            unit="1",
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
class _Trained:
    """A network and how far its bearings wander."""

    network: Network
    wander: Wander


@dataclass(slots=True)
class StudentContender:
    """A network that is taught on other bearings, and its error after the agent's own formula.

    Args:
        name: As it stands in the report.
        profile: From `table_profile`.
        axes: Which axis each feature is of; an axis is a sensor with one voice, as on a device.
        teach: How a network comes about.
        fit: How it is trained.
    """

    name: str
    profile: MachineProfile = field(repr=False)
    axes: tuple[int, ...]
    teach: Teach = field(default=teach_student, repr=False)
    fit: FitConfig = field(default_factory=FitConfig, repr=False)
    role: Role = Role.OURS
    on_trained: Callable[[], None] = field(default=lambda: None, repr=False)
    """Called whenever a network is trained, to say how far one is."""
    _trained: dict[tuple[int, frozenset[str]], _Trained] = field(default_factory=dict, init=False, repr=False)

    _yardsticks: dict[tuple[int, str], Yardstick] = field(default_factory=dict, init=False, repr=False)

    def score(self, judged: Bearing, scored: Bearing, others: Sequence[Bearing], seed: int) -> Floats:
        """As `femto_rows.Contender`."""
        trained = self._without(judged, scored, others, seed)
        make_baseline = baseline_factory(self.profile, trained.wander)
        contexts = cut_contexts(to_machine(scored), self.profile, make_baseline)
        errors = machine_errors(contexts, trained.network, self._yardstick(judged, others, seed))
        found = np.full(len(scored.rows), np.nan)
        at = np.searchsorted(_stamps(len(scored.rows)), contexts.event_times_s)
        found[at] = np.log(np.maximum(errors, LEAST_ERROR))  # as `models.calibrate.fleet_error`
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
            trained = self._without(judged, other, others, seed)
            contexts = self._contexts(other, trained.wander)
            reconstructed = trained.network.reconstruct(contexts.standardised)
            rows = zip(contexts.standardised, reconstructed, contexts.valid, strict=True)
            left.append(np.mean([squared_residuals(*row) for row in rows], axis=0))
        residual = np.maximum(np.median(left, axis=0), LEAST_LOG_RESIDUAL).astype(np.float32)
        return Yardstick(residual, np.array(self.axes, np.intp))

    def _without(self, judged: Bearing, scored: Bearing, others: Sequence[Bearing], seed: int) -> _Trained:
        out = frozenset((judged.name, scored.name))
        if (seed, out) not in self._trained:
            known = [other for other in others if other.name not in out]
            self._trained[seed, out] = self._train(known, seed)
            self.on_trained()
        return self._trained[seed, out]

    def _train(self, bearings: Sequence[Bearing], seed: int) -> _Trained:
        raw = fleet_wander([to_machine(bearing) for bearing in bearings], self.profile)
        # The table's features are logarithms already; they get the floor of those that a device takes.
        wander = Wander(np.maximum(raw.spread, LEAST_LOG_SPREAD), raw.exponent)
        contexts = [self._contexts(bearing, wander) for bearing in bearings]
        learning, held_out = split_machines(contexts, seed)
        config = FitConfig(
            seed=seed, wander=wander.offsets, epochs=self.fit.epochs, patience=self.fit.patience
        )
        return _Trained(self.teach(learning, held_out, config), wander)

    def _contexts(self, bearing: Bearing, wander: Wander) -> Contexts:
        make_baseline = baseline_factory(self.profile, wander)
        return cut_contexts(to_machine(bearing), self.profile, make_baseline, from_start=True)


def to_machine(bearing: Bearing) -> MachineVectors:
    """A bearing's rows as the feature vectors of a device without regimes."""
    stamps_s = _stamps(len(bearing.rows)).tolist()
    vectors = []
    for stamp_s, row in zip(stamps_s, bearing.rows.astype(np.float32), strict=True):
        valid = np.isfinite(row)
        vectors.append(FeatureVector(stamp_s, row, valid, "", False, {}, {}, float(valid.mean())))
    return MachineVectors(bearing.name, tuple(vectors))


def _stamps(count: int) -> Floats:
    """Ends of consecutive windows; float64 (count,)."""
    stamps: Floats = PERIOD_S * np.arange(1, count + 1)
    return stamps


def networks_needed(bearings: int) -> int:
    """How many networks one seed takes: one without each bearing, one without each two."""
    return bearings + math.comb(bearings, 2)
