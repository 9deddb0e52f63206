"""What this project trains, as contenders: teacher, student and every step between them, on one fleet.

Rule: the product's own training on the training rows of all tables, then each network under the very rules of
the baselines: level and threshold of a table come from its own training rows. Networks are trained once a
seed and shared by the rows of the report. The last contender is the agent with the bundle that comes of it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from contract.creep import Creep
from contract.extract import FeatureExtractor
from contract.features import FeatureVector
from contract.profiles import MachineProfile
from contract.scoring import Yardstick
from contract.trust import believed
from industrialguard.bench.agent_rows import ROW_PERIOD_S, AgentContender
from industrialguard.bench.creep_rows import not_followed, without_creep
from industrialguard.bench.no_network import NO_NETWORK, NoNetwork
from industrialguard.bench.report import Role
from industrialguard.bench.row_protocol import FileScores, Table
from models.baselines import threshold
from models.calibrate import Network, fleet_yardstick, machine_errors
from models.config import FitConfig
from models.dataset import Contexts, MachineVectors, cut_contexts
from models.recordings.rows import row_readings
from models.trainer import TrainingData, assemble, baseline_factory, prepare_machines
from models.variants import SHIPS, Variant, make_variants

Floats = npt.NDArray[np.float64]

LATENCY_CONTEXTS = 200
"""Contexts that a file's latency is the median of."""


@dataclass(frozen=True, slots=True)
class TrainedVariant:
    """One network, how its error is measured, and what it costs."""

    network: Network
    yardstick: Yardstick
    figures: Mapping[str, float]
    follows_creep: bool = True


