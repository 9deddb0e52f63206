"""How good forecasts of remaining useful life are: errors of the mean, and intervals that tell the truth.

Rule: every figure is a pure function of forecasts and truths. Truths count up to the horizon, unless a name
says `uncapped`. Only what is known is judged: a life that has not ended is left out until it has lasted for
the horizon, from when on nothing more about it could matter. A figure that nothing can be said for is None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np

from contract.forecast import LEVELS
from models.forecast.truths import Bools, Floats, Forecasts, Truths

Figure = float | None
Judge = Callable[[Forecasts, Truths], Figure]

EARLY_SCALE, LATE_SCALE = 13.0, 10.0
"""Of the PHM08 score: Saxena, Goebel, Simon, Eklund 2008, "Damage propagation modeling for aircraft engine
run-to-failure simulation", equation 11; in cycles."""
NEAR_END = 60.0
"""RUL, in cycles, up to which somebody plans on a forecast."""
MISSED = 0.1
"""Share of the truths that a 90 % interval may leave out (alpha)."""
BANDS = (0.0, 0.24, 0.48, 0.72, 1.0)
"""Edges of the bands that coverage is shown by, as shares of the horizon: 0, 30, 60, 90 and 125 cycles."""
CLOSE = 1e-6
"""Share of the horizon below which times are the same: rounded to float32, an interval still reaches it."""


def judge(forecasts: Forecasts, truths: Truths) -> dict[str, Figure]:
    """All figures of a bench's row, by name.

    Raises:
        ValueError: not one forecast for each truth.
    """
    return {name: each(forecasts, truths) for name, each in METRICS.items()}


def rmse(forecasts: Forecasts, truths: Truths) -> Figure:
    """Root mean square error of the mean, in the time unit; truths capped at the horizon."""
    forecasts, truths = _known(forecasts, truths)
    return _root_mean_square(forecasts.mean - truths.capped)


def rmse_near_end(forecasts: Forecasts, truths: Truths) -> Figure:
    """The same over truths of at most `NEAR_END`."""
    near = truths.remaining <= NEAR_END
    return rmse(forecasts.take(near), truths.take(near))


def rmse_uncapped(forecasts: Forecasts, truths: Truths) -> Figure:
    """Root mean square error against how long it really lasted: the horizon's price is in it."""
    seen = ~truths.is_censored
    return _root_mean_square(forecasts.mean[seen] - truths.remaining[seen])


def nasa_score(forecasts: Forecasts, truths: Truths) -> Figure:
    """Sum over lives of exp(-d/13) - 1 where d < 0, else exp(d/10) - 1; d = said - true, capped, in cycles.

    Late costs more than early. It is a sum: it grows with the number of lives. None also where it is too
    large for a number, as it soon is where the unit of time is a second.
    """
    forecasts, truths = _known(forecasts, truths)
    if not len(truths):
        return None
    late = forecasts.mean - truths.capped
    with np.errstate(over="ignore"):
        score = float(np.expm1(np.where(late < 0, -late / EARLY_SCALE, late / LATE_SCALE)).sum())
    return score if np.isfinite(score) else None


def is_covered(forecasts: Forecasts, truths: Truths) -> Bools:
    """Whether each interval holds the truth, counted up to the horizon: bool (n,).

    A life that lasted for the horizon or longer is "beyond": an interval holds it if its upper end reaches
    the horizon, wherever its lower end is. A censored truth is taken at its bound: leave those that are not
    known out before.
    """
    close = CLOSE * truths.horizon
    truth = truths.capped
    covered: Bools = (forecasts.lower - close <= truth) & (truth <= forecasts.upper + close)
    return covered


def picp(forecasts: Forecasts, truths: Truths) -> Figure:
    """Prediction interval coverage probability: the share of truths in their 90 % interval, 0 to 1."""
    covered = is_covered(*_known(forecasts, truths))
    return float(covered.mean()) if len(covered) else None


def nmpiw(forecasts: Forecasts, truths: Truths) -> Figure:
    """Normalised mean prediction interval width: of the 90 % interval, as a share of the horizon."""
    forecasts, truths = _known(forecasts, truths)
    width = (forecasts.upper - forecasts.lower) / truths.horizon
    return float(width.mean()) if len(truths) else None


