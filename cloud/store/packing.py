"""Features of a summary as one column, and back.

Rule: float32, little-endian, (n_features, 3): mean, minimum, maximum; the names stand once in `feature_set`.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.messages import FeatureAggregate

_COLUMNS = 3


def pack_features(features: Sequence[FeatureAggregate]) -> bytes:
    """The numbers of a summary's features."""
    numbers = [number for feature in features for number in feature[1:]]
    return struct.pack(f"<{len(numbers)}f", *numbers)


def pack_extremes(
    means: npt.NDArray[np.floating[Any]],
    minima: npt.NDArray[np.floating[Any]],
    maxima: npt.NDArray[np.floating[Any]],
) -> bytes:
    """The same from three arrays of (n_features,)."""
    packed: bytes = np.stack([means, minima, maxima], axis=1).astype("<f4").tobytes()
    return packed


def unpack_features(packed: bytes) -> npt.NDArray[np.float32]:
    """float32 (n_features, 3): mean, minimum, maximum."""
    return np.frombuffer(packed, dtype="<f4").reshape(-1, _COLUMNS).astype(np.float32, copy=False)


@lru_cache(maxsize=256)
def names_digest(names: tuple[str, ...]) -> str:
    """A short stand-in for a list of names, of which a fleet has few.

    >>> names_digest(("a", "b")) == names_digest(("ab",))
    False
    """
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
