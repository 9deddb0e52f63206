"""A network, or how long others lasted: where machines are few, whichever foretells the others better.

Rule: machines that were left out decide, by the mean error in % of how long they lasted, each machine
weighing the same. A network that has few machines to learn from learns them by heart and is sure of what it
does not know; where there are many it is the network, and nothing is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from contract.lives import Life
from models.forecast.courses import leave_out
from models.forecast.decide import least_pct_error
from models.forecast.ensemble import Ensemble
from models.forecast.fit import FitSpec
from models.forecast.lengths import LengthsForecast, fit_lengths
from models.forecast.train import Material, TrainSpec, Watch, train
from models.lives.load_clock import LoadClock

FEW_MACHINES = 20
"""From here on machines are many."""
FEW = TrainSpec(n_rows=256, n_cuts=1500, fit=FitSpec(epochs=4, steps=25, batch=64))
"""A short fit: who is shown few machines often learns who they are."""
JUDGED_ROWS = 20
"""Rows of each life that decide, evenly spaced from the first to the last."""

Chosen = Ensemble | LengthsForecast


@dataclass(frozen=True, slots=True)
class Choice:
    """Forecasts of the same machines, and how wrong they were about machines that they were not told of."""

    network: Ensemble
    lengths: LengthsForecast | None = None
    """None: the machines are many, nothing was compared."""
    network_error_pct: float = 0.0
    lengths_error_pct: float = 0.0
    """In % of life."""

    @property
    def best(self) -> Chosen:
        """The better one; the network where they are alike."""
        if self.lengths is None or self.network_error_pct <= self.lengths_error_pct:
            return self.network
        return self.lengths

    def tell(self) -> tuple[str, ...]:
        """Who was chosen and why, one line; none where there was no choice."""
        if self.lengths is None:
            return ()
        network, lengths = (
            f"{error:.1f} % of life" for error in (self.network_error_pct, self.lengths_error_pct)
        )
        if self.best is self.network:
            return (f"left out, machines were foretold by the network to {network}, by lengths to {lengths}",)
        return (
            f"how long others lasted foretells better than a network (wrong by {lengths}, not {network}): "
            "that is what is written, and it reads no sensor; collect more lives",
        )


def spec_for(lives: Sequence[Life]) -> TrainSpec:
    """How to train on so many machines."""
    return FEW if are_few(lives) else TrainSpec()


def train_best(
    material: Material, clock: LoadClock, spec: TrainSpec, watch: Watch = lambda *_: None
) -> Choice:
    """Train a network; where machines are few, also count how long they lasted, and compare.

    Args:
        material: Lives.
        clock: What lengths are counted on.
        spec: How the network is trained.
        watch: As `train`.

    Raises:
        TooLittleDataError: too few machines, or none failed.
    """
    network = train(material, spec, watch=watch)
    if not are_few(material.lives):
        return Choice(network)
    lengths = fit_lengths(material, clock, spec)
    ended = [life for life in material.calibrate_on or material.lives if not life.is_censored]
    return Choice(network, lengths, _error_pct(network, ended), _error_pct(lengths, ended))


def unseen_by(trained: Chosen) -> Callable[[str], Chosen]:
    """From a machine to a forecast that was not told of it."""
    if isinstance(trained, LengthsForecast):
        return trained.leave_out
    known: dict[int | None, Ensemble] = {}

    def unseen(machine: str) -> Ensemble:
        fold = trained.fold_of.get(machine)
        if fold not in known:
            known[fold] = leave_out(trained, machine)
        return known[fold]

    return unseen


def are_few(lives: Sequence[Life]) -> bool:
    """Whether a network is compared with lengths."""
    return len({life.machine for life in lives}) < FEW_MACHINES


def _error_pct(trained: Chosen, lives: Sequence[Life]) -> float:
    """Mean over machines, in % of life; 0 where no life ended."""
    unseen = unseen_by(trained)
    errors: dict[str, list[float]] = {}
    for life in lives:
        n_rows = np.linspace(1, len(life.age), JUDGED_ROWS).round().astype(int)
        cuts = [life.cut(int(n)) for n in np.unique(n_rows)]
        quantiles = unseen(life.machine).answer_lives(cuts)["quantiles"]
        said = least_pct_error(quantiles, np.array([cut.age[-1] for cut in cuts]))
        left = np.array([cut.remaining for cut in cuts])
        errors.setdefault(life.machine, []).append(100 * float(np.abs(said - left).mean()) / life.end_age)
    return float(np.mean([np.mean(each) for each in errors.values()])) if errors else 0.0
