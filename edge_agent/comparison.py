"""Two models on the same windows: is the new one fit to take the old one's place?

Rule: pure, and constant memory. Only windows that both have scored count, and none while the machine alarms:
then nobody can say which of the two is right. In doubt the old model stays.
"""

from __future__ import annotations

import math
from statistics import median

from contract.alarm_rule import AlarmRule
from contract.bundle import Bundle
from edge_agent.scorer import Verdict
from edge_agent.slot_rules import Failed
from edge_agent.slot_state import Reason

SHADOW_WINDOWS = 60
"""Windows that are compared before a switch; at a hop of 5 s, five minutes."""
PROBATION_WINDOWS = 240
"""Windows that are compared after it."""
FAR_APART = 0.2
"""Mean distance of the two scores from which one of them must be wrong. Scores mean the same on every machine
and of every model; healthy ones lie around 0.04."""
SLOW_SHARE = 0.1
"""Part of a hop that scoring one window may take, and ..."""
SLOW_WINDOWS = 0.25
"""... share of the windows that may take longer, because a device has other work, too."""
UNKNOWN_MACHINE = 4.0
"""Spreads of its fleet that the new model's errors may lie further above the fleet's than the old one's: a
model that calibrates itself on this machine must still know it."""
_ALL = 0.9
_SAME = 1e-6


class Comparison:
    """Counts until there is a verdict.

    Args:
        new: The bundle that is tried.
        old: The one that it shall replace.
        windows: How many to compare.
    """

    def __init__(self, new: Bundle, old: Bundle, windows: int) -> None:
        self._bundles = new, old
        self._rules = AlarmRule(new.profile.alarm_rule), AlarmRule(old.profile.alarm_rule)
        self._threshold = new.profile.alarm_rule.threshold
        self._patience = old.profile.alarm.n + old.profile.alarm.clear_after
        self._needed = windows
        self._apart = 0
        """Windows in a row in which only one of the two would have alarmed."""
        self._distance = 0.0
        self._anomalous = self._slow = self._compared = 0
        self._errors: tuple[list[float], list[float]] = ([], [])
        self.is_current = False
        """Whether the newest window counted."""
        self.failure: Failed | None = None
        """Why the new one is not fit; None: nothing was found so far."""

    @property
    def compared(self) -> int:
        """Windows that counted."""
        return self._compared

    @property
    def is_passed(self) -> bool:
        """Whether enough was compared, and nothing was found."""
        return self.failure is None and self._compared >= self._needed

    def add(self, new: Verdict, old: Verdict | None, took_s: float, is_alarming: bool) -> None:
        """Take one window.

        Args:
            new: What the new model says of it.
            old: What the old one says; None where it cannot run any more.
            took_s: How long the new one took, in s.
            is_alarming: Whether the machine's alarm is active.
        """
        if self.failure is not None:
            return
        before = self._compared
        if new.error is not None and not math.isfinite(new.error):
            self.failure = Failed(Reason.NOT_A_NUMBER, "its error on a window of this machine is no number")
        elif new.score is not None:
            self._slow += took_s > SLOW_SHARE * self._bundles[0].profile.window.hop_s
            if old is not None and old.score is not None:
                self._compare(new, old, new.score, old.score, is_alarming)
            elif old is None:
                self._compared += not is_alarming
            self.failure = self._judge()
        self.is_current = self._compared > before

    def _compare(
        self, new: Verdict, old: Verdict, new_score: float, old_score: float, is_alarming: bool
    ) -> None:
        for rule, verdict in zip(self._rules, (new, old), strict=True):
            rule.update(verdict.event_time_s, verdict.score)
        self._apart = self._apart + 1 if self._rules[0].is_active != self._rules[1].is_active else 0
        if is_alarming:
            return
        self._compared += 1
        self._distance += abs(new_score - old_score)
        self._anomalous += new_score >= self._threshold
        for errors, verdict in zip(self._errors, (new, old), strict=True):
            if verdict.error is not None and len(errors) < self._needed:
                errors.append(verdict.error)

    def _judge(self) -> Failed | None:
        if self._slow > SLOW_WINDOWS * self._needed:
            sentence = f"{self._slow} windows took longer than {SLOW_SHARE:.0%} of a hop"
            return Failed(Reason.SLOW, sentence)
        if self._distance > FAR_APART * self._needed:
            mean = self._distance / self._compared
            return self._disagree(f"its scores are {mean:.2f} from the old model's on average")
        if self._apart > self._patience:
            which = "it alarms and the old model does not" if self._rules[0].is_active else "it stays silent"
            return self._disagree(f"over {self._apart} windows {which}")
        return self._judge_errors() if self._compared >= self._needed else None

    def _disagree(self, sentence: str) -> Failed:
        share = self._anomalous / max(self._compared, 1)
        if share < _ALL:
            return Failed(Reason.DISAGREES, sentence)
        return Failed(Reason.ALL_ANOMALOUS, f"it finds {share:.0%} of the windows anomalous")

    def _judge_errors(self) -> Failed | None:
        new, old = self._errors
        if not (new and old):
            return None
        if max(new) - min(new) <= _SAME * max(new) and max(old) - min(old) > _SAME * max(old):
            return Failed(Reason.CONSTANT, "its error is the same on every window")
        far = [self._spreads_above(*pair) for pair in zip(self._bundles, self._errors, strict=True)]
        if far[0] > max(far[1], 0.0) + UNKNOWN_MACHINE:
            sentence = f"it errs {far[0]:.0f} spreads more here than on its fleet, the old model {far[1]:.0f}"
            return Failed(Reason.DISAGREES, sentence)
        return None

    @staticmethod
    def _spreads_above(bundle: Bundle, errors: list[float]) -> float:
        location, spread, _ = bundle.manifest.error_prior
        return (math.log(max(median(errors), 1e-9)) - location) / spread
