"""Machines on which a release goes through its trial, and what became of it there.

Rule: the device's own slots decide, window by window, with the real self-test; a machine is simulated once,
and every release meets the very same windows. What is true of it never reaches who decides.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from contract.bundle import Bundle, format_bundle
from contract.extract import FeatureExtractor
from contract.features import FeatureVector
from contract.messages import AlarmKind, AlarmTransition
from contract.profiles import MachineProfile
from edge_agent.model_slot import ModelSlots, release_of
from edge_agent.running_model import open_model
from edge_agent.self_test import ChildTest
from edge_agent.slot_keeper import SelfTest
from edge_agent.slot_parts import Job, SlotParts
from edge_agent.slot_rules import Failed, Passed
from edge_agent.slot_state import Offer, Reason, Release, Result, Stage
from edge_agent.watch import AlarmWatch
from simulators.degradation import WearPlan
from simulators.machine import MachineConfig, SimulatedMachine
from simulators.regimes import Duty
from simulators.scenario import possible_modes

FIRST_SEED = 3 * 2**30
"""Machines of this benchmark have seeds from here on; nothing that ships has learned from them."""
OFFERED_S = 1800.0
"""Machine time at which a release is handed over: the old model knows the machine by then."""
TRIAL_S = 2700.0
"""How long a trial takes where nothing holds it up, with time to spare."""
LIFE_S = (900.0, 2400.0)
"""From the onset of wear to failure."""
HEALTHY, LATER, MEANWHILE = "healthy", "wears after the trial", "wears during the trial"
BOUNDARY_WINDOWS = 12
"""A summary of a minute ends after so many."""


@dataclass(frozen=True, slots=True)
class Course:
    """A machine's windows, and what is true of it."""

    vectors: tuple[FeatureVector, ...] = field(repr=False)
    onset_s: float
    """Machine time at which wear begins; infinity: never."""
    start_s: float
    """Event time of its first reading."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one release on one machine."""

    result: Result
    """`NONE`: it was still being tried at the end."""
    reason: Reason
    windows: int
    """Until it was over, from when it was handed over."""
    was_in_charge: bool
    false_alarms: int
    """Raised after it was handed over and before wear began."""
    lead: float | None
    """Share of the time from onset to failure that was left at the first alarm; 0: there was none in time;
    None: nothing wore."""


def plan_courses(profile: MachineProfile, per_kind: int, seed: int) -> list[tuple[str, MachineConfig, float]]:
    """Machines by kind, with how long each is watched: healthy, wearing afterwards, wearing in the trial."""
    random = np.random.default_rng(np.random.SeedSequence([seed, 0x7A1]))
    modes = possible_modes(profile)
    planned = []
    for kind, onset_s in ((HEALTHY, None), (LATER, OFFERED_S + TRIAL_S), (MEANWHILE, OFFERED_S)):
        for number in range(per_kind):
            life_s = math.exp(random.uniform(*np.log(LIFE_S)))
            duty = list(Duty)[int(random.integers(len(Duty)))]
            wear = None if onset_s is None else WearPlan(modes[number % len(modes)], onset_s, life_s)
            config = MachineConfig(profile, int(random.integers(FIRST_SEED, 2**32)), wear, duty)
            longest_s = OFFERED_S + 2 * TRIAL_S if wear is None else 3 * wear.failure_s
            planned.append((kind, config, longest_s))
    return planned


def simulate(config: MachineConfig, seconds: float) -> Course:
    """Run a machine until it fails, or for so long; only its features are kept."""
    machine, extractor = SimulatedMachine(config), FeatureExtractor(config.profile)
    vectors: list[FeatureVector] = []
    onset_s, start_s = math.inf, math.nan
    while (state := machine.state).time_s < seconds and state.wear < 1:
        if state.wear > 0:
            onset_s = min(onset_s, state.time_s)
        for reading in machine.next_hop():
            start_s = reading.event_time_s if math.isnan(start_s) else start_s
            vectors += extractor.add(reading)
    return Course(tuple(vectors), onset_s, start_s)


