"""A stated number of false alarms a day holds, however the errors of neighbouring contexts hang together.

Long healthy streams go through calibration, threshold and alarm rule as on a device. Their log errors have
the fleet's spread and the logistic distribution, or a heavier tail; neighbours are independent, share windows
as overlapping contexts do, or are the same for a whole context.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from contract.alarm_rule import AlarmRule
from contract.calibration import ErrorCalibration
from contract.messages import AlarmTransition
from contract.profiles import AlarmSpec, MachineProfile, WarmupSpec, WindowSpec
from contract.tail import TAIL_FROM
from tests.contract.machines import scalar

Floats = npt.NDArray[np.float64]

SPREAD = 0.3
CALIBRATION = 24
PRIOR = 96
PER_DAY = 20.0
"""Often enough that a few days show whether it holds."""
HOP_S = 5.0
CONTEXT = 16
WINDOWS_PER_DAY = 86_400 / HOP_S
DAYS = 1.0
MACHINES = 6
LOGISTIC = math.pi / math.sqrt(3)
TAIL_AT = math.log(1 / TAIL_FROM - 1) / LOGISTIC


def profile(per_day: float = PER_DAY) -> MachineProfile:
    return MachineProfile(
        "healthy",
        1,
        (scalar("a"),),
        WindowSpec(HOP_S, HOP_S, CONTEXT),
        warmup=WarmupSpec(24, CALIBRATION),
        alarm=AlarmSpec(per_day, k=4, n=6, clear_below=0.1, clear_after=12),
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What healthy machines showed after their warm-up, as shares of the stated number of alarms."""

    alarms: float
    kths: float
    """A k-th of the windows at or above the threshold: so many alarms they could make."""
    noise: float
    """One standard deviation of a Poisson count of that many alarms."""


def overlapping(windows: int) -> Callable[[int, np.random.Generator], Floats]:
    """Normal deviates of which neighbours share all but one of this many independent parts."""

    def draw(count: int, rng: np.random.Generator) -> Floats:
        sums = np.cumsum(np.concatenate([[0.0], rng.normal(size=count + windows - 1)]))
        shared: Floats = (sums[windows:] - sums[:-windows]) / math.sqrt(windows)
        return shared

    return draw


def blocks(count: int, rng: np.random.Generator) -> Floats:
    """The same deviate for a whole context, then the next."""
    return np.repeat(rng.normal(size=count // CONTEXT + 1), CONTEXT)[:count]


STREAMS = {
    "independent windows": overlapping(1),
    "judged windows shared": overlapping(4),
    "whole contexts shared": overlapping(CONTEXT),
    "slow wander": overlapping(10 * CONTEXT),
    "one error a context": blocks,
}


def survival(deviates: Floats) -> Floats:
    """P(Z > z) of the normal distribution."""
    return np.array([0.5 * math.erfc(z / math.sqrt(2)) for z in deviates.tolist()])


def logistic(tail: Floats) -> Floats:
    """Standardised log errors with these probabilities of being exceeded."""
    errors: Floats = (np.log1p(-tail) - np.log(tail)) / LOGISTIC
    return errors


def heavier(tail: Floats, factor: float) -> Floats:
    """The same, but from `TAIL_FROM` on the excesses are `factor` times as large in the mean."""
    beyond = TAIL_AT - factor / LOGISTIC * np.log(tail / TAIL_FROM)
    return np.where(tail < TAIL_FROM, beyond, logistic(tail))


def watch(errors: Floats, of: MachineProfile) -> tuple[int, int]:
    """Alarms and anomalous windows that a device would make of log errors (`edge_agent.scorer`)."""
    calibration = ErrorCalibration(of, 0.0, SPREAD, PRIOR)
    rule, threshold = AlarmRule(of.alarm_rule), of.alarm_rule.threshold
    alarms = anomalous = 0
    for number, error in enumerate(np.exp(SPREAD * errors).tolist()):
        if not calibration.is_ready():
            calibration.observe(error)
            continue
        score = calibration.score(error)
        if score < threshold and not rule.is_active:
            calibration.observe(error)
        anomalous += score >= threshold
        edge = rule.update(float(number), score)
        alarms += edge is not None and edge.transition is AlarmTransition.RAISED
    return alarms, anomalous


@cache
def fleet(name: str) -> Outcome:
    """Some machines of one kind of stream."""
    count = int(DAYS * WINDOWS_PER_DAY)
    draws = (STREAMS[name](count, np.random.default_rng(seed)) for seed in range(MACHINES))
    found = np.array([watch(logistic(survival(z)), profile()) for z in draws])
    stated = MACHINES * PER_DAY * (count - CALIBRATION) / WINDOWS_PER_DAY
    alarms, anomalous = found.sum(axis=0) / stated
    return Outcome(alarms, anomalous / profile().alarm.k, 1 / math.sqrt(stated))


@pytest.mark.parametrize("name", STREAMS)
def test_no_more_alarms_than_stated(name: str) -> None:
    assert fleet(name).alarms <= 1 + 3 * fleet(name).noise


@pytest.mark.parametrize("name", STREAMS)
def test_no_more_anomalous_windows_than_so_many_alarms_take(name: str) -> None:
    """The bound itself: it does not rest on how windows hang together."""
    assert fleet(name).kths <= 1 + 3 * fleet(name).noise


def test_the_bound_is_no_idle_one() -> None:
    assert fleet("independent windows").kths > 0.6
    assert fleet("one error a context").alarms > 0.1, "an alarm for each exceedance, of 16 windows and not 4"
    assert fleet("independent windows").alarms < 0.01, "k of n does not fall for single windows"


def true_share(calibration: ErrorCalibration, factor: float) -> float:
    """P(a window reaches the threshold) over what is stated, on a machine with such a tail."""
    threshold = MONTHLY.alarm_rule.threshold
    low, high = TAIL_AT, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        is_beyond = calibration.score(math.exp(SPREAD * middle)) >= threshold
        low, high = (low, middle) if is_beyond else (middle, high)
    return TAIL_FROM * math.exp(-(high - TAIL_AT) * LOGISTIC / factor) / 10 ** (-8 * threshold)


def learned(name: str, factor: float, seed: int) -> float:
    """The `true_share` after a machine has watched itself for a day."""
    calibration = ErrorCalibration(MONTHLY, 0.0, SPREAD, PRIOR)
    deviates = STREAMS[name](int(DAYS * WINDOWS_PER_DAY), np.random.default_rng(seed))
    for error in np.exp(SPREAD * heavier(survival(deviates), factor)).tolist():
        if not calibration.is_ready() or calibration.score(error) < MONTHLY.alarm_rule.threshold:
            calibration.observe(error)
    return true_share(calibration, factor)


MONTHLY = profile(1 / 30)


@pytest.mark.parametrize("name", ["independent windows", "whole contexts shared"])
def test_a_machine_with_a_heavier_tail_keeps_the_rate_once_it_has_shown_it(name: str) -> None:
    """Excesses half as large again as the fleet's, one alarm a month."""
    shares = [learned(name, 1.5, seed) for seed in range(5)]
    assert np.median(shares) < 1.0
    assert np.mean(shares) < 2.0, "64 peaks leave an error of estimation"


def test_without_learning_a_heavier_tail_would_cost_many_times_the_rate() -> None:
    untaught = ErrorCalibration(MONTHLY, 0.0, SPREAD, 10**9)
    for _ in range(CALIBRATION):
        untaught.observe(1.0)
    assert true_share(untaught, 1.0) == pytest.approx(1.0, rel=1e-6), "the fleet's own tail"
    assert true_share(untaught, 1.5) > 8.0
