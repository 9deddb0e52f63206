"""What the fleet knows about the model's error: where it lies on healthy machines and how far it strays.

Rule: measured with the int8 file in the device's runtime, and per machine as a device meets it: location from
the windows of its calibration, spread from all that follow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from contract.features import FeatureSpec
from contract.profiles import MachineProfile
from contract.scoring import JUDGED_WINDOWS, Values, Yardstick, model_error, squared_residuals
from models.dataset import Contexts
from models.errors import TooLittleDataError

Floats = npt.NDArray[np.float64]

LEAST_SPREAD = 0.2
"""Smallest believable spread of the natural log of the error: at a score of 0.5 (5.1 spreads) the error must
have grown 2.8-fold, so that an alarm is a matter of machines and not of statistics alone."""


LEAST_RESIDUAL = 0.1
"""No feature is believed to be reconstructed better than this, in squared spreads: a fleet that was calm
while it was recorded must not make a third of a spread an event."""
LEAST_LOG_RESIDUAL = 1.0
"""The same for what is seen as a logarithm. Its spread is no statistic but what practice calls significant
(`models.dataset.LEAST_LOG_SPREAD`), and less than that is nothing, however well it could be predicted."""
LEAST_ERROR = 1.0
"""Smallest believable healthy error: with residuals in units of what is usual, a healthy machine shows 1."""


@dataclass(frozen=True, slots=True)
class FleetError:
    """The model's error on healthy machines, as natural logs."""

    location: float
    """Median over machines."""
    spread: float
    """Root mean square distance from a machine's own location, over machines."""


class Network(Protocol):
    """Whatever reconstructs contexts; on a device, `models.parity.DeviceModel`."""

    def reconstruct(self, contexts: Values) -> Values:
        """Standardised features float32 (n, T, F) in, reconstructed out."""


def machine_errors(machine: Contexts, model: Network, yardstick: Yardstick) -> Floats:
    """The device's model error of each context. float64 (n,)."""
    if not len(machine.standardised):
        return np.empty(0)
    reconstructed = model.reconstruct(machine.standardised)
    rows = zip(machine.standardised, reconstructed, machine.valid, strict=True)
    return np.array([model_error(*row, yardstick) for row in rows])


def fleet_yardstick(machines: Sequence[Contexts], model: Network, specs: Sequence[FeatureSpec]) -> Yardstick:
    """What the model usually leaves of each feature: the median over machines of the mean squared residual.

    Args:
        machines: Healthy ones that the model did not learn from.
        model: In the device's runtime.
        specs: Of the features.

    Returns:
        Residuals not below the least of their kind; 1 where no machine knows the feature.
    """
    means = []
    for machine in machines:
        reconstructed = model.reconstruct(machine.standardised)
        rows = zip(machine.standardised, reconstructed, machine.valid, strict=True)
        squares = np.array([squared_residuals(*row) for row in rows])
        known = machine.valid[:, -JUDGED_WINDOWS:].any(axis=1)
        counts = known.sum(axis=0)
        means.append(np.where(counts > 0, squares.sum(axis=0) / np.maximum(counts, 1), np.nan))
    table = np.array(means)
    table[:, ~np.isfinite(table).any(axis=0)] = 1.0
    least = [LEAST_LOG_RESIDUAL if spec.scale == "log" else LEAST_RESIDUAL for spec in specs]
    residual = np.maximum(np.nanmedian(table, axis=0), least)
    return Yardstick.of(residual.astype(np.float32), specs)


def fleet_error(errors: Sequence[Floats], profile: MachineProfile) -> FleetError:
    """Location and spread from each machine's errors.

    Raises:
        TooLittleDataError: no machine has errors beyond its calibration windows.
    """
    needed = profile.warmup.calibration_windows
    logs = [np.log(np.maximum(e, LEAST_ERROR)) for e in errors if len(e) > needed]
    if not logs:
        raise TooLittleDataError(
            f"no machine has more than {needed} windows after its baseline (calibration_windows of profile "
            f"{profile.name}); record longer"
        )
    locations = [float(np.median(e[:needed])) for e in logs]
    strays = [e[needed:] - own for e, own in zip(logs, locations, strict=True)]
    spread = math.sqrt(float(np.mean([np.mean(s**2) for s in strays])))
    return FleetError(float(np.median(locations)), max(spread, LEAST_SPREAD))
