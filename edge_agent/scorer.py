"""Feature vectors → verdicts: is this machine as it was when it was healthy?

Rule: pure of I/O. In each regime a machine first fixes its own baseline, then its own healthy model error,
and only then is scored. Nothing is learned while an alarm is active, nor from a window that would count as
anomalous. A cell that was not believed is zero for the model and absent from the error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.bundle import Bundle
from contract.calibration import ErrorCalibration
from contract.context import Context, Step
from contract.creep import Creep
from contract.features import FeatureVector, feature_specs
from contract.messages import MAX_CONTRIBUTIONS, Contribution, MachineState
from contract.scoring import (
    JUDGED_WINDOWS,
    Z_CLIP,
    Baseline,
    error_shares,
    feature_errors,
    model_error,
    window_errors,
)
from edge_agent.drift import SlowDrift
from edge_agent.errors import ModelError
from edge_agent.steadiness import Steadiness
from edge_agent.tflite import ModelRunner

_STATES = {
    Step.STANDSTILL: MachineState.STANDSTILL,
    Step.BLIND: MachineState.BLIND,
    Step.LEARNING: MachineState.WARMING_UP,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the model says of one window."""

    event_time_s: float
    state: MachineState
    """WARMING_UP, WATCHING, STANDSTILL, BLIND or UNSTEADY; ALARMING is the alarm's word."""
    score: float | None
    """0..1, higher is more anomalous; None when the window could not be scored."""
    confidence: float
    """Share of the features that were believable, 0..1."""
    regime: str
    error: float | None = None
    """The model's error over the context, in squared standard deviations; None when the model did not run."""
    drift: float | None = None
    """0..1, how far the machine has slowly moved from its baseline; None when the window was not judged."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why the last scored window got its score."""

    contributions: tuple[Contribution, ...]
    """Largest share first, at most 8."""
    error_profile: tuple[float, ...]
    """Model error of each window in the context, oldest first."""
    shares: tuple[float, ...] = ()
    """Part of each feature of the vector in the model's error; they add up to 1."""
    deviations: tuple[float, ...] = ()
    """Of each feature, mean over the newer half of the context, in standard deviations; NaN: not believed."""
    levels: tuple[float, ...] = ()
    """Of each feature in this regime's baseline, in its unit; NaN: not known."""
    drift: tuple[float, ...] = ()
    """Of each feature, slow mean deviation (`edge_agent.drift`), in standard deviations."""


