"""What a summary says of each feature and each sensor.

Rule: as the wire holds them, so that a fleet's messages cost little: a list of names that a machine sends
again and again, and one column of numbers. What could not be true cannot be built.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from contract.checks import MAX_FLOAT32, MAX_UINT32, require, require_finite, require_text
from contract.errors import InvalidMessageError
from contract.signals import QualityFlag

MAX_FEATURES = 512
MAX_SENSORS = 64
_COLUMNS = 3
_ROW_BYTES = 4 * _COLUMNS


class FeatureAggregate(NamedTuple):
    """One feature over an interval, in physical units."""

    name: str
    mean: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Features over an interval, in physical units: rows of mean, minimum and maximum.

    Numbers are rounded to 32 bits, as on the wire and in the store.

    Raises:
        InvalidMessageError: too many of them, a name no feature has, a number that is not finite, or a mean
            outside its minimum and maximum.
    """

    names: tuple[str, ...] = ()
    packed: bytes = field(default=b"", repr=False)
    """float32, little-endian, (n_features, 3)."""

    def __post_init__(self) -> None:
        _require_names(self.names)
        if len(self.packed) != _ROW_BYTES * len(self.names):
            raise InvalidMessageError(f"{len(self.names)} features with {len(self.packed)} bytes of numbers")
        numbers = struct.unpack(f"<{len(self.packed) // 4}f", self.packed)
        means, minima, maxima = numbers[::3], numbers[1::3], numbers[2::3]
        for row in zip(self.names, means, minima, maxima, strict=True):
            if -MAX_FLOAT32 <= row[2] <= row[1] <= row[3] <= MAX_FLOAT32:
                continue  # nearly always, so asked first
            _require_aggregate(*row)

    @classmethod
    def of(cls, aggregates: Iterable[FeatureAggregate]) -> FeatureTable:
        """The table of these rows.

        Raises:
            InvalidMessageError: see the class; also a number that 32 bits cannot hold.
        """
        rows = tuple(aggregates)
        numbers = [number for row in rows for number in row[1:]]
        try:
            packed = struct.pack(f"<{len(numbers)}f", *numbers)
        except OverflowError as error:
            raise InvalidMessageError("features must be finite and fit into 32 bits") from error
        return cls(tuple(row.name for row in rows), packed)

    @classmethod
    def from_columns(
        cls,
        names: Sequence[str],
        means: npt.NDArray[np.floating[Any]],
        minima: npt.NDArray[np.floating[Any]],
        maxima: npt.NDArray[np.floating[Any]],
    ) -> FeatureTable:
        """The table of three arrays of (n_features,).

        Raises:
            InvalidMessageError: see the class.
        """
        return cls(tuple(names), pack_numbers(means, minima, maxima))

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[FeatureAggregate]:
        rows = zip(self.names, self.numbers().tolist(), strict=True)
        return (FeatureAggregate(name, *row) for name, row in rows)

    def numbers(self) -> npt.NDArray[np.float32]:
        """float32 (n_features, 3): mean, minimum, maximum."""
        return unpack_numbers(self.packed)


class ChannelQuality(NamedTuple):
    """How many samples of one sensor were good, uncertain and bad, and why; checked by its summary."""

    sensor: str
    good: int
    uncertain: int
    bad: int
    flags: QualityFlag = QualityFlag.NONE


def pack_numbers(
    means: npt.NDArray[np.floating[Any]],
    minima: npt.NDArray[np.floating[Any]],
    maxima: npt.NDArray[np.floating[Any]],
) -> bytes:
    """Three arrays of (n_features,) as one column."""
    packed: bytes = np.stack([means, minima, maxima], axis=1).astype("<f4").tobytes()
    return packed


def unpack_numbers(packed: bytes) -> npt.NDArray[np.float32]:
    """float32 (n_features, 3): mean, minimum, maximum."""
    return np.frombuffer(packed, dtype="<f4").reshape(-1, _COLUMNS).astype(np.float32, copy=False)


@lru_cache(maxsize=1024)
def require_quality(quality: tuple[ChannelQuality, ...]) -> None:
    """Refuse what cannot be said of sensors.

    Raises:
        InvalidMessageError: too many of them, a name no sensor has, or a count or flags beyond 32 bits.
    """
    require(len(quality) <= MAX_SENSORS, f"at most {MAX_SENSORS} sensors")
    for sensor, *counts in quality:
        require_text(sensor, "sensor name")
        if not (min(counts) >= 0 and max(counts) <= MAX_UINT32):
            raise InvalidMessageError(f"{sensor}: counts and flags must fit into 32 bits, not {counts}")


@lru_cache(maxsize=256)
def _require_names(names: tuple[str, ...]) -> None:
    """A fleet has few such lists, and each device sends the same one again and again."""
    require(len(names) <= MAX_FEATURES, f"at most {MAX_FEATURES} features")
    for name in names:
        require_text(name, "feature name")


def _require_aggregate(name: str, mean: float, minimum: float, maximum: float) -> None:
    require_finite((mean, minimum, maximum), name)
    slack = 1e-4 * max(abs(minimum), abs(maximum), 1e-6)
    require(minimum - slack <= mean <= maximum + slack, f"feature {name}: needs minimum <= mean <= maximum")


NO_FEATURES = FeatureTable()
