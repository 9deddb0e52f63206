"""A clock that runs faster where a component is loaded harder.

Rule: the law is somebody's, not ours: which settings count, and by which power, comes from a standard or from
the maker, and is never fitted to the lives that it is judged by. Where nothing is known every clock shows the
age.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.errors import DataError
from contract.lives import Ages, Life, LifeSpec

Numbers = npt.NDArray[Any]

LARGEST_POWER = 20.0


@dataclass(frozen=True, slots=True)
class LoadFactor:
    """How one setting drives the clock: (setting / reference) ** power.

    Raises:
        DataError: a reference that is not positive, or a power that is negative or beyond reason.
    """

    setting: str
    """One of `LifeSpec.settings`; it is never negative. Where it is not known, the reference is meant."""
    power: float
    """0 to `LARGEST_POWER`."""
    reference: float
    """In the setting's unit: here the clock runs like any other."""

    def __post_init__(self) -> None:
        if not (0 <= self.power <= LARGEST_POWER and 0 < self.reference < np.inf):
            raise DataError(
                f"load clock: {self.setting} needs a positive reference and a power of 0 to {LARGEST_POWER:g}"
            )


@dataclass(frozen=True, slots=True)
class LoadClock:
    """The product of its factors is how fast it runs; without factors it shows the age.

    >>> clock = LoadClock((LoadFactor("load", 3.0, 100.0),))
    >>> clock.speed(np.array([[100.0, 1.0], [200.0, 1.0]]), ("load", "other")).tolist()
    [1.0, 8.0]
    """

    factors: tuple[LoadFactor, ...] = ()

    def places(self, settings: Sequence[str]) -> tuple[int, ...]:
        """Where each factor's setting stands.

        Raises:
            DataError: the type has no such setting.
        """
        unknown = sorted({factor.setting for factor in self.factors} - set(settings))
        if unknown:
            raise DataError(f"load clock: {unknown[0]} is no setting; there are {', '.join(settings)}")
        return tuple(list(settings).index(factor.setting) for factor in self.factors)

    def speed(self, values: Numbers, settings: Sequence[str]) -> Ages:
        """How fast it runs at each row: values (n, n_settings) -> float64 (n,), not negative."""
        speed = np.ones(len(values))
        for factor, place in zip(self.factors, self.places(settings), strict=True):
            value = values[:, place].astype(np.float64)
            share = np.where(np.isfinite(value), value, factor.reference) / factor.reference
            speed *= np.maximum(share, 0.0) ** factor.power
        return speed

    def show(self, life: Life, spec: LifeSpec) -> Ages:
        """What it shows at each row, float64 (n_rows,): up to a row it ran as that row's settings say."""
        steps = np.diff(life.age, prepend=0.0)
        return np.asarray(np.cumsum(steps * self.speed(life.settings, spec.settings)))

    def show_end(self, life: Life, spec: LifeSpec) -> float:
        """What it shows when the life ends; after the last row nothing changed."""
        last = float(self.speed(life.settings[-1:], spec.settings)[0])
        return float(self.show(life, spec)[-1]) + life.remaining * last

    def retime(self, life: Life, spec: LifeSpec) -> Life:
        """The same life with what the clock shows as its age.

        Raises:
            DataError: it stood still between two rows, so that they have the same age.
        """
        return replace(life, age=self.show(life, spec), end_age=self.show_end(life, spec))
