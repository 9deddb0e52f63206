"""Conformal calibration: how far an interval must be widened to hold the truth as often as it says.

Rule: machines count, not rows. Quantile forecasts of machines that the model has not learned from are
compared with what came (conformalised quantile regression: Romano, Patterson, Candès 2019), the lower and the
upper side apart, in ranges of the forecast median (Mondrian). All cuts of a machine together weigh as much as
one: see `machine_weights`.

Why that is enough: let p be the share of a machine's cuts that fall into a range, and m(t) the share that
do so and lie outside after a correction t. The correction is the smallest with sum m(t) + 1 <= a (sum p +
1), summed over the calibration machines. The added ones stand for the next machine at its worst, so with
that machine in the sums the bound holds too; machines are exchangeable, hence E m <= a E p: of the next
machine's random cuts in that range at most a share a is missed. (Lee, Barber, Willett 2023, "Distribution-
free inference with hierarchical data", have it for one range.)

With forecasts from cross-validation, each machine forecast by a model of the other folds, there is no such
bound (Vovk 2015, "Cross-conformal predictors"): what is served learned from more, or averages several, and
errs less than what it was calibrated by. There the next machine is not added, since intervals are too wide by
about as much already; a range still needs as many machines to say anything at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contract.forecast import Bin, Calibration
from models.forecast.truths import Bools, Floats, Forecasts, Names, Truths


@dataclass(frozen=True, slots=True)
class ConformalSpec:
    """How intervals are calibrated.

    Raises:
        ValueError: a share that is none, or edges that do not rise from 0.
    """

    missed: float = 0.1
    """Share of truths that may lie outside (alpha), half of it on each side; above 0, below 1."""
    edges: tuple[float, ...] = (0.0, 0.08, 0.16, 0.24, 0.36, 0.48, 0.6, 0.72, 0.84, 0.96)
    """Where ranges of the forecast median may begin, as shares of the horizon."""
    min_machines: float = 30.0
    """Machines that a range must hold, parts counted; smaller ones are joined to their neighbours."""
    is_cross: bool = False
    """Whether forecasts come from cross-validation, and not from the very model that is served."""

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.edges, self.edges[1:], strict=False))
        if not (0 < self.missed < 1 and self.edges and self.edges[0] == 0 and rising):
            raise ValueError("calibration needs a share between 0 and 1 and edges that rise from 0")


STANDARD = ConformalSpec()


def calibrate(forecasts: Forecasts, truths: Truths, spec: ConformalSpec = STANDARD) -> Calibration:
    """Find the corrections of the interval `lower` to `upper`.

    A life that is censored before the horizon lasted longer than its bound: it counts for the lower side, at
    its bound, which can only make intervals wider; of the upper side it says nothing and is left out there.

    Args:
        forecasts: Not calibrated, of machines that the model has not learned from, each at one or more
            random cuts of its lives; how many is free, a machine weighs the same.
        truths: One for each forecast.
        spec: What share may be missed, and which ranges there may be.

    Returns:
        One row for each range, in the time unit. Where a range holds too few machines for its share (fewer
        than 19 for 5 % a side) the correction is the horizon: the interval says nothing, which is true.

    Raises:
        ValueError: no forecasts, or not one for each truth.
    """
    if not len(truths) or len(forecasts) != len(truths):
        raise ValueError(f"{len(forecasts)} forecasts cannot be calibrated by {len(truths)} truths")
    weights = machine_weights(truths.machines)
    edges = choose_edges(forecasts.median, weights, spec, truths.horizon)
    which = np.searchsorted(edges, forecasts.median, side="right") - 1
    below = forecasts.lower - truths.capped
    above = truths.capped - forecasts.upper
    bins = []
    for number, edge in enumerate(edges):
        inside: Bools = which == number
        ended: Bools = inside & truths.is_known
        lower = correction(below[inside], weights[inside], spec, truths.horizon)
        upper = correction(above[ended], weights[ended], spec, truths.horizon)
        bins.append(Bin(edge, lower, upper))
    return Calibration(tuple(bins))


def machine_weights(machines: Names) -> Floats:
    """One for each machine, shared evenly by its cuts: float64 (n,).

    >>> machine_weights(np.array(["a", "b", "a"])).tolist()
    [0.5, 1.0, 0.5]
    """
    _, place, count = np.unique(machines, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / count[place], np.float64)


def choose_edges(median: Floats, weights: Floats, spec: ConformalSpec, horizon: float) -> tuple[float, ...]:
    """Begin a range at each possible edge, unless it or the rest would hold too few machines.

    Args:
        median: float64 (n,), in the time unit.
        weights: float64 (n,): parts of machines.
        spec: The possible edges, and how many machines are enough.
        horizon: In the time unit.

    Returns:
        Lower edges in the time unit, rising from 0. Only forecasts decide on them, not what came.
    """
    edges = [0.0]
    for edge in (share * horizon for share in spec.edges[1:]):
        before = float(weights[(median >= edges[-1]) & (median < edge)].sum())
        after = float(weights[median >= edge].sum())
        if min(before, after) >= spec.min_machines:
            edges.append(edge)
    return tuple(edges)


def correction(outside: Floats, weights: Floats, spec: ConformalSpec, horizon: float) -> float:
    """The smallest t with (weights where outside > t, and one more) <= missed * (all weights, and one more).

    `missed` is half of what the spec allows, and the one more is left out where it says so.

    Args:
        outside: float64 (n,): by how much each truth lies outside on one side; negative: it lies inside.
        weights: float64 (n,): parts of machines.
        spec: What share may be missed.
        horizon: The answer where no t is large enough, and the largest one.

    Returns:
        In the time unit, -horizon to horizon.
    """
    order = np.argsort(outside, kind="stable")
    missed, all_weights = spec.missed / 2, float(weights.sum())
    allowed = missed * (all_weights + 1) - 1
    if allowed < 0:
        return horizon
    if spec.is_cross:
        allowed = missed * all_weights
    # What lies above the i-th smallest: the weights of all that come after it.
    above = np.cumsum(weights[order][::-1])[::-1] - weights[order]
    enough = int(np.argmax(above <= allowed + 1e-9))
    return float(np.clip(outside[order][enough], -horizon, horizon))
