"""How much a row of a life teaches: one that is far from the end less than one that is near.

Rule: networks and the trees beside them weigh rows alike. Far from the end the answer is always "longer than
the horizon"; in lives much longer than it, most rows say nothing else. Both numbers were chosen on machines
that were left out.
"""

from __future__ import annotations

import numpy as np

from models.forecast.truths import Floats

FAR_OFF = 1.2
"""Horizons that are left, from where on a row is far from the end."""
FAR_SHARE = 0.15
"""How much such a row teaches, beside one that is near."""


def weigh(left: Floats, horizon: float) -> Floats:
    """How much rows teach, by how long their lives went on at least: float64, as `left`.

    >>> weigh(np.array([0.0, 120.0, 121.0]), 100.0).tolist()
    [1.0, 1.0, 0.15]
    """
    return np.where(left > FAR_OFF * horizon, FAR_SHARE, 1.0)
