"""Feature vectors → verdicts: is this machine as it was when it was healthy?

Rule: pure of I/O. In each regime a machine first fixes its own baseline, then its own healthy model error,
and only then is scored. Nothing is learned while an alarm is active. A cell that was not believed is zero for
the model and absent from the error. The context is contiguous: a gap, a standstill or a regime still warming
up empties it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.bundle import Bundle
from contract.features import FeatureVector, feature_specs
from contract.messages import MAX_CONTRIBUTIONS, Contribution, MachineState
from contract.scoring import Baseline, ErrorCalibration, feature_errors, model_error, window_errors
from edge_agent.errors import ModelError
from edge_agent.tflite import ModelRunner

MIN_CONFIDENCE = 0.5
"""Share of believable features below which a window, or a whole context, is not judged."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the model says of one window."""

    event_time_s: float
    state: MachineState
    """WARMING_UP, WATCHING, STANDSTILL or BLIND; ALARMING is the alarm's word."""
    score: float | None
    """0..1, higher is more anomalous; None when the window could not be scored."""
    confidence: float
    """Share of the features that were believable, 0..1."""
    regime: str
    error: float | None = None
    """The model's error over the context, in squared standard deviations; None when the model did not run."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why the last scored window got its score."""

    contributions: tuple[Contribution, ...]
    """Largest share first, at most 8."""
    error_profile: tuple[float, ...]
    """Model error of each window in the context, oldest first."""


class Scorer:
    """The model and what it has learned of one machine.

    Args:
        bundle: Model, profile and the fleet's priors.
        runner: The model, loaded.

    Raises:
        ModelError: the model does not fit the bundle's profile.
    """

    def __init__(self, bundle: Bundle, runner: ModelRunner) -> None:
        profile = bundle.profile
        self._specs = feature_specs(profile)
        shape = (profile.window.context, len(self._specs))
        if runner.shape != shape:
            raise ModelError(
                f"the model sees (T, F) = {runner.shape}, profile {profile.name} gives {shape}; train anew"
            )
        self._off = frozenset(profile.regime.off) if profile.regime else frozenset()
        self._known = frozenset(profile.regime.names) if profile.regime else frozenset({""})
        self._runner = runner
        self._profile = profile
        self._manifest = bundle.manifest
        self._baseline = Baseline(profile, self._manifest.fleet_spread, self._manifest.prior_windows)
        self._calibration = ErrorCalibration(
            profile, self._manifest.fleet_error_spread, self._manifest.prior_windows
        )
        self._context = np.zeros(shape, np.float32)
        self._valid = np.zeros(shape, np.bool_)
        self._filled = 0
        self._reconstruction: npt.NDArray[np.float32] | None = None

    def score(self, vector: FeatureVector, is_alarming: bool = False) -> Verdict:
        """Judge one window.

        Args:
            vector: Its features; vectors come in time order.
            is_alarming: Whether an alarm is active: then nothing is learned.
        """
        self._reconstruction = None
        if vector.gap_before:
            self._filled = 0
        if vector.regime in self._off:
            self._filled = 0
            return self._verdict(vector, MachineState.STANDSTILL)
        if vector.confidence < MIN_CONFIDENCE or vector.regime not in self._known:
            self._push_nothing()
            return self._verdict(vector, MachineState.BLIND)
        if not self._baseline.is_ready(vector.regime):
            self._filled = 0
            if not is_alarming:
                self._baseline.observe(vector)
            return self._verdict(vector, MachineState.WARMING_UP)
        self._push(self._baseline.standardise(vector), self._baseline.mask(vector))
        if self._filled < len(self._context):
            return self._verdict(vector, self._phase)
        if np.count_nonzero(self._valid) < MIN_CONFIDENCE * self._valid.size:
            return self._verdict(vector, MachineState.BLIND)
        return self._run_model(vector, is_alarming)

    def explain(self) -> Evidence:
        """Why the window judged last got its score.

        Raises:
            ValueError: it got none.
        """
        if self._reconstruction is None:
            raise ValueError("the last window was not scored; explain() follows a verdict with a score")
        errors = feature_errors(self._context, self._reconstruction, self._valid)
        total = float(errors.sum()) or 1.0
        order = np.argsort(-errors, kind="stable")[:MAX_CONTRIBUTIONS]
        contributions = tuple(
            Contribution(
                feature=self._specs[i].name,
                sensor=self._specs[i].sensor,
                share=min(1.0, float(errors[i]) / total),
                deviation=float(self._context[-1, i]),
            )
            for i in order
            if errors[i] > 0
        )
        profile = window_errors(self._context, self._reconstruction, self._valid)
        return Evidence(contributions, tuple(float(e) for e in profile))

    def to_state(self) -> dict[str, Any]:
        """What has been learned, JSON-safe."""
        return {"baseline": self._baseline.to_state(), "calibration": self._calibration.to_state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `to_state`; the context starts empty, a restart is a gap.

        Raises:
            StateError: the state is damaged; nothing has been changed.
            KeyError: a part is missing; nothing has been changed.
        """
        profile, manifest = self._profile, self._manifest
        baseline = Baseline.from_state(
            state["baseline"], profile, manifest.fleet_spread, manifest.prior_windows
        )
        calibration = ErrorCalibration.from_state(
            state["calibration"], profile, manifest.fleet_error_spread, manifest.prior_windows
        )
        self._baseline, self._calibration, self._filled = baseline, calibration, 0

    @property
    def _phase(self) -> MachineState:
        return MachineState.WATCHING if self._calibration.is_ready() else MachineState.WARMING_UP

    def _run_model(self, vector: FeatureVector, is_alarming: bool) -> Verdict:
        self._reconstruction = self._runner.reconstruct(self._context)
        error = model_error(self._context, self._reconstruction, self._valid)
        if self._calibration.is_ready():
            return self._verdict(vector, MachineState.WATCHING, self._calibration.score(error), error)
        if not is_alarming:
            self._calibration.observe(error)
        return self._verdict(vector, MachineState.WARMING_UP, None, error)

    def _push(self, standardised: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_]) -> None:
        self._context[:-1] = self._context[1:]
        self._valid[:-1] = self._valid[1:]
        self._context[-1] = standardised
        self._valid[-1] = valid
        self._filled = min(self._filled + 1, len(self._context))

    def _push_nothing(self) -> None:
        """Time goes on, unseen: a row of masked cells keeps the context contiguous."""
        self._push(np.zeros(self._context.shape[1], np.float32), np.zeros(self._context.shape[1], np.bool_))

    def _verdict(
        self,
        vector: FeatureVector,
        state: MachineState,
        score: float | None = None,
        error: float | None = None,
    ) -> Verdict:
        return Verdict(vector.event_time_s, state, score, vector.confidence, vector.regime, error)