class Scorer:
    """The model and what it has learned of one machine.

    Args:
        bundle: Model, profile and the fleet's priors.
        runner: The model, loaded.

    Raises:
        ModelError: the model does not fit the bundle's profile.
    """

    def __init__(self, bundle: Bundle, runner: ModelRunner) -> None:
        profile, manifest = bundle.profile, bundle.manifest
        self._specs = feature_specs(profile)
        shape = (profile.window.context, len(self._specs))
        if runner.shape != shape:
            raise ModelError(
                f"the model sees (T, F) = {runner.shape}, profile {profile.name} gives {shape}; train anew"
            )
        self._runner = runner
        self._profile = profile
        self._manifest = manifest
        self._yardstick = bundle.yardstick
        self._threshold = profile.alarm_rule.threshold
        self._reconstructed: npt.NDArray[np.float32] | None = None
        self._regime = ""
        self._begin()

    def _begin(self) -> None:
        profile, manifest = self._profile, self._manifest
        self._baseline = Baseline(profile, manifest.fleet_spread, manifest.prior_windows)
        self._calibration = ErrorCalibration(profile, *manifest.error_prior)
        self._context = Context(profile, self._baseline)
        self._creep = Creep(profile)
        self._drift = SlowDrift(profile)
        self._steadiness = Steadiness(profile)
        self._reconstructed = None

    def forget(self) -> None:
        """Learn the machine anew: after a repair it is another one."""
        self._begin()

    def score(self, vector: FeatureVector, is_alarming: bool = False) -> Verdict:
        """Judge one window.

        Args:
            vector: Its features; vectors come in time order.
            is_alarming: Whether an alarm is active: then nothing is learned.
        """
        self._reconstructed = None
        self._regime = vector.regime
        step = self._context.add(vector, may_learn=not is_alarming)
        self._steadiness.add(step)
        if step is not Step.READY:
            return self._verdict(vector, _STATES.get(step, self._unjudged_state))
        return self._run_model(vector, is_alarming)

    def imagine(self, deviations: npt.NDArray[np.float32]) -> float:
        """The score that the last window would have had with the machine so far off; nothing is learned.

        Args:
            deviations: float32 (n_features,), in standard deviations, added to each window of the context.

        Raises:
            ValueError: it had none.
            ModelError: the model failed.
        """
        if self._reconstructed is None or not self._calibration.is_ready():
            raise ValueError("the last window was not scored; imagine() follows a verdict with a score")
        valid = self._context.valid
        off = np.where(
            valid, np.clip(self._context.standardised + deviations, -Z_CLIP, Z_CLIP), np.float32(0)
        )
        judged = slice(-JUDGED_WINDOWS, None)
        expected = self._creep.forgive(off[judged], self._runner.reconstruct(off)[judged])
        return self._calibration.score(model_error(off[judged], expected, valid[judged], self._yardstick))

    def explain(self) -> Evidence:
        """Why the window judged last got its score.

        Raises:
            ValueError: it got none.
        """
        if self._reconstructed is None:
            raise ValueError("the last window was not scored; explain() follows a verdict with a score")
        standardised, valid = self._context.standardised, self._context.valid
        expected = self._creep.forgive(standardised, self._reconstructed)
        errors = feature_errors(standardised, expected, valid, self._yardstick)
        shares = error_shares(errors, valid, self._yardstick)
        order = np.argsort(-shares, kind="stable")[:MAX_CONTRIBUTIONS]
        contributions = tuple(
            Contribution(
                feature=self._specs[i].name,
                sensor=self._specs[i].sensor,
                share=min(1.0, float(shares[i])),
                deviation=float(standardised[-1, i]),
            )
            for i in order
            if shares[i] > 0
        )
        profile = window_errors(standardised, expected, valid)
        recent, believed = (rows[len(rows) // 2 :] for rows in (standardised, valid))
        counts = believed.sum(axis=0)
        deviations = np.where(counts > 0, (recent * believed).sum(axis=0) / np.maximum(counts, 1), np.nan)
        return Evidence(
            contributions,
            tuple(float(e) for e in profile),
            tuple(shares.tolist()),
            tuple(deviations.tolist()),
            tuple(self._baseline.levels(self._regime).tolist()),
            tuple(self._drift.deviations.tolist()),
        )

    def to_state(self) -> dict[str, Any]:
        """What has been learned, JSON-safe."""
        return {
            "baseline": self._baseline.to_state(),
            "calibration": self._calibration.to_state(),
            "creep": self._creep.to_state(),
            "drift": self._drift.to_state(),
        }

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
        calibration = ErrorCalibration.from_state(state["calibration"], profile, *manifest.error_prior)
        creep = Creep.from_state(state["creep"], profile)
        drift = SlowDrift.from_state(state["drift"], profile)
        self._baseline, self._calibration, self._creep, self._drift = baseline, calibration, creep, drift
        self._context = Context(profile, baseline)

    def inherit(self, other: Scorer) -> None:
        """Know the machine as another model's scorer does; only this model's own error is left to learn.

        Level, spread, creep and drift are the machine's, not a model's: learned anew, what has grown worse
        since would count as healthy.

        Raises:
            StateError: the other's profile is too different.
        """
        self.restore({**other.to_state(), "calibration": self._calibration.to_state()})

    def worsening(self, errors: Sequence[float]) -> float:
        """See `ErrorCalibration.worsening`."""
        return self._calibration.worsening(errors)

    def allow_for(self, worsening: float) -> None:
        """See `ErrorCalibration.allow_for`."""
        self._calibration.allow_for(worsening)

    @property
    def _phase(self) -> MachineState:
        return MachineState.WATCHING if self._calibration.is_ready() else MachineState.WARMING_UP

    @property
    def _unjudged_state(self) -> MachineState:
        """In a transition, and while a context fills."""
        return MachineState.UNSTEADY if self._steadiness.is_unsteady else self._phase

    def _run_model(self, vector: FeatureVector, is_alarming: bool) -> Verdict:
        standardised, valid = self._context.standardised, self._context.valid
        self._reconstructed = self._runner.reconstruct(standardised)
        judged = slice(-JUDGED_WINDOWS, None)
        expected = self._creep.forgive(standardised[judged], self._reconstructed[judged])
        error = model_error(standardised[judged], expected, valid[judged], self._yardstick)
        if not self._calibration.is_ready():
            if not is_alarming:
                self._calibration.observe(error)
                self._creep.add(standardised[-1], valid[-1])
            return self._verdict(vector, MachineState.WARMING_UP, None, error)
        score = self._calibration.score(error)
        if score < self._threshold and not is_alarming:
            self._calibration.observe(error)
            self._drift.add(standardised[-1], valid[-1])
            self._creep.add(standardised[-1], valid[-1])
        return Verdict(
            vector.event_time_s,
            MachineState.WATCHING,
            score,
            vector.confidence,
            vector.regime,
            error,
            self._drift.level,
        )

    def _verdict(
        self,
        vector: FeatureVector,
        state: MachineState,
        score: float | None = None,
        error: float | None = None,
    ) -> Verdict:
        return Verdict(vector.event_time_s, state, score, vector.confidence, vector.regime, error)
