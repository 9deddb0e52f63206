"""What is known of a cut's remaining useful life, and whether it may count.

Rule: a life that did not fail counts only where it lived past the horizon; everywhere else nobody knows its
RUL.
"""

from __future__ import annotations

from contract.lives import Life


def label_of(life: Life, horizon: float) -> tuple[float, float]:
    """True RUL up to the horizon, and the weight of this cut: 0 where nobody knows the RUL.

    >>> import numpy as np
    >>> from contract.lives import End
    >>> ages, none = np.array([90.0]), np.zeros((1, 0), np.float32)
    >>> [label_of(Life("m", "c", 0, ages, none, none, End.RUNNING, end), 50.0) for end in (100.0, 200.0)]
    [(10.0, 0.0), (50.0, 1.0)]
    """
    is_known = not life.is_censored or life.remaining >= horizon
    return min(life.remaining, horizon), float(is_known)
