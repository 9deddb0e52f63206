"""How a component wears: failure modes and the seeded path of wear from 0 (new) to 1 (failed).

Rule: wear depends on the seed and on operating time alone; it never falls except by replacement, and it
reaches 1 exactly at onset + life. What a sensor feels of it is the business of `simulators.vibration` and
`simulators.slow_signals`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from contract.errors import ConfigError

GRID_STEPS = 512
"""Steps of the gamma bridge between onset and failure; wear is linear within a step."""


class FailureMode(StrEnum):
    """What may wear out, each with a signature of its own.

    The bearing modes ring at the defect frequencies of Randall & Antoni (MSSP 25, 2011); imbalance and
    misalignment raise the first and second shaft harmonic (ISO 13373-3:2015, annex A); cavitation and
    lubrication are broadband; a winding fault shows in the motor current before anything else.
    """

    BEARING_OUTER = "bearing_outer"
    BEARING_INNER = "bearing_inner"
    BEARING_BALL = "bearing_ball"
    IMBALANCE = "imbalance"
    MISALIGNMENT = "misalignment"
    LUBRICATION = "lubrication"
    CAVITATION = "cavitation"
    WINDING = "winding"


@dataclass(frozen=True, slots=True)
class GrowthSpec:
    """The shape of one mode's growth after its onset."""

    exponent: float
    """Rate of the exponential growth over the life, dimensionless; 0 is linear. Crack growth after Paris' law
    is close to exponential in the damage (Paris & Erdogan, J. Basic Eng. 85 (1963)), fouling and loss of
    grease close to linear."""
    roughness: float
    """Coefficient of variation of one grid step's increment; 0 is smooth."""

    def __post_init__(self) -> None:
        if not (0 <= self.exponent <= 20 and 0 <= self.roughness <= 5):
            raise ConfigError("growth: needs 0 <= exponent <= 20 and 0 <= roughness <= 5")


GROWTH: dict[FailureMode, GrowthSpec] = {
    FailureMode.BEARING_OUTER: GrowthSpec(exponent=2.5, roughness=1.0),
    FailureMode.BEARING_INNER: GrowthSpec(exponent=2.5, roughness=1.0),
    FailureMode.BEARING_BALL: GrowthSpec(exponent=3.0, roughness=1.2),
    FailureMode.IMBALANCE: GrowthSpec(exponent=1.0, roughness=0.4),
    FailureMode.MISALIGNMENT: GrowthSpec(exponent=1.5, roughness=0.4),
    FailureMode.LUBRICATION: GrowthSpec(exponent=1.5, roughness=0.6),
    FailureMode.CAVITATION: GrowthSpec(exponent=1.0, roughness=0.8),
    FailureMode.WINDING: GrowthSpec(exponent=2.0, roughness=0.5),
}


@dataclass(frozen=True, slots=True)
class WearPlan:
    """When a component starts to wear, fails and is replaced, in s of operating time."""

    mode: FailureMode
    onset_s: float
    """End of the healthy plateau."""
    life_s: float
    """From onset to failure."""
    replace_after_s: float = math.inf
    """From failure to a new component, which then stays healthy; infinity: never replaced."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.onset_s) and self.onset_s >= 0):
            raise ConfigError(f"onset must be a number of seconds from 0, not {self.onset_s}")
        if not (math.isfinite(self.life_s) and self.life_s > 0):
            raise ConfigError(f"life must be a positive number of seconds, not {self.life_s}")
        if not self.replace_after_s >= 0:
            raise ConfigError(f"replace must be a number of seconds from 0, not {self.replace_after_s}")

    @property
    def failure_s(self) -> float:
        """Operating time at which wear reaches 1."""
        return self.onset_s + self.life_s

    @property
    def replaced_s(self) -> float:
        """Operating time from which the component is new again; may be infinite."""
        return self.failure_s + self.replace_after_s


class WearPath:
    """One component's wear over operating time: a gamma process pinned to its failure.

    The expected wear is (exp(g x) - 1) / (exp(g) - 1) with x in 0..1 from onset to failure; increments are
    gamma distributed with that expectation (van Noortwijk, Reliab. Eng. Syst. Saf. 94 (2009), section 4),
    then scaled to end at 1 (the gamma bridge).

    >>> plan = WearPlan(FailureMode.IMBALANCE, onset_s=100.0, life_s=50.0, replace_after_s=20.0)
    >>> path = WearPath(plan, seed=1)
    >>> [path.wear(t) for t in (0.0, 100.0, 150.0, 160.0, 170.0)]
    [0.0, 0.0, 1.0, 1.0, 0.0]
    """

    def __init__(self, plan: WearPlan, seed: int) -> None:
        self.plan = plan
        self._grid = _gamma_bridge(GROWTH[plan.mode], seed)

    def wear(self, operating_s: float) -> float:
        """Wear in 0..1 at that operating time."""
        plan = self.plan
        if operating_s <= plan.onset_s or operating_s >= plan.replaced_s:
            return 0.0
        if operating_s >= plan.failure_s:
            return 1.0
        place = (operating_s - plan.onset_s) / plan.life_s * GRID_STEPS
        step = min(int(place), GRID_STEPS - 1)
        low, high = float(self._grid[step]), float(self._grid[step + 1])
        return low + (high - low) * (place - step)


def _gamma_bridge(growth: GrowthSpec, seed: int) -> npt.NDArray[np.float64]:
    """float64 (GRID_STEPS + 1,), rising from 0 to 1."""
    x = np.linspace(0.0, 1.0, GRID_STEPS + 1)
    mean = x if growth.exponent == 0 else np.expm1(growth.exponent * x) / math.expm1(growth.exponent)
    increments = np.diff(mean)
    if growth.roughness > 0:
        shape = 1.0 / growth.roughness**2
        rng = np.random.default_rng(np.random.SeedSequence([seed, 0x3EA8]))
        increments = increments * rng.gamma(shape, 1.0 / shape, GRID_STEPS)
    path = np.concatenate(([0.0], np.cumsum(increments)))
    rising: npt.NDArray[np.float64] = path / path[-1]
    return rising
