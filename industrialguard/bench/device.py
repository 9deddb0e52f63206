"""What a device decides about one window after another: the agent's own steps, without its messages.

Rule: the agent's parts in the agent's order, so that whoever measures decisions measures those of a device. A
test holds it against a real agent.
"""

from __future__ import annotations

from contract.bundle import Bundle
from contract.features import FeatureVector
from edge_agent.scorer import Scorer, Verdict
from edge_agent.tflite import ModelRunner
from edge_agent.watch import AlarmWatch


class DeviceDecisions:
    """A bundle on one machine, from its first window on.

    Args:
        bundle: Model, profile and priors.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._scorer = Scorer(bundle, ModelRunner(bundle.model, accelerator="cpu"))
        self._watch = AlarmWatch(bundle.profile)

    @property
    def is_alarming(self) -> bool:
        """Whether the machine's own alarm is active."""
        return self._watch.is_alarming

    def decide(self, vector: FeatureVector) -> Verdict:
        """Judge the next window; afterwards `is_alarming` tells whether there is an alarm."""
        believed, _ = self._watch.inspect(vector)
        verdict = self._scorer.score(believed, self._watch.is_alarming)
        self._watch.judge(verdict)
        return verdict
