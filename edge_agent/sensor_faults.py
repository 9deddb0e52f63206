"""Which sensors cannot be believed any more: k doubted windows among the last n.

Rule: pure, causal, constant memory: a few numbers per sensor. A sensor fault says nothing of the machine; for
each sensor RAISED and CLEARED strictly alternate. The numbers k and n are those of the profile's alarm: they
say how long this kind of machine may be left unseen, and that is the same question.

A zero that drifts cannot be told from a machine that changes by the samples' quality; that is for the drift
rule and for hints.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contract.alarm_rule import AlarmEdge, AlarmRule
from contract.profiles import AlarmSpec, MachineProfile
from contract.signals import QualityFlag
from contract.trust import DOUBTED_SHARE, FAULT_FLAGS


@dataclass(frozen=True, slots=True)
class SensorFaultEdge:
    """The moment a sensor's fault was raised or cleared."""

    sensor: str
    flags: QualityFlag
    """Why it was not believed in the windows that decided."""
    edge: AlarmEdge
    """Its score is the share of the window's samples that were not believed."""


class SensorFaultRule:
    """State machines over the quality of each sensor's windows.

    Args:
        profile: Its sensors, and k of n.
    """

    def __init__(self, profile: MachineProfile) -> None:
        alarm = profile.alarm
        self.spec = AlarmSpec(
            threshold=DOUBTED_SHARE,
            k=alarm.k,
            n=alarm.n,
            clear_below=DOUBTED_SHARE,
            clear_after=alarm.clear_after,
        )
        """Of every sensor; scores are shares of samples."""
        self._rules = {sensor.name: AlarmRule(self.spec) for sensor in profile.sensors}
        self._recent: dict[str, deque[QualityFlag]] = {}
        """Of each sensor with a doubted window among its last n: why, window by window. A sensor that is not
        in here has nothing to be counted, so that healthy ones cost nothing."""

    @property
    def active(self) -> frozenset[str]:
        """Sensors whose fault has been raised and not cleared since."""
        return frozenset(name for name in self._recent if self._rules[name].is_active)

    def update(
        self, event_time_s: float, shares: Mapping[str, float], flags: Mapping[str, QualityFlag]
    ) -> list[SensorFaultEdge]:
        """Take one window.

        Args:
            event_time_s: Its end, s since the Unix epoch.
            shares: Of each sensor's samples, not believed; 0 where left out (`contract.trust`).
            flags: Why not.

        Returns:
            What it changed.
        """
        edges = []
        for sensor in shares:
            self._recent.setdefault(sensor, deque(maxlen=self.spec.n))
        for sensor, recent in list(self._recent.items()):
            rule = self._rules[sensor]
            recent.append(flags[sensor] & FAULT_FLAGS)
            edge = rule.update(event_time_s, shares.get(sensor, 0.0))
            if edge is not None:
                edges.append(SensorFaultEdge(sensor, _union(recent), edge))
            if not rule.is_active and len(recent) == self.spec.n and not any(recent):
                del self._recent[sensor]
        return edges

    def to_state(self) -> dict[str, Any]:
        """JSON-safe state, to survive a restart; flags of the last windows are not kept."""
        return {name: rule.to_state() for name, rule in self._rules.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from `to_state`; a sensor that the state does not know begins anew.

        Raises:
            ValueError: not such a state.
        """
        for name, rule in self._rules.items():
            if name not in state:
                continue
            rule.restore(state[name])
            self._recent[name] = deque(maxlen=self.spec.n)


def _union(flags: deque[QualityFlag]) -> QualityFlag:
    found = QualityFlag.NONE
    for one in flags:
        found |= one
    return found
