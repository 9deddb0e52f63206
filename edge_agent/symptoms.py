"""What an agent keeps of its machine's vibration to say what an alarm looks like.

Rule: pure, constant memory, and free while nothing is wrong: shaft lines are computed while the machine's
baseline is learned, in the windows that may become an alarm and for a while after it, in no others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from contract.diagnosis import LineLevels, Symptoms, feature_facts, find_hints, line_facts, shaft_frequency
from contract.explanation import MAX_BAND_SHARES, BandShare, Hint, SensorShare
from contract.features import FeatureVector, Values, feature_specs
from contract.lines import Floats, LineBaseline, shaft_lines
from contract.messages import MAX_CONTRIBUTIONS, Contribution, MachineState
from contract.profiles import MachineProfile
from contract.signals import Samples, SensorSpec
from contract.vibration import vibration_plan
from edge_agent.scorer import Evidence, Verdict

Bursts = Mapping[str, Samples]
_Lines = dict[str, Floats]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A window that looked anomalous."""

    regime: str
    values: Values
    lines: _Lines


class SymptomLog:
    """Shaft lines of one machine: its normal ones, and those of the newest windows that looked anomalous.

    Args:
        profile: Its waveform sensors, bearing and alarm rule.
    """

    def __init__(self, profile: MachineProfile) -> None:
        self._profile = profile
        self._baseline = LineBaseline(profile)
        self._recent: deque[_Seen | None] = deque(maxlen=profile.alarm.n)

    def note(
        self, vector: FeatureVector, verdict: Verdict, bursts: Bursts, is_alarming: bool = False
    ) -> None:
        """Take one window, before an alarm is announced or explained.

        Args:
            vector: Without the sensors that are doubted.
            verdict: On it.
            bursts: Newest whole burst of each waveform sensor, in its unit.
            is_alarming: Whether an alarm is active: then nothing is learned.
        """
        if verdict.state is MachineState.WARMING_UP:
            if not is_alarming:
                self._baseline.observe(vector.regime, self._lines(vector, bursts))
        elif verdict.score is not None:
            is_suspicious = verdict.score >= self._profile.alarm.clear_below
            seen = _Seen(vector.regime, vector.values, self._lines(vector, bursts)) if is_suspicious else None
            self._recent.append(seen)

    def find_hints(self, evidence: Evidence, vector: FeatureVector) -> tuple[Hint, ...]:
        """What an alarm looks like in its newest windows, of which this is the last."""
        profile = self._profile
        recent = [seen for seen in self._recent if seen is not None and seen.regime == vector.regime]
        values = _mean_values([seen.values for seen in recent] or [vector.values])
        shaft_hz = shaft_frequency(profile, values)
        facts = feature_facts(profile, values, evidence.levels, evidence.deviations)
        facts |= line_facts(self._line_levels(vector.regime, recent), shaft_hz)
        shares = {part.sensor: part.share for part in sensor_shares(profile, evidence.shares)}
        return find_hints(Symptoms(profile, facts, shares))

    def to_state(self) -> dict[str, Any]:
        """What has been learned, JSON-safe."""
        return self._baseline.to_state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from `to_state`.

        Raises:
            StateError: the state is damaged; nothing has been changed.
        """
        self._baseline.restore(state)

    def _lines(self, vector: FeatureVector, bursts: Bursts) -> _Lines:
        shaft_hz = shaft_frequency(self._profile, vector.values.tolist())
        specs = feature_specs(self._profile)
        believed = {specs[i].sensor for i in np.flatnonzero(vector.valid)}
        return {
            spec.name: shaft_lines(bursts[spec.name], spec, shaft_hz)
            for spec in self._profile.waveforms
            if spec.name in bursts and spec.name in believed
        }

    def _line_levels(self, regime: str, recent: Sequence[_Seen]) -> dict[str, LineLevels]:
        levels = {}
        for spec in self._profile.waveforms:
            found = [seen.lines[spec.name] for seen in recent if spec.name in seen.lines]
            if found:
                now = np.exp(np.mean(np.log(found), axis=0))
                levels[spec.name] = LineLevels(now, self._baseline.levels(regime, spec.name))
        return levels


def _mean_values(rows: Sequence[Values]) -> list[float]:
    """Mean of each feature over the windows in which it was believed; NaN where there is none."""
    values = np.array(rows, np.float64)
    believed = np.isfinite(values)
    sums, counts = np.where(believed, values, 0.0).sum(axis=0), believed.sum(axis=0)
    means: list[float] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).tolist()
    return means


def drift_evidence(profile: MachineProfile, evidence: Evidence) -> Evidence:
    """The same window explained by how far each feature has moved, not by what the model cannot follow.

    A feature's part is its squared slow deviation over the sum of all.
    """
    deviations = np.array(evidence.drift)
    squares = deviations**2
    shares = squares / (float(squares.sum()) or 1.0)
    specs = feature_specs(profile)
    order = [i for i in np.argsort(-shares, kind="stable")[:MAX_CONTRIBUTIONS] if shares[i] > 0]
    contributions = tuple(
        Contribution(specs[i].name, specs[i].sensor, float(shares[i]), float(deviations[i])) for i in order
    )
    return replace(
        evidence, contributions=contributions, shares=tuple(shares.tolist()), deviations=evidence.drift
    )


def sensor_shares(profile: MachineProfile, shares: tuple[float, ...]) -> tuple[SensorShare, ...]:
    """Part of every sensor in the model's error, largest first; nothing when the parts are not known.

    Args:
        profile: Says which feature is whose.
        shares: Of each feature.
    """
    totals = dict.fromkeys((spec.name for spec in profile.sensors), 0.0) if shares else {}
    for spec, share in zip(feature_specs(profile), shares, strict=bool(shares)):
        totals[spec.sensor] += share
    ordered = sorted(totals.items(), key=lambda item: -item[1])
    return tuple(SensorShare(name, min(total, 1.0)) for name, total in ordered)


def band_shares(profile: MachineProfile, shares: tuple[float, ...]) -> tuple[BandShare, ...]:
    """Part of each frequency band of the waveforms, largest first, those without a part left out."""
    bands = {
        f"{sensor.name}_band{number}": (sensor.name, low_hz, high_hz)
        for sensor in profile.waveforms
        for number, (low_hz, high_hz) in enumerate(_bands(sensor, profile), 1)
    }
    found = [
        BandShare(*bands[spec.name], min(share, 1.0))
        for spec, share in zip(feature_specs(profile), shares, strict=bool(shares))
        if spec.name in bands and share > 0
    ]
    return tuple(sorted(found, key=lambda band: -band.share)[:MAX_BAND_SHARES])


def _bands(sensor: SensorSpec, profile: MachineProfile) -> list[tuple[float, float]]:
    edges = vibration_plan(sensor.rate_hz, sensor.burst_samples, sensor.unit, profile).band_edges_hz
    return list(pairwise(edges))
