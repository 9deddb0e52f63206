"""Truths and forecasts with known answers."""

from collections.abc import Sequence

import numpy as np

from models.forecast.truths import N_LEVELS, Floats, Forecasts, Truths

HORIZON = 125.0


def truths(
    remaining: Sequence[float], censored: Sequence[bool] | None = None, machines: Sequence[str] | None = None
) -> Truths:
    """Truths of machines that are all different unless named."""
    n = len(remaining)
    return Truths(
        np.array(remaining, np.float64),
        np.array(censored if censored is not None else [False] * n, np.bool_),
        np.array(machines if machines is not None else [f"m{i}" for i in range(n)], np.str_),
        np.array(["all"] * n, np.str_),
        HORIZON,
    )


def forecasts(
    mean: Sequence[float] | Floats,
    lower: Sequence[float] | Floats | None = None,
    upper: Sequence[float] | Floats | None = None,
) -> Forecasts:
    """Forecasts whose inner quantiles are all the mean; without an interval they are sure."""
    middle = np.array(mean, np.float64)
    low = middle if lower is None else np.array(lower, np.float64)
    high = middle if upper is None else np.array(upper, np.float64)
    quantiles = np.repeat(middle[:, None], N_LEVELS, axis=1)
    quantiles[:, 0], quantiles[:, -1] = np.minimum(low, middle), np.maximum(high, middle)
    return Forecasts(middle, quantiles, low, high)