def winkler(forecasts: Forecasts, truths: Truths) -> Figure:
    """Mean interval score at 90 %, in the time unit: width, and 2/alpha times what the truth lies outside by.

    Winkler 1972; Gneiting & Raftery 2007, "Strictly proper scoring rules, prediction, and estimation",
    equation 43. Truths count up to the horizon.
    """
    forecasts, truths = _known(forecasts, truths)
    if not len(truths):
        return None
    below = np.maximum(forecasts.lower - truths.capped, 0)
    above = np.maximum(truths.capped - forecasts.upper, 0)
    return float((forecasts.upper - forecasts.lower + 2 / MISSED * (below + above)).mean())


def crps(forecasts: Forecasts, truths: Truths) -> Figure:
    """Continuous ranked probability score, in the time unit, from the quantiles.

    CRPS = 2 ∫ pinball_t(q_t, y) dt over t in (0, 1), Gneiting & Raftery 2007, section 4.2; here a sum over
    the levels, weighted by `level_weights`, because they are not evenly spaced. Twice the plain mean of
    the pinball losses would count the tails too often.
    """
    forecasts, truths = _known(forecasts, truths)
    if not len(truths):
        return None
    levels = np.array(list(LEVELS.values()))
    above = truths.capped[:, None] - forecasts.quantiles
    pinball = np.maximum(levels * above, (levels - 1) * above)
    return float(2 * (pinball @ level_weights()).mean())


def level_weights() -> Floats:
    """How much of (0, 1) lies nearest to each of `LEVELS`: float64 (7,), sum 1.

    >>> level_weights().round(3).tolist()
    [0.075, 0.1, 0.2, 0.25, 0.2, 0.1, 0.075]
    """
    levels = np.array(list(LEVELS.values()))
    edges = np.concatenate([[0.0], (levels[:-1] + levels[1:]) / 2, [1.0]])
    return np.diff(edges)


def coverage_by_truth(forecasts: Forecasts, truths: Truths) -> dict[str, Figure]:
    """Coverage of lives with a true RUL in each band; the last is of those that outlasted the horizon.

    Returns:
        By the band's name; None: no life in it. Bands hold their upper edges, but for the horizon, which
        belongs to "beyond".
    """
    forecasts, truths = _known(forecasts, truths)
    return _by_band(truths.capped, is_covered(forecasts, truths), truths.horizon)


def coverage_by_forecast(forecasts: Forecasts, truths: Truths) -> dict[str, Figure]:
    """Coverage of lives whose forecast median lies in each band: what a reader of a forecast may expect."""
    forecasts, truths = _known(forecasts, truths)
    return _by_band(forecasts.median, is_covered(forecasts, truths), truths.horizon)


def coverage_by_machine(forecasts: Forecasts, truths: Truths) -> dict[str, float]:
    """Share of each machine's truths that its intervals hold; a machine of which none is known is absent."""
    forecasts, truths = _known(forecasts, truths)
    covered = is_covered(forecasts, truths)
    return {str(name): float(covered[truths.machines == name].mean()) for name in np.unique(truths.machines)}


def band_names(horizon: float) -> tuple[str, ...]:
    """The bands of a horizon, as results name them.

    >>> band_names(125.0)
    ('0-30', '30-60', '60-90', '90-125', 'beyond')
    """
    edges = [f"{share * horizon:g}" for share in BANDS]
    return (*(f"{low}-{high}" for low, high in pairwise(edges)), "beyond")


def _by_band(times: Floats, covered: Bools, horizon: float) -> dict[str, Figure]:
    inner = np.array(BANDS[1:-1]) * horizon
    which = np.searchsorted(inner + CLOSE * horizon, times)
    which[times >= horizon * (1 - CLOSE)] = len(BANDS) - 1
    return {
        name: float(covered[which == number].mean()) if (which == number).any() else None
        for number, name in enumerate(band_names(horizon))
    }


def _known(forecasts: Forecasts, truths: Truths) -> tuple[Forecasts, Truths]:
    if len(forecasts) != len(truths):
        raise ValueError(f"{len(forecasts)} forecasts cannot be judged by {len(truths)} truths")
    return forecasts.take(truths.is_known), truths.take(truths.is_known)


def _root_mean_square(errors: Floats) -> Figure:
    return float(np.sqrt(np.mean(errors**2))) if len(errors) else None


METRICS: Mapping[str, Judge] = {
    "rmse": rmse,
    "nasa_score": nasa_score,
    "rmse_rul_le_60": rmse_near_end,
    "rmse_uncapped": rmse_uncapped,
    "picp": picp,
    "nmpiw": nmpiw,
    "winkler": winkler,
    "crps": crps,
}
"""By the names that reports use."""
