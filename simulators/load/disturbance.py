"""A network that repeats, delays, reorders and swallows publications, on purpose.

Rule: seeded, and only what at least once allows: what is swallowed is sent again by its device.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from contract.errors import ConfigError


@dataclass(frozen=True, slots=True)
class DisturbanceConfig:
    """How bad the network is; all shares 0..1."""

    repeated: float = 0.0
    delayed: float = 0.0
    """Later publications overtake these."""
    swallowed: float = 0.0
    longest_delay_s: float = 5.0

    def __post_init__(self) -> None:
        shares = self.repeated, self.delayed, self.swallowed
        if not all(0 <= share <= 1 for share in shares) or sum(shares) > 1:
            raise ConfigError("a disturbed share lies between 0 and 1, and all together do")
        if not 0 <= self.longest_delay_s < float("inf"):
            raise ConfigError("longest_delay_s must not be negative")

    @classmethod
    def of(cls, share: float) -> DisturbanceConfig:
        """A third of the share each."""
        return cls(share / 3, share / 3, share / 3)


class Disturbance:
    """Decides of one publication after the other.

    Args:
        config: How bad.
        seed: Same seed, same decisions.
    """

    def __init__(self, config: DisturbanceConfig, seed: int) -> None:
        self._config = config
        self._random = random.Random(seed)

    def delays(self) -> tuple[float, ...]:
        """After how long each copy of a publication leaves, in s; empty: it is swallowed."""
        config, drawn = self._config, self._random.random()
        if drawn < config.swallowed:
            return ()
        delay_s = self._random.random() * config.longest_delay_s
        if drawn < config.swallowed + config.delayed:
            return (delay_s,)
        if drawn < config.swallowed + config.delayed + config.repeated:
            return (0.0, delay_s)
        return (0.0,)