def try_release(course: Course, old: Bundle, new: Bundle | None, test: SelfTest) -> Trial:
    """Let a device go through a machine's course.

    Args:
        course: Of the machine.
        old: What the device starts with.
        new: Is handed over on the way; None: nothing is.
        test: The self-test.
    """
    with tempfile.TemporaryDirectory(prefix="igtrial-") as folder:
        return _Device(Path(folder), course, old, test).run(new)


class _Device:
    """An agent but for its sensors, its outbox and its network."""

    def __init__(self, folder: Path, course: Course, old: Bundle, test: SelfTest) -> None:
        self._course = course
        self._folder = folder
        parts = SlotParts(lambda bundle, learned: open_model(bundle, "cpu", learned), test, start=_at_once)
        self._slots = ModelSlots(folder / "model", old, parts)
        self._watch = AlarmWatch(old.profile)
        self._alarms: list[float] = []

    def run(self, new: Bundle | None) -> Trial:
        """The whole course."""
        offered = over = None
        was_in_charge = False
        factory = self._slots.model.version
        for number, vector in enumerate(self._course.vectors):
            time_s = vector.event_time_s - self._course.start_s
            if new is not None and offered is None and time_s >= OFFERED_S:
                self._slots.offer(self._hand_over(new))
                offered = number
            self._take(vector, time_s, number % BOUNDARY_WINDOWS == 0)
            was_in_charge |= self._slots.model.version != factory
            is_over = self._slots.report.state in (Result.CONFIRMED, Result.REFUSED, Result.ROLLED_BACK)
            if offered is not None and over is None and is_over:
                over = number
        trial = self._sum_up(offered or 0, over, was_in_charge)
        self._slots.close()
        return trial

    def _take(self, vector: FeatureVector, time_s: float, is_boundary: bool) -> None:
        vector, _ = self._watch.inspect(vector)
        verdict = self._slots.score(vector, self._watch.is_alarming)
        for said in self._watch.judge(verdict):
            if said.kind is AlarmKind.ANOMALY and said.edge.transition is AlarmTransition.RAISED:
                self._alarms.append(time_s)
        self._slots.after_window(self._watch.is_alarming, is_boundary, lambda _: True)

    def _hand_over(self, new: Bundle) -> Offer:
        path = self._folder / "fetched.igb"
        path.write_bytes(format_bundle(new))
        return Offer(release_of(new), str(path))

    def _sum_up(self, offered: int, over: int | None, was_in_charge: bool) -> Trial:
        report, course = self._slots.report, self._course
        is_tried = report.state in list(Stage)
        return Trial(
            result=Result.NONE if is_tried else Result(report.state),
            reason=report.reason,
            windows=(len(course.vectors) if over is None else over) - offered,
            was_in_charge=was_in_charge,
            false_alarms=sum(OFFERED_S <= at < course.onset_s for at in self._alarms),
            lead=self._lead() if math.isfinite(course.onset_s) else None,
        )

    def _lead(self) -> float:
        course = self._course
        failure_s = course.vectors[-1].event_time_s - course.start_s
        found_s = min((at for at in self._alarms if at >= course.onset_s), default=failure_s)
        return (failure_s - found_s) / (failure_s - course.onset_s)


def _at_once(work: Job) -> None:
    """Slow work is done before the next window."""
    work()


class SelfTests:
    """Real self-tests, each in a process of its own, once for each release: it depends on nothing else.

    Args:
        profile: The machines'.
    """

    def __init__(self, profile: MachineProfile) -> None:
        self._test = ChildTest(profile, "cpu")
        self._answers: dict[str, Passed | Failed] = {}

    def __call__(self, path: Path, release: Release) -> Passed | Failed:
        """What the release's test said."""
        if release.sha256 not in self._answers:
            self._answers[release.sha256] = self._test.run(path, release)
        return self._answers[release.sha256]
