"""What a simulated machine's windows say without a network: baselines that learn each machine by itself.

Rule: the windows that the device believed, in the model's own space; each regime's first windows, as many as
the device's warm-up takes, are all that is learned; threshold and k of n are the same for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

import numpy as np
import numpy.typing as npt

from contract.alarm_rule import AlarmRule
from contract.context import is_usable
from contract.features import FeatureVector, feature_specs, to_model_space
from contract.messages import AlarmTransition
from contract.profiles import AlarmSpec, MachineProfile
from contract.scoring import JUDGED_WINDOWS
from models.baselines import Mahalanobis, MeanAbsoluteZ, SmoothedDetector, ZScorer, threshold, trailing_mean

Floats = npt.NDArray[np.float64]

AT_THRESHOLD = 0.5
"""Score of a window at its threshold, so that twice the threshold is the end of the scale."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One alarm; times are machine time, in s."""

    raised_s: float
    cleared_s: float = math.inf


Alarm = Callable[[MachineProfile, Sequence[float], Sequence[FeatureVector]], tuple[Episode, ...]]
"""From a machine's windows, with the time at which each closed, to its alarms."""


def always(
    profile: MachineProfile, times_s: Sequence[float], vectors: Sequence[FeatureVector]
) -> tuple[Episode, ...]:
    """One alarm that begins with the watch and never ends."""
    return (Episode(0.0),)


def make_alarm(core: Callable[[], ZScorer], features: str = "*") -> Alarm:
    """A baseline's alarms.

    Args:
        core: Makes what scores a standardised window.
        features: Pattern of the names of the features that it sees.
    """

    def alarm(
        profile: MachineProfile, times_s: Sequence[float], vectors: Sequence[FeatureVector]
    ) -> tuple[Episode, ...]:
        specs = feature_specs(profile)
        kept = [column for column, spec in enumerate(specs) if fnmatch(spec.name, features)]
        scores = np.full(len(vectors), np.nan)
        regimes: dict[str, list[int]] = {}
        for number, vector in enumerate(vectors):
            if is_usable(vector, profile):
                regimes.setdefault(vector.regime, []).append(number)
        for numbers in regimes.values():
            rows = to_model_space(np.array([vectors[n].values for n in numbers], np.float32), specs)
            scores[numbers] = _score(core(), rows[:, kept].astype(np.float64), warmup_windows(profile))
        return _episodes(scores, times_s, profile)

    return alarm


def warmup_windows(profile: MachineProfile) -> int:
    """Windows of a regime that are learned from."""
    return profile.warmup.baseline_windows + profile.warmup.calibration_windows


def _score(core: ZScorer, rows: Floats, known: int) -> Floats:
    """Scores in thresholds; NaN in the warm-up. float64 (n,)."""
    if len(rows) <= known:
        return np.full(len(rows), np.nan)
    detector = SmoothedDetector(core, 1)
    detector.fit(rows[:known])
    scores = trailing_mean(detector.score(rows), JUDGED_WINDOWS)
    scores /= threshold(scores[:known])
    scores[:known] = np.nan
    return scores


def _episodes(scores: Floats, times_s: Sequence[float], profile: MachineProfile) -> tuple[Episode, ...]:
    """The profile's k of n over scores in thresholds."""
    spec = AlarmSpec(
        threshold=AT_THRESHOLD,
        k=profile.alarm.k,
        n=profile.alarm.n,
        clear_below=AT_THRESHOLD,
        clear_after=profile.alarm.clear_after,
    )
    rule = AlarmRule(spec)
    found: list[Episode] = []
    for time_s, score in zip(times_s, scores.tolist(), strict=True):
        edge = rule.update(time_s, None if math.isnan(score) else min(AT_THRESHOLD * score, 1.0))
        if edge is None:
            continue
        if edge.transition is AlarmTransition.RAISED:
            found.append(Episode(time_s))
        else:
            found[-1] = Episode(found[-1].raised_s, time_s)
    return tuple(found)


ALARM_OF: Mapping[str, Alarm] = {
    "always alarm": always,
    "mean |z|": make_alarm(MeanAbsoluteZ),
    "Mahalanobis": make_alarm(Mahalanobis),
    "vibration RMS alone": make_alarm(MeanAbsoluteZ, features="vib_?_rms"),
}
