"""What following creep alone gains: ours without it, and simple baselines with it.

Rule: nothing else differs. Ours keep network, features, levels and spreads, and their yardstick is measured
without creep as well; a baseline keeps scaler, score and smoothing. Who follows is said in every report.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from contract.creep import CREEP_RATE
from contract.profiles import MachineProfile
from contract.signals import SlowChange
from industrialguard.bench.baseline_rows import BaselineContender
from models.baselines import Floats, MeanAbsoluteZ, PrincipalComponents, Standardiser, ZScorer, threshold

FOLLOWED = "creep followed"
NOT_FOLLOWED = "creep not followed"
FOLLOWING_ROWS = 60
"""Smoothing of the baselines that follow: one that each is listed with."""

WHO_FOLLOWS = (
    f"Ours and 'no network' follow creep while they are judged, save the rows named '{NOT_FOLLOWED}', which "
    f"are the same otherwise; other baselines do only where they are named '{FOLLOWED}'.",
    f"To follow creep: a level moves with what is slow, at most {CREEP_RATE} spreads in the time of a "
    "baseline (the training rows; the agent's is its warm-up), and not while a score is at its threshold or "
    "above; of vibration, ours follow none. The rate was chosen with the labels of SKAB's valve1 in view.",
)
"""Sentences for the report of a bench that has these rows."""
NOBODY_FOLLOWS = "Nobody follows creep here, ours neither: a slow change of vibration is wear."
"""The same where all features are of vibration."""


def not_followed(name: str) -> str:
    """The name of a row whose contender is told to follow nothing."""
    return f"{name}, {NOT_FOLLOWED}"


def without_creep(profile: MachineProfile) -> MachineProfile:
    """The same machine with every slow change taken for wear, so that `contract.creep` follows none."""
    return replace(
        profile, sensors=tuple(replace(spec, slow_change=SlowChange.WEAR) for spec in profile.sensors)
    )


class FollowingDetector:
    """As `models.baselines.SmoothedDetector`, but each sensor's level creeps by the rule of `contract.creep`.

    A row is scored by what is left beyond the level that its sensor has slowly moved to; then the level takes
    one small step towards the row, unless the smoothed score is at its threshold or above.

    Args:
        core: What makes a row's score of its standardised values.
        smoothing_rows: Rows of the trailing mean, this row included; at least 1.
    """

    def __init__(self, core: ZScorer, smoothing_rows: int) -> None:
        self._core = core
        self._rows = smoothing_rows
        self._scaler = Standardiser()
        self._step = 0.0
        self._limit = math.inf

    def fit(self, train: Floats) -> None:
        """Learn from float64 (n, sensors): scaler, core, and the threshold with creep followed throughout."""
        self._scaler.fit(train)
        self._core.fit(self._scaler.apply(train))
        self._step = CREEP_RATE / len(train)
        self._limit = math.inf
        self._limit = threshold(self.score(train))

    def score(self, rows: Floats) -> Floats:
        """Score float64 (m, sensors) -> (m,); NaN until the smoothing has seen all its rows."""
        standardised = self._scaler.apply(rows)
        level = np.zeros(standardised.shape[1])
        raw, smoothed = np.zeros(len(rows)), np.full(len(rows), np.nan)
        for row, z in enumerate(standardised):
            crept = np.clip(z, np.minimum(level, 0.0), np.maximum(level, 0.0))
            raw[row] = self._core.score((z - crept)[np.newaxis])[0]
            if row + 1 >= self._rows:
                smoothed[row] = raw[row + 1 - self._rows : row + 1].mean()
            if not smoothed[row] >= self._limit:  # without a score, too
                level += np.clip(z - level, -self._step, self._step)
        return smoothed


def following_baselines() -> tuple[BaselineContender, ...]:
    """The simplest of the listed baselines, and the best, as they do when they follow creep."""
    return (
        _following("mean |z|", MeanAbsoluteZ),
        _following("PCA T²", lambda: PrincipalComponents(residual=False)),
    )


def following_sensor(sensor: str) -> BaselineContender:
    """|z| of a single sensor beyond where it has crept."""
    return _following(f"{sensor} alone", MeanAbsoluteZ, (sensor,))


def _following(name: str, core: Callable[[], ZScorer], sensors: tuple[str, ...] = ()) -> BaselineContender:
    return BaselineContender(
        f"{name}, {FOLLOWING_ROWS} rows, {FOLLOWED}",
        lambda _: FollowingDetector(core(), FOLLOWING_ROWS),
        sensors=sensors,
    )