class TrainedFleet:
    """Trains every variant once for each seed; the contenders ask for theirs.

    Args:
        profile: Of the machines, without sensors that were dropped.
        variants: Names of those that are wanted; what ships is always among them.
        config: How to train; seed and wander are set for each training.
    """

    def __init__(
        self, profile: MachineProfile, variants: Sequence[str], config: FitConfig | None = None
    ) -> None:
        self.profile = profile
        self._config = config or FitConfig()
        self._wanted = {*variants, SHIPS}
        self._trained: dict[int, dict[str, TrainedVariant]] = {}
        self._ships: dict[int, bytes] = {}
        self._data: dict[int, TrainingData] = {}
        self._vectors: dict[tuple[bytes, bytes], list[tuple[int, FeatureVector]]] = {}

    def learn(self, healthy: Sequence[Table], seed: int) -> None:
        """Train on tables that are healthy throughout; a seed that was trained already costs nothing."""
        if seed in self._trained:
            return
        machines = [MachineVectors(t.name, tuple(v for _, v in self.vectors(t))) for t in healthy]
        data = prepare_machines(machines, self.profile, seed)
        config = replace(self._config, seed=seed, wander=data.wander.offsets)
        made = list(make_variants(data.learning, data.held_out, config, self._wanted))
        self._data[seed] = data
        (self._ships[seed],) = (variant.file for variant in made if variant.name == SHIPS)
        trained = {v.name: TrainedVariant(v, _yardstick(v, data), _cost(v, data)) for v in made}
        trained[NO_NETWORK] = TrainedVariant(NoNetwork(), _yardstick(NoNetwork(), data), {})
        held = {not_followed(name): _hold(trained[name], data) for name in (SHIPS, NO_NETWORK)}
        self._trained[seed] = {**trained, **held}

    def variant(self, name: str, seed: int) -> TrainedVariant:
        """One of those that were trained."""
        return self._trained[seed][name]

    def agent(self, name: str, seed: int) -> AgentContender:
        """The agent with the bundle that ships from this training."""
        bundle = assemble(self._data[seed], self._ships[seed], seed, {}, {})
        return AgentContender(name, bundle)

    def score(self, table: Table, name: str, seed: int) -> Floats:
        """A variant's model error after each row; NaN where no context was whole. float64 (n,)."""
        rows, vectors = zip(*self.vectors(table), strict=True)
        known = int(np.searchsorted(rows, table.train_rows))
        warmup = replace(self.profile.warmup, baseline_windows=known)
        profile = replace(self.profile, warmup=warmup)
        trained = self.variant(name, seed)
        make_baseline = baseline_factory(profile, self._data[seed].wander)
        machine = MachineVectors(table.name, vectors)
        contexts = cut_contexts(machine, profile, make_baseline, from_start=True)
        errors = _errors(contexts, trained, profile, vectors[known - 1].event_time_s)
        by_time = dict(zip(contexts.event_times_s.tolist(), errors.tolist(), strict=True))
        scores = np.full(len(table.stamps_s), np.nan)
        for row, vector in zip(rows, vectors, strict=True):
            scores[row:] = by_time.get(vector.event_time_s, np.nan)
        return scores

    def vectors(self, table: Table) -> list[tuple[int, FeatureVector]]:
        """The device's feature vectors, each with the row that closed its window; computed once."""
        key = (table.stamps_s.tobytes(), table.values.tobytes())
        if key not in self._vectors:
            self._vectors[key] = self._extract(table)
        return self._vectors[key]

    def _extract(self, table: Table) -> list[tuple[int, FeatureVector]]:
        extractor = FeatureExtractor(self.profile)
        width = len(table.sensors)
        readings = row_readings(table.sensors, table.stamps_s, table.values, ROW_PERIOD_S)
        return [
            (number // width, believed(vector, self.profile))
            for number, reading in enumerate(readings)
            for vector in extractor.add(reading)
        ]


@dataclass(slots=True)
class VariantContender:
    """One of a fleet's networks under the rules of the baselines."""

    name: str
    fleet: TrainedFleet = field(repr=False)
    role: Role = Role.OURS
    is_seeded: bool = True
    _seed: int = field(default=0, init=False)

    @property
    def is_main(self) -> bool:
        """Whether it is the one that ships."""
        return self.name == SHIPS

    @property
    def figures(self) -> Mapping[str, float]:
        """Size and speed of its file."""
        return self.fleet.variant(self.name, self._seed).figures

    def fit_fleet(self, healthy: Sequence[Table], seed: int) -> None:
        """Train, unless another contender of the fleet has."""
        self.fleet.learn(healthy, seed)
        self._seed = seed

    def scores(self, table: Table) -> FileScores:
        """Score every row."""
        found = self.fleet.score(table, self.name, self._seed)
        return FileScores(found[: table.train_rows], found[table.train_rows :])


@dataclass(slots=True)
class TrainedAgent:
    """The agent, end to end, with the bundle that comes of the same training."""

    name: str
    fleet: TrainedFleet = field(repr=False)
    role: Role = Role.OURS
    is_main: bool = False
    is_seeded: bool = True
    figures: Mapping[str, float] = field(default_factory=dict)
    _agent: AgentContender | None = field(default=None, init=False, repr=False)

    def fit_fleet(self, healthy: Sequence[Table], seed: int) -> None:
        """Train, unless another contender of the fleet has, and make a bundle."""
        self.fleet.learn(healthy, seed)
        self._agent = self.fleet.agent(self.name, seed)

    def scores(self, table: Table) -> FileScores:
        """The agent's scores and alarms.

        Raises:
            ValueError: asked before `fit_fleet`.
        """
        if self._agent is None:
            raise ValueError("fit_fleet comes first")
        return self._agent.scores(table)


def _errors(
    contexts: Contexts, trained: TrainedVariant, profile: MachineProfile, known_to_s: float
) -> Floats:
    """Model error of each context; what counts as anomalous by the one threshold rule teaches nothing.

    Args:
        contexts: Of one table.
        trained: The network.
        profile: Its warm-up is as long as the table's training rows.
        known_to_s: When these end, s.
    """
    creep = Creep(profile if trained.follows_creep else without_creep(profile))
    first = int(np.searchsorted(contexts.event_times_s, known_to_s, "right"))
    known = machine_errors(contexts.take(slice(first)), trained.network, trained.yardstick, creep)
    rest = contexts.take(slice(first, None))
    limit = threshold(known)
    return np.concatenate([known, machine_errors(rest, trained.network, trained.yardstick, creep, limit)])


def _yardstick(network: Network, data: TrainingData) -> Yardstick:
    return fleet_yardstick((*data.learning, *data.held_out), network, data.profile)


def _hold(trained: TrainedVariant, data: TrainingData) -> TrainedVariant:
    """The same network, following no creep while it is measured and judged."""
    held = replace(data, profile=without_creep(data.profile))
    return replace(trained, yardstick=_yardstick(trained.network, held), follows_creep=False)


def _cost(variant: Variant, data: TrainingData) -> Mapping[str, float]:
    """Bytes of its file and how long it takes."""
    times_us = []
    for context in data.held_out[0].standardised[:LATENCY_CONTEXTS]:
        started = time.perf_counter()
        variant.run_file(context[np.newaxis])
        times_us.append(1e6 * (time.perf_counter() - started))
    return {
        "model_bytes": float(len(variant.file)),
        "packed_bytes": float(variant.packed_bytes),
        "latency_p50_us": float(np.median(times_us)),
    }
