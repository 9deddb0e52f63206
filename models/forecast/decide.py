"""One number out of a forecast, for whoever counts errors in their own way.

Rule: what is decided on is what is served: the quantiles, and nothing else.
"""

from __future__ import annotations

import numpy as np

from contract.forecast import LEVELS
from models.forecast.truths import Floats, Numbers

STEPS = 201
"""Levels that a distribution is read at."""
SMALLEST = 1e-9


def least_pct_error(quantiles: Numbers, age: Floats) -> Floats:
    """The RUL whose expected error, in % of how long the life lasts, is least.

    A wrong hour weighs more in a short life: it is the median of the distribution, each part of it weighted
    by one over the length of that life. Between its levels the distribution is taken as even, outside of the
    outermost as at them.

    Args:
        quantiles: (n, 7), one column for each of `LEVELS`, rising.
        age: float64 (n,), when they were said, in the same time unit.

    Returns:
        float64 (n,).

    >>> least_pct_error(np.array([[1.0, 1, 1, 9, 9, 9, 9]]), np.array([1.0])).tolist()
    [1.0]
    """
    levels = np.array(list(LEVELS.values()))
    at = (np.arange(STEPS) + 0.5) / STEPS
    left = np.stack([np.interp(at, levels, row) for row in np.asarray(quantiles, np.float64)])
    weight = np.cumsum(1.0 / np.maximum(left + age[:, None], SMALLEST), axis=1)
    half = (weight >= weight[:, -1:] / 2).argmax(axis=1)
    return np.asarray(left[np.arange(len(left)), half])
