"""Simulated machines under watch: which there are, and what a device and the baselines say of each.

Rule: a plan and its seed decide everything; the truth of a machine (wear, fault) is noted beside the
decisions and never reaches who decides. Device and baselines see the very same windows.
"""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from contract.bundle import Bundle, load_bundle
from contract.extract import FeatureExtractor
from contract.features import FeatureVector
from contract.messages import AlarmKind, AlarmTransition
from contract.profiles import MachineProfile
from contract.signals import Reading, SensorKind
from edge_agent.scorer import Scorer
from edge_agent.tflite import ModelRunner
from edge_agent.watch import AlarmWatch, Announcement
from industrialguard.bench.sim_baselines import ALARM_OF, Episode
from models.progress import Progress
from models.recordings import Recording
from simulators.degradation import FailureMode, WearPlan
from simulators.faults import FaultKind, SensorFault
from simulators.machine import MachineConfig, SimulatedMachine
from simulators.regimes import Duty
from simulators.scenario import possible_modes

FIRST_SEED = 2**31
"""Machines of the benchmark have seeds from here on; shipped bundles learned from small ones."""
ONSET_S = (1500.0, 2400.0)
"""Operating time at which wear begins: the warm-up of two regimes is over by then."""
LIFE_S = (600.0, 2400.0)
"""From onset to failure; log-uniform. A real machine takes weeks, so that an alarm has more windows there."""
FAULT_START_S = (1800.0, 2400.0)
FAULT_DURATION_S = 300.0
AFTER_FAULT_S = 120.0
LONGEST_OF_PLAN = 3.0
"""A machine that stands still for two thirds of its time is given up after so many lives."""
RECORDED_WEAR = 0.4
"""Share of its time over which a recorded machine wears: what `simulators.__main__` writes."""
AGENT = "the agent's own decisions"


@dataclass(frozen=True, slots=True)
class FleetSize:
    """How many machines one seed has."""

    per_mode: int = 7
    per_fault: int = 3
    healthy: int = 12
    healthy_s: float = 86_400.0
    """Machine time of each healthy machine."""


@dataclass(frozen=True, slots=True)
class Life:
    """One machine to be watched."""

    config: MachineConfig
    seconds: float
    """Machine time after which the watch is over, at the latest."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What was true of a machine and what was said of it; times are machine time, in s."""

    mode: FailureMode | None
    """What wears; None: nothing, or it is not known."""
    fault: SensorFault | None
    """What is wrong with its sensors or its driver; None: nothing."""
    onset_s: float
    """When wear began; infinity: never."""
    failure_s: float
    """When it had failed; infinity: it has not."""
    healthy_s: float
    """Time that the device judged while nothing wore and no fault was there."""
    episodes: Mapping[str, tuple[Episode, ...]] = field(repr=False)
    """Alarms about the machine, by contender."""
    named: tuple[tuple[float, str], ...] = ()
    """When the device announced a fault of which sensor."""
    drifts: tuple[float, ...] = ()
    """When the device announced slow drift."""

    @property
    def is_worn(self) -> bool:
        """Whether it was watched until it failed."""
        return math.isfinite(self.failure_s)


def plan_fleet(profile: MachineProfile, seed: int, size: FleetSize) -> list[Life]:
    """The machines of one seed: healthy ones (the longest first), every failure mode, every sensor fault."""
    random = np.random.default_rng(np.random.SeedSequence([seed, 0x51B]))
    healthy = [
        Life(MachineConfig(profile, _seed(random), duty=_duty(random)), size.healthy_s)
        for _ in range(size.healthy)
    ]
    wearing = [
        _wearing(profile, mode, random) for mode in possible_modes(profile) for _ in range(size.per_mode)
    ]
    faulty = [
        _faulty(profile, kind, seed * size.per_fault + number, random)
        for kind in FaultKind
        for number in range(size.per_fault)
    ]
    return [*healthy, *wearing, *faulty]


def _wearing(profile: MachineProfile, mode: FailureMode, random: np.random.Generator) -> Life:
    life_s = math.exp(random.uniform(math.log(LIFE_S[0]), math.log(LIFE_S[1])))
    wear = WearPlan(mode, onset_s=random.uniform(*ONSET_S), life_s=life_s)
    config = MachineConfig(profile, _seed(random), wear, _duty(random))
    return Life(config, LONGEST_OF_PLAN * wear.failure_s)


def _faulty(profile: MachineProfile, kind: FaultKind, turn: int, random: np.random.Generator) -> Life:
    """A machine on which one sensor after the other, turn by turn, has this fault; it never stands still."""
    able = [s.name for s in profile.sensors if kind is not FaultKind.CLIP or s.kind is SensorKind.WAVEFORM]
    sensor = "" if kind is FaultKind.CLOCK_JUMP else able[turn % len(able)]
    fault = SensorFault(kind, sensor, round(random.uniform(*FAULT_START_S)), FAULT_DURATION_S)
    duty = Duty.STEADY if turn % 2 else Duty.CYCLING
    config = MachineConfig(profile, _seed(random), duty=duty, faults=(fault,))
    return Life(config, fault.start_s + FAULT_DURATION_S + AFTER_FAULT_S)


def _seed(random: np.random.Generator) -> int:
    return int(random.integers(FIRST_SEED, 2 * FIRST_SEED))


def _duty(random: np.random.Generator) -> Duty:
    return list(Duty)[int(random.integers(len(Duty)))]


