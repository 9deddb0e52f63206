"""The parts of the device's road as operations that can be timed: features, model, decision, the whole agent.

Rule: the device's own code on readings of a simulated healthy machine of the bundle's profile, past its
warm-up, so that every window runs the model. Readings, windows and feature vectors are made before the clock
starts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from contract.bundle import Bundle
from contract.errors import ConfigError
from contract.extract import FeatureExtractor
from contract.features import FeatureVector, compute_features
from contract.profiles import MachineProfile, WindowSpec, load_profile
from contract.quality import QualityCheck
from contract.signals import Reading
from contract.windows import Window, Windower
from edge_agent.agent import Agent
from edge_agent.scorer import Verdict
from edge_agent.settings import AgentSettings
from edge_agent.tflite import ModelRunner
from industrialguard.bench.device import DeviceDecisions
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.noise_machine import NoiseMachine
from industrialguard.bench.timing import Call, Operation
from models.parity import DeviceModel
from simulators.machine import MachineConfig, SimulatedMachine

T = TypeVar("T")
Int8 = npt.NDArray[np.int8]
Float32 = npt.NDArray[np.float32]

AGENT = "agent's whole loop"
WINDOW = "window to decision"
VECTOR = "features to decision"
FEATURES = "features of a window"
MODEL = "model with quantising"
RAW = "samples to features"
RAW_PLAIN = "samples to features, then bare interpreter"
PLAIN = "features, then bare interpreter"
BARE = "bare interpreter, int8"
FLOAT = "bare interpreter, float32 twin"
SECOND = "1 s of 2 axes at 25.6 kHz to features"

START_S = 1.7e9
"""Machine time begins here, s since the Unix epoch."""
POOL_WINDOWS = 64
"""Different windows that operations go round in."""
WARMUP_FACTOR = 4
"""Windows after which a warm-up must be over, in multiples of what the profile asks for."""


class Machine(Protocol):
    """What readings come from."""

    def next_hop(self) -> list[Reading]:
        """The readings of the next hop, in time order."""


class ReplaySource:
    """Readings from memory as an agent's source; refilled between two blocks."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._ready: deque[Reading] = deque()

    def refill(self, hops: int) -> None:
        """Have the readings of so many hops ready."""
        for _ in range(hops):
            self._ready.extend(self._machine.next_hop())

    @property
    def waiting(self) -> int:
        """Readings that are ready."""
        return len(self._ready)

    def read(self) -> Reading | None:
        """The next reading."""
        return self._ready.popleft() if self._ready else None

    @property
    def is_exhausted(self) -> bool:
        """Never; it is refilled."""
        return False

    def close(self) -> None:
        """Let go of what is left."""
        self._ready.clear()


class WholeAgent:
    """`Agent.step` until one more window is scored, outbox and learned state on disk included.

    Raises:
        NothingToJudgeError: the agent does not come out of its warm-up.
    """

    def __init__(self, bundle: Bundle, state_folder: Path) -> None:
        self._source = ReplaySource(simulated(bundle.profile))
        self._agent = Agent(AgentSettings("bench", state_folder), self._source, bundle)
        self._agent.start()
        for _ in range(_warmup_windows(bundle.profile)):
            self.prepare(1)
            while self._source.waiting:
                if self._agent.step().windows_scored:
                    return
        self.close()
        raise _stuck(bundle)

    @property
    def scored(self) -> int:
        """Windows scored since its start."""
        return self._agent.counters.scored

    def close(self) -> None:
        """Close outbox and state."""
        self._agent.close()

    def prepare(self, count: int) -> None:
        """Have enough readings."""
        self._source.refill(count + 2)

    def run(self) -> None:
        """One more scored window."""
        step = self._agent.step
        while not step().windows_scored:
            pass


@dataclass(slots=True)
class Decision:
    """From a window, or from its features, to the alarm's state; one of the two is given.

    The windows go round, each time with later stamps.
    """

    bundle: Bundle
    windows: list[Window] = field(repr=False)
    with_features: bool
    """Whether computing the features is part of it."""
    _ready: deque[Window | FeatureVector] = field(default_factory=deque, repr=False)
    _number: int = 0

    def __post_init__(self) -> None:
        self._device = DeviceDecisions(self.bundle)
        for _ in range(_warmup_windows(self.bundle.profile)):
            vector = compute_features(self._next_window(), self.bundle.profile)
            if self._device.decide(vector).score is not None:
                return
        raise _stuck(self.bundle)

    _device: DeviceDecisions = field(init=False, repr=False)
    last: Verdict | None = field(default=None, init=False)
    """The newest verdict."""

    def prepare(self, count: int) -> None:
        """Make later windows of the pool's, or their features."""
        self._ready.clear()
        for _ in range(count):
            window = self._next_window()
            self._ready.append(
                window if self.with_features else compute_features(window, self.bundle.profile)
            )

    def run(self) -> None:
        """One decision."""
        given = self._ready.popleft()
        vector = compute_features(given, self.bundle.profile) if isinstance(given, Window) else given
        self.last = self._device.decide(vector)

    def _next_window(self) -> Window:
        window = self.windows[self._number % len(self.windows)]
        start_s = START_S + self._number * self.bundle.profile.window.hop_s
        self._number += 1
        return replace(window, start_s=start_s, end_s=start_s + window.end_s - window.start_s)


