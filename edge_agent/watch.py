"""Everything an agent may raise an alarm about: its machine, its machine's slow drift, each of its sensors.

Rule: pure. Each kind has a rule of its own whose RAISED and CLEARED alternate; none waits for another. What a
doubted sensor says does not reach the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contract.alarm_rule import AlarmEdge, AlarmRule
from contract.features import FeatureVector
from contract.messages import AlarmKind
from contract.profiles import AlarmSpec, MachineProfile
from contract.signals import QualityFlag
from contract.trust import believed, doubted_shares
from edge_agent.scorer import Verdict
from edge_agent.sensor_faults import SensorFaultRule

DRIFT_THRESHOLD = 0.5
"""Half of the scale of `edge_agent.drift.SlowDrift.level`: four spreads of a healthy machine."""
DRIFT_CLEAR_BELOW = 0.4


@dataclass(frozen=True, slots=True)
class Announcement:
    """An alarm's edge and what it is about."""

    kind: AlarmKind
    edge: AlarmEdge
    threshold: float
    """Score from which a window counted."""
    sensor: str = ""
    flags: QualityFlag = QualityFlag.NONE


class AlarmWatch:
    """The alarm rules of one device.

    Args:
        profile: Its alarm rule and sensors.
    """

    def __init__(self, profile: MachineProfile) -> None:
        self._profile = profile
        self._machine_spec = profile.alarm_rule
        self._machine = AlarmRule(self._machine_spec)
        self._drift_spec = drift_spec(self._machine_spec)
        self._drift = AlarmRule(self._drift_spec)
        self._sensors = SensorFaultRule(profile)

    @property
    def is_alarming(self) -> bool:
        """Whether the machine's own alarm is active; neither drift nor a sensor counts."""
        return self._machine.is_active

    def inspect(self, vector: FeatureVector) -> tuple[FeatureVector, list[Announcement]]:
        """Take one window before it is scored.

        Returns:
            The window without the sensors that cannot be believed, and what is to be said of them.
        """
        shares = doubted_shares(vector)
        edges = self._sensors.update(vector.event_time_s, shares, vector.flags)
        said = [
            Announcement(AlarmKind.SENSOR_FAULT, e.edge, self._sensors.spec.threshold, e.sensor, e.flags)
            for e in edges
        ]
        return believed(vector, self._profile, self._sensors.active), said

    def judge(self, verdict: Verdict) -> list[Announcement]:
        """Take what the model says of that window; returns what is to be said of the machine."""
        said = []
        edge = self._machine.update(verdict.event_time_s, verdict.score)
        if edge is not None:
            said.append(Announcement(AlarmKind.ANOMALY, edge, self._machine_spec.threshold))
        # A machine that alarms has moved, too; what is said of it then is the alarm.
        drift = None if self._machine.is_active else verdict.drift
        edge = self._drift.update(verdict.event_time_s, drift)
        if edge is not None:
            said.append(Announcement(AlarmKind.DRIFT, edge, self._drift_spec.threshold))
        return said

    def end(self, event_time_s: float) -> list[Announcement]:
        """Forget what the machine did before a repair; returns what is to be said of alarms that stood."""
        ended = (
            (AlarmKind.ANOMALY, self._machine.end(event_time_s), self._machine_spec),
            (AlarmKind.DRIFT, self._drift.end(event_time_s), self._drift_spec),
        )
        return [Announcement(kind, edge, spec.threshold) for kind, edge, spec in ended if edge is not None]

    def to_state(self) -> dict[str, Any]:
        """JSON-safe state, to survive a restart."""
        return {
            "machine": self._machine.to_state(),
            "drift": self._drift.to_state(),
            "sensors": self._sensors.to_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from `to_state`.

        Raises:
            ValueError: not such a state; start from a new watch then.
        """
        try:
            parts = state["machine"], state["drift"], state["sensors"]
        except (KeyError, TypeError) as error:
            raise ValueError(f"not the state of an agent's alarms: {error!r}") from error
        self._machine.restore(parts[0])
        self._drift.restore(parts[1])
        self._sensors.restore(parts[2])


def drift_spec(alarm: AlarmSpec) -> AlarmSpec:
    """The rule for slow drift: every one of the last n windows must say so.

    What is slow has time, and a fault that comes fast must not be announced as drift first.
    """
    return AlarmSpec(
        threshold=DRIFT_THRESHOLD,
        k=alarm.n,
        n=alarm.n,
        clear_below=DRIFT_CLEAR_BELOW,
        clear_after=alarm.clear_after,
    )
