"""What the Transform measures of windows: how far the training side's healthy machines wander.

Rule: it is `models.dataset.fleet_wander`, the same function that plain training calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.features import FeatureVector
from contract.profiles import parse_profile
from models.dataset import MachineVectors, fleet_wander


def measure_windows(
    toml: str, features: npt.NDArray[np.float32], regimes: npt.NDArray[Any], lengths: npt.NDArray[np.int64]
) -> Mapping[str, Any]:
    """`spread` and `slow` of `models.wander.Wander`.

    Args:
        toml: The profile.
        features: float32 (n_windows, n_features), all machines' one after the other; NaN: not known.
        regimes: Of each window, as bytes.
        lengths: Windows of each machine.

    Raises:
        TooLittleDataError: no machine is long enough.
    """
    profile = parse_profile(toml)
    valid = np.isfinite(features)
    vectors = [
        FeatureVector(0.0, values, known, regime.decode(), False, {}, {}, float(known.mean()))
        for values, known, regime in zip(features, valid, regimes.tolist(), strict=True)
    ]
    borders = pairwise([0, *np.cumsum(lengths).tolist()])
    machines = [MachineVectors(f"{first}", tuple(vectors[first:last])) for first, last in borders]
    wander = fleet_wander(machines, profile)
    return {"spread": wander.spread, "slow": wander.slow}