class RawFeatures:
    """From raw readings of one hop to its feature vector: quality, windows and features.

    Args:
        profile: Of the machine that is simulated.
        then: What follows each vector, as part of the run.
    """

    def __init__(self, profile: MachineProfile, then: Callable[[], object] = lambda: None) -> None:
        machine = simulated(profile)
        self._source = ReplaySource(machine)
        self._extractor = FeatureExtractor(profile)
        self._then = then
        self.last: FeatureVector | None = None
        """The newest vector."""
        while self.last is None:  # the first window may take several hops
            vectors = [v for reading in machine.next_hop() for v in self._extractor.add(reading)]
            self.last = vectors[-1] if vectors else None

    def prepare(self, count: int) -> None:
        """Have enough readings."""
        self._source.refill(count + 2)

    def run(self) -> None:
        """One more feature vector."""
        while (reading := self._source.read()) is not None:
            if vectors := self._extractor.add(reading):
                self.last = vectors[-1]
                self._then()
                return
        raise RuntimeError("prepare() for as many runs first")


@dataclass(frozen=True, slots=True)
class Contexts:
    """Contexts for the model alone."""

    quantised: list[Int8] = field(repr=False)
    """int8 (1, 1, T, F) each."""
    real: list[Float32] = field(repr=False)
    """float32 (T, F) each, the same in standard deviations."""

    @classmethod
    def of(cls, bundle: Bundle) -> Contexts:
        """The bundle's golden inputs."""
        device = DeviceModel(bundle.model)
        quantised = [given[np.newaxis] for given in bundle.golden_input]
        return cls(quantised, [device.input.dequantise(given[0, 0]) for given in quantised])


def simulated(profile: MachineProfile, seed: int = 1) -> Machine:
    """A healthy machine of this profile; where the simulator cannot build one, levels with noise."""
    try:
        return SimulatedMachine(MachineConfig(profile=profile, seed=seed), START_S)
    except ConfigError:
        return NoiseMachine(profile, seed, START_S)


def cut_windows(profile: MachineProfile, count: int = POOL_WINDOWS) -> list[Window]:
    """Windows of a simulated healthy machine."""
    machine, quality, windower = simulated(profile), QualityCheck(profile), Windower(profile)
    windows: list[Window] = []
    while len(windows) < count:
        checked = (quality.check(reading) for reading in machine.next_hop())
        windows += [window for c in checked if c is not None for window in windower.add(c)]
    return windows[:count]


def vibration_second() -> MachineProfile:
    """The bearing rig with bursts of a whole second: two axes at 25.6 kHz without a pause."""
    rig = load_profile("bearing-rig")
    return replace(
        rig,
        name="vibration-second",
        window=WindowSpec(length_s=1.0, hop_s=1.0, context=rig.window.context),
        sensors=tuple(replace(sensor, burst_samples=round(sensor.rate_hz)) for sensor in rig.sensors),
    )


def bundle_operations(bundle: Bundle, agent: WholeAgent, twin: bytes | None) -> dict[str, Operation]:
    """Every part of a bundle's road, by the name of its row.

    Args:
        bundle: What is measured.
        agent: An agent that runs it, past its warm-up.
        twin: The float32 twin of its model; None: there is none.
    """
    contexts, windows = Contexts.of(bundle), cut_windows(bundle.profile)
    runner = ModelRunner(bundle.model)
    quantised, real, bursts = _cycle(contexts.quantised), _cycle(contexts.real), _cycle(windows)

    def bare() -> None:
        runner.invoke_quantised(next(quantised))

    def plain() -> None:
        compute_features(next(bursts), bundle.profile)
        bare()

    operations: dict[str, Operation] = {
        AGENT: agent,
        WINDOW: Decision(bundle, windows, with_features=True),
        VECTOR: Decision(bundle, windows, with_features=False),
        FEATURES: Call(lambda: compute_features(next(bursts), bundle.profile)),
        MODEL: Call(lambda: runner.reconstruct(next(real))),
        RAW: RawFeatures(bundle.profile),
        RAW_PLAIN: RawFeatures(bundle.profile, bare),
        PLAIN: Call(plain),
        BARE: Call(bare),
    }
    if twin is not None:
        device = DeviceModel(twin)
        floats = _cycle([given[np.newaxis, np.newaxis] for given in contexts.real])
        operations[FLOAT] = Call(lambda: device.run(next(floats)))
    return operations


def _cycle(items: list[T]) -> Iterator[T]:
    while True:
        yield from items


def _warmup_windows(profile: MachineProfile) -> int:
    warmup = profile.warmup
    return WARMUP_FACTOR * (warmup.baseline_windows + warmup.calibration_windows + profile.window.context)


def _stuck(bundle: Bundle) -> NothingToJudgeError:
    return NothingToJudgeError(
        f"the bundle {bundle.manifest.name} scores nothing on a simulated machine; its profile "
        f"{bundle.profile.name} cannot be benchmarked"
    )
