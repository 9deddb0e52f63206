"""What a device would say about a whole recording, computed at once.

Rule: the same parts as on the device (extraction, baseline, int8 model, calibration) in the same order; only
the k-of-n rule is written a second time, because the agent's package is out of reach here. A test holds it
against the agent's own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from contract.bundle import Bundle
from contract.profiles import AlarmSpec
from contract.scoring import Baseline, ErrorCalibration
from models.calibrate import machine_errors
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
        calibration = ErrorCalibration(profile, manifest.fleet_error_spread, manifest.prior_windows)
        times, scores = [], []
        errors = machine_errors(contexts, self._device)
        for time_s, error in zip(contexts.event_times_s.tolist(), errors.tolist(), strict=True):
            if not calibration.is_ready():
                calibration.observe(error)
                continue
            times.append(time_s)
            scores.append(calibration.score(error))
        return Judgement(
            machine.machine_id,
            len(machine.vectors),
            np.array(times, np.float64),
            np.array(scores, np.float64),
            tuple(find_alarms(profile.alarm, zip(times, scores, strict=True))),
        )


def find_alarms(
    spec: AlarmSpec, scored: Iterable[tuple[float, float]]
) -> Iterator[tuple[float, float | None]]:
    """Raise after `k` anomalous windows among the last `n`, clear after `clear_after` calm ones in a row.

    Args:
        spec: The rule.
        scored: (event time in s, score) of each window, oldest first.

    Yields:
        When each alarm was raised and cleared, in s; None when it was active to the end.
    """
    recent: deque[bool] = deque(maxlen=spec.n)
    raised_s: float | None = None
    calm = 0
    for time_s, score in scored:
        if raised_s is None:
            recent.append(score >= spec.threshold)
            if sum(recent) >= spec.k:
                raised_s, calm = time_s, 0
                recent.clear()
            continue
        calm = calm + 1 if score < spec.clear_below else 0
        if calm >= spec.clear_after:
            yield raised_s, time_s
            raised_s = None
    if raised_s is not None:
        yield raised_s, None
