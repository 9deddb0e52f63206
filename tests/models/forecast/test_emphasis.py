"""Rows near the end teach more than rows far from it."""

import numpy as np

from models.forecast.emphasis import FAR_OFF, FAR_SHARE, weigh


def test_only_what_is_surely_far_from_the_end_teaches_less() -> None:
    left = np.array([0.0, 100.0, FAR_OFF * 100.0, FAR_OFF * 100.0 + 1, 1e6])
    assert weigh(left, 100.0).tolist() == [1, 1, 1, FAR_SHARE, FAR_SHARE]
    assert 0 < FAR_SHARE < 1 < FAR_OFF, (
        "what is beyond the horizon is still learned, and what is near it, fully"
    )
