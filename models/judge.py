"""What a device would say about a whole recording, computed at once.

Rule: the same parts as on the device (extraction, baseline, context, int8 model, calibration, alarm rule) in
the same order; a test holds it against the agent itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from contract.alarm_rule import AlarmRule
from contract.bundle import Bundle
from contract.calibration import ErrorCalibration
from contract.creep import Creep
from contract.messages import AlarmTransition
from contract.profiles import MachineProfile
from contract.scoring import Baseline, model_error
from models.dataset import MachineVectors, cut_contexts
from models.parity import DeviceModel

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One machine's scores and alarms."""

    machine_id: str
    windows: int
    """Windows in the recording, scored or not."""
    event_times_s: Floats = field(repr=False)
    """float64 (n,), ends of the scored windows."""
    scores: Floats = field(repr=False)
    """float64 (n,), 0..1."""
    alarms: tuple[tuple[float, float | None], ...]
    """When each alarm was raised and cleared; None: still active at the end."""


class Judge:
    """Judges recordings with one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._device = DeviceModel(bundle.model)

    def judge(self, machine: MachineVectors) -> Judgement:
        """Score a machine from its first window on and apply the alarm rule."""
        manifest, profile = self.bundle.manifest, self.bundle.profile
        contexts = cut_contexts(
            machine, profile, lambda: Baseline(profile, manifest.fleet_spread, manifest.prior_windows)
        )
        creep, verdicts = Creep(profile), Verdicts(profile, *manifest.error_prior)
        reconstructed = self._device.reconstruct(contexts.standardised)
        rows = zip(
            contexts.event_times_s.tolist(), contexts.standardised, reconstructed, contexts.valid, strict=True
        )
        for time_s, standardised, rebuilt, valid in rows:
            likely = creep.forgive(standardised, rebuilt)
            if verdicts.add(time_s, model_error(standardised, likely, valid, self.bundle.yardstick)):
                creep.add(standardised[-1], valid[-1])
        return Judgement(
            machine.machine_id,
            len(machine.vectors),
            np.array(verdicts.times_s, np.float64),
            np.array(verdicts.scores, np.float64),
            tuple(verdicts.alarms),
        )


class Verdicts:
    """From one machine's errors, oldest first, to its scores and alarms."""

    def __init__(self, profile: MachineProfile, location: float, spread: float, prior_windows: int) -> None:
        self._spec = profile.alarm_rule
        self._rule = AlarmRule(self._spec)
        self._calibration = ErrorCalibration(profile, location, spread, prior_windows)
        self.times_s: list[float] = []
        self.scores: list[float] = []
        self.alarms: list[tuple[float, float | None]] = []
        """When each alarm was raised and cleared, in s; None while it is active."""

    def add(self, time_s: float, error: float) -> bool:
        """Take the model's error of the context that ends at `time_s`; says whether it was learned from."""
        if not self._calibration.is_ready():
            self._calibration.observe(error)
            return True
        score = self._calibration.score(error)
        is_learned = score < self._spec.threshold and not self._rule.is_active
        if is_learned:
            self._calibration.observe(error)
        self.times_s.append(time_s)
        self.scores.append(score)
        edge = self._rule.update(time_s, score)
        if edge is not None and edge.transition is AlarmTransition.RAISED:
            self.alarms.append((time_s, None))
        elif edge is not None:
            self.alarms[-1] = (self.alarms[-1][0], time_s)
        return is_learned