class _Observer:
    """The agent's parts in the agent's order on one machine, what they announced, and what they believed."""

    def __init__(self, bundle: Bundle) -> None:
        self._profile = bundle.profile
        self._extractor = FeatureExtractor(bundle.profile)
        self._scorer = Scorer(bundle, ModelRunner(bundle.model, accelerator="cpu"))
        self._watch = AlarmWatch(bundle.profile)
        self._times_s: list[float] = []
        self._vectors: list[FeatureVector] = []
        self._judged_s: list[float] = []
        self._alarms: list[Episode] = []
        self.named: list[tuple[float, str]] = []
        self.drifts: list[float] = []

    def take(self, reading: Reading, time_s: float) -> None:
        """Take a reading at that machine time, and judge the windows it closes."""
        for vector in self._extractor.add(reading):
            believed, said = self._watch.inspect(vector)
            verdict = self._scorer.score(believed, self._watch.is_alarming)
            for announcement in (*said, *self._watch.judge(verdict)):
                self._note(announcement, time_s)
            if verdict.score is not None:
                self._judged_s.append(time_s)
            self._times_s.append(time_s)
            self._vectors.append(believed)

    def judged_before(self, time_s: float) -> float:
        """How much time was judged before that machine time, in s."""
        return sum(judged_s < time_s for judged_s in self._judged_s) * self._profile.window.hop_s

    def episodes(self) -> Mapping[str, tuple[Episode, ...]]:
        """The alarms of all contenders."""
        found = {AGENT: tuple(self._alarms)}
        for name, alarm in ALARM_OF.items():
            found[name] = alarm(self._profile, self._times_s, self._vectors)
        return found

    def _note(self, announcement: Announcement, time_s: float) -> None:
        is_raised = announcement.edge.transition is AlarmTransition.RAISED
        if announcement.kind is AlarmKind.ANOMALY:
            if is_raised:
                self._alarms.append(Episode(time_s))
            else:
                self._alarms[-1] = Episode(self._alarms[-1].raised_s, time_s)
        elif is_raised and announcement.kind is AlarmKind.SENSOR_FAULT:
            self.named.append((time_s, announcement.sensor))
        elif is_raised:
            self.drifts.append(time_s)


def watch(life: Life) -> Watched:
    """Run one machine from new to failure, or to the end of its watch."""
    machine, observer = SimulatedMachine(life.config), _Observer(_bundle(life.config.profile.name))
    onset_s = failure_s = math.inf
    while (state := machine.state).time_s < life.seconds and failure_s == math.inf:
        if state.wear > 0:
            onset_s = min(onset_s, state.time_s)
        if state.wear >= 1:
            failure_s = state.time_s
        for reading in machine.next_hop():
            observer.take(reading, state.time_s)
    fault = life.config.faults[0] if life.config.faults else None
    mode = None if life.config.wear is None else life.config.wear.mode
    healthy_s = observer.judged_before(min(onset_s, math.inf if fault is None else fault.start_s))
    named, drifts = tuple(observer.named), tuple(observer.drifts)
    return Watched(mode, fault, onset_s, failure_s, healthy_s, observer.episodes(), named, drifts)


def watch_recording(recording: Recording) -> Watched:
    """Play one recorded machine; one that failed wears over the last `RECORDED_WEAR` of its time.

    Raises:
        DataError: the recording is damaged.
        BundleError: no bundle ships for its profile.
    """
    observer = _Observer(_bundle(recording.profile))
    start_s = math.nan
    for reading in recording.readings():
        start_s = reading.event_time_s if math.isnan(start_s) else start_s
        observer.take(reading, reading.event_time_s - start_s)
    onset_s = failure_s = math.inf
    if recording.end_of_life_s is not None:
        failure_s = recording.end_of_life_s - start_s
        onset_s = (1.0 - RECORDED_WEAR) * failure_s
    named, drifts = tuple(observer.named), tuple(observer.drifts)
    healthy_s = observer.judged_before(onset_s)
    return Watched(None, None, onset_s, failure_s, healthy_s, observer.episodes(), named, drifts)


def watch_all(lives: Sequence[Life], workers: int | None = None) -> list[Watched]:
    """Watch many machines, on all cores; says on stderr how far it is.

    Args:
        lives: Which.
        workers: Processes; None: one for each usable core, 1: this one.

    Returns:
        In the order of `lives`.
    """
    count = workers or len(os.sched_getaffinity(0))
    progress = Progress("machine minutes", max(1, round(sum(_minutes(life) for life in lives))))
    done = 0.0
    found: dict[int, Watched] = {}
    for number, watched in _run(lives, count):
        found[number] = watched
        done += _minutes(lives[number])
        progress.advance(math.floor(done))
    progress.finish(f"{len(lives)} machines watched")
    return [found[number] for number in range(len(lives))]


def _run(lives: Sequence[Life], workers: int) -> Iterator[tuple[int, Watched]]:
    if workers == 1:
        yield from ((number, watch(life)) for number, life in enumerate(lives))
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        numbers = {pool.submit(watch, life): number for number, life in enumerate(lives)}
        for future in as_completed(numbers):
            yield numbers[future], future.result()


def _minutes(life: Life) -> float:
    """Machine time that it will take, about: few machines stand still for long."""
    wear = life.config.wear
    return (life.seconds if wear is None else wear.failure_s) / 60.0


@lru_cache(maxsize=4)
def _bundle(name: str) -> Bundle:
    return load_bundle(name)
