"""What training is asked to do.

Rule: read without TensorFlow, so that a mistake on the command line costs no one its loading time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from contract.errors import ConfigError


@dataclass(frozen=True, slots=True)
class FitConfig:
    """How the network is trained."""

    epochs: int = 60
    """Most rounds over all contexts."""
    patience: int = 12
    """Rounds without a better error on the held-out machines before it stops."""
    batch: int = 64
    learning_rate: float = 2e-3
    noise: float = 0.3
    """Standard deviation of the noise added to the input, in the machine's own spreads."""
    lost_features: float = 0.1
    """Share of features that are masked throughout a context."""
    wander: tuple[float, ...] = ()
    """Standard deviation of the slow offsets put on each feature, in its spreads; empty: none."""
    strayed: float = 0.1
    """Share of features that are put where no healthy machine takes them; contexts have from none to twice
    as many."""
    lost_windows: float = 0.2
    """Share of contexts in which windows are missing, every second or at random."""
    max_windows: int = 64_000
    """Windows in the contexts of a round; when there are more, a round draws some."""
    tuning_epochs: int = 15
    """Most rounds when a trained network is tuned further: to int8, or to fewer weights."""
    tuning_rate: float = 5e-4
    """Learning rate of tuning: a trained network is adjusted, not taught anew."""
    adapting_rate: float = 1e-4
    """Learning rate of adapting a bundle's network: of the rates from 1e-5 to 5e-4 it left the smallest error
    on held-out machines."""
    start_from: str = ""
    """Bundle whose network is adapted: a file, or the name of one that ships; empty: from scratch."""
    seed: int = 1
    threads: int = 1

    def contexts_per_round(self, context: int) -> int:
        """How many contexts of so many windows a round holds: the longer, the more they overlap."""
        return max(self.batch, self.max_windows // context)

    def for_tuning(self) -> FitConfig:
        """The same for a network that is trained already."""
        epochs = min(self.epochs, self.tuning_epochs)
        return replace(self, epochs=epochs, patience=max(2, epochs // 3), learning_rate=self.tuning_rate)

    def for_adapting(self) -> FitConfig:
        """The same for the network of a bundle."""
        return replace(self.for_tuning(), learning_rate=self.adapting_rate)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What was asked for on the command line."""

    profile: str
    """Shipped profile name, or path of a .toml file."""
    data: str
    """Recordings, as `scheme:place`."""
    out: Path
    exclude: tuple[str, ...] = ()
    """Machines to leave out: names, or patterns with `*`."""
    healthy_fraction: float = 1.0
    """Share of each recording, from its start, that is believed healthy; in (0, 1]."""
    fit: FitConfig = field(default_factory=FitConfig)

    def __post_init__(self) -> None:
        if not 0 < self.healthy_fraction <= 1:
            raise ConfigError(f"--healthy-fraction must lie in (0, 1], not {self.healthy_fraction}")
        if self.fit.epochs < 1:
            raise ConfigError(f"--epochs must be at least 1, not {self.fit.epochs}")
