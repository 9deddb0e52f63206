"""The alarm: k anomalous windows among the last n raise it, a run of calm ones clears it.

Rule: causal and pure. The verdict on a window depends on the windows up to it and nothing else; a window
without a score neither advances nor resets anything. RAISED and CLEARED strictly alternate, RAISED first.

>>> rule = AlarmRule(AlarmSpec(threshold=0.5, k=2, n=3, clear_below=0.3, clear_after=2))
>>> [edge.transition.name for t, s in enumerate([.9, .1, .9, .1, .1]) if (edge := rule.update(float(t), s))]
['RAISED', 'CLEARED']
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from contract.messages import AlarmTransition
from contract.profiles import AlarmSpec


@dataclass(frozen=True, slots=True)
class AlarmEdge:
    """The moment an alarm was raised or cleared."""

    transition: AlarmTransition
    event_time_s: float
    """End of the window that decided, s since the Unix epoch."""
    since_s: float
    """End of the first anomalous window of this alarm; the same in RAISED and CLEARED."""
    score: float
    """Score of the window that decided, 0..1."""


class AlarmRule:
    """State machine over (event time, score); constant memory."""

    def __init__(self, spec: AlarmSpec) -> None:
        self._spec = spec
        self._anomalous_at: deque[float | None] = deque(
            maxlen=spec.n
        )  # event time where anomalous, else None
        self._calm_run = 0
        self._since_s: float | None = None

    @property
    def is_active(self) -> bool:
        """Whether the alarm has been raised and not cleared since."""
        return self._since_s is not None

    def update(self, event_time_s: float, score: float | None) -> AlarmEdge | None:
        """Take one window's score.

        Args:
            event_time_s: End of the window.
            score: 0..1, or None when the window was not scored.

        Returns:
            The edge that this window caused, if any.
        """
        if score is None:
            return None
        if self._since_s is not None:
            return self._watch_for_calm(event_time_s, score, self._since_s)
        is_anomalous = score >= self._spec.threshold
        self._anomalous_at.append(event_time_s if is_anomalous else None)
        if not is_anomalous:
            return None
        anomalous = [t for t in self._anomalous_at if t is not None]
        if len(anomalous) < self._spec.k:
            return None
        self._since_s, self._calm_run = anomalous[0], 0
        return AlarmEdge(AlarmTransition.RAISED, event_time_s, anomalous[0], score)

    def end(self, event_time_s: float) -> AlarmEdge | None:
        """Forget all windows, as after a repair; returns the end of the alarm, if one is active."""
        since_s, self._since_s = self._since_s, None
        self._anomalous_at.clear()
        return None if since_s is None else AlarmEdge(AlarmTransition.CLEARED, event_time_s, since_s, 0.0)

    def _watch_for_calm(self, event_time_s: float, score: float, since_s: float) -> AlarmEdge | None:
        self._calm_run = self._calm_run + 1 if score < self._spec.clear_below else 0
        if self._calm_run < self._spec.clear_after:
            return None
        self._since_s = None
        self._anomalous_at.clear()
        return AlarmEdge(AlarmTransition.CLEARED, event_time_s, since_s, score)

    def to_state(self) -> dict[str, Any]:
        """JSON-safe state, to survive a restart."""
        return {
            "since_s": self._since_s,
            "calm_run": self._calm_run,
            "anomalous_at": list(self._anomalous_at),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `to_state`.

        Raises:
            ValueError: not such a state.
        """
        try:
            since = state["since_s"]
            recent = [None if t is None else float(t) for t in state["anomalous_at"]]
            calm_run = int(state["calm_run"])
            self._since_s = None if since is None else float(since)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an alarm's state: {error}") from error
        self._calm_run = calm_run
        self._anomalous_at.clear()
        self._anomalous_at.extend(recent)
