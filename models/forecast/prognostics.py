"""How good forecasts are over whole lives, and in which order they put machines.

Rule: pure functions of what was said and what came. Alpha-lambda and the prognostic horizon are those of
Saxena, Celaya, Saha, Saha, Goebel 2010, "Metrics for offline evaluation of prognostic performance", over one
life whose end is known.
"""

from __future__ import annotations

import numpy as np

from models.forecast.truths import Floats, Truths

ALPHA = 0.2
"""Half width of the cone around the truth, as a share of it."""
LAMBDA = 0.5
"""Where in a life: 0 at its first forecast, 1 at its end."""


def is_in_cone(said: Floats, remaining: Floats, alpha: float = ALPHA) -> bool:
    """Whether all of these forecasts lie within alpha of their truths, both float64 (n,).

    >>> is_in_cone(np.array([9.0, 4.5]), np.array([10.0, 5.0])), is_in_cone(np.array([1.0]), np.array([5.0]))
    (True, False)
    """
    return bool((np.abs(said - remaining) <= alpha * remaining).all())


def alpha_lambda(said: Floats, remaining: Floats, alpha: float = ALPHA, at: float = LAMBDA) -> bool:
    """Whether the forecast at a share `at` of a life lies within alpha of the truth.

    Args:
        said: float64 (n,), forecasts of one life, from its first to its last.
        remaining: float64 (n,), what came, falling, uncapped.
        alpha: Half width as a share of the truth.
        at: 0 at the first forecast, 1 at the end of life; the forecast nearest to it is judged.

    Raises:
        ValueError: no forecast, or truths that do not fall.
    """
    _require_course(said, remaining)
    nearest = int(np.argmin(np.abs(remaining - (1 - at) * remaining[0])))
    return is_in_cone(said[nearest : nearest + 1], remaining[nearest : nearest + 1], alpha)


def alpha_lambda_share(said: Floats, truths: Truths, alpha: float = ALPHA) -> float | None:
    """Share of lives whose forecast lies within alpha of the truth, at whatever age they are; 0 to 1.

    Truths are capped: of lives beyond the horizon no more than that can be said. None: nothing is known.
    """
    known = truths.is_known
    if not known.any():
        return None
    truth = truths.capped[known]
    return float((np.abs(said[known] - truth) <= alpha * truth).mean())


def prognostic_horizon(said: Floats, remaining: Floats, tolerance: float) -> float:
    """How long before its end the forecasts of one life come within a tolerance, and stay.

    Args:
        said: float64 (n,), forecasts from the first to the last.
        remaining: float64 (n,), what came, falling.
        tolerance: In the time unit; both sides.

    Returns:
        In the time unit; 0: even the last forecast is off.

    Raises:
        ValueError: no forecast, or truths that do not fall.
    """
    _require_course(said, remaining)
    off = np.flatnonzero(np.abs(said - remaining) > tolerance)
    first = int(off[-1]) + 1 if len(off) else 0
    return float(remaining[first]) if first < len(remaining) else 0.0


def concordance(said: Floats, truths: Truths) -> float | None:
    """Harrell's C: how often, of two lives, the one said to be shorter was; 0.5 is chance.

    Two lives can be compared if the shorter one ended, or if they are equally long and one of them ended:
    the other lasted longer. Equal forecasts count half. Harrell, Califf, Pryor, Lee, Rosati 1982.

    Args:
        said: float64 (n,).
        truths: Uncapped, censored ones too.

    Returns:
        None: no two can be compared.
    """
    better = comparable = 0.0
    for index in np.flatnonzero(~truths.is_censored):
        longer = truths.remaining > truths.remaining[index]
        longer |= (truths.remaining == truths.remaining[index]) & truths.is_censored
        others = said[longer]
        comparable += len(others)
        better += (others > said[index]).sum() + 0.5 * (others == said[index]).sum()
    return float(better / comparable) if comparable else None


def _require_course(said: Floats, remaining: Floats) -> None:
    if not len(said) or said.shape != remaining.shape or (np.diff(remaining) >= 0).any():
        raise ValueError("a life's forecasts need one truth each, falling towards its end")
