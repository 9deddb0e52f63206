"""What the fleet knows about the model's error: where it lies on healthy machines and how far it strays.

Rule: measured with the int8 file in the device's runtime, and per machine as a device meets it: location from
the windows of its calibration, spread from all that follow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract.profiles import MachineProfile
from contract.scoring import ERROR_FLOOR, model_error
from models.dataset import Contexts
from models.errors import TooLittleDataError
from models.parity import DeviceModel

Floats = npt.NDArray[np.float64]

LEAST_SPREAD = 0.2
"""Smallest believable spread of the natural log of the error: at a score of 0.5 (5.1 spreads) the error must
have grown 2.8-fold, so that an alarm is a matter of machines and not of statistics alone."""


@dataclass(frozen=True, slots=True)
class FleetError:
    """The model's error on healthy machines, as natural logs."""

    location: float
    """Median over machines."""
    spread: float
    """Root mean square distance from a machine's own location, over machines."""


def machine_errors(machine: Contexts, model: DeviceModel) -> Floats:
    """The device's model error of each context. float64 (n,)."""
    if not len(machine.standardised):
        return np.empty(0)
    reconstructed = model.reconstruct(machine.standardised)
    rows = zip(machine.standardised, reconstructed, machine.valid, strict=True)
    return np.array([model_error(*row) for row in rows])


def fleet_error(errors: Sequence[Floats], profile: MachineProfile) -> FleetError:
    """Location and spread from each machine's errors.

    Raises:
        TooLittleDataError: no machine has errors beyond its calibration windows.
    """
    needed = profile.warmup.calibration_windows
    logs = [np.log(np.maximum(e, ERROR_FLOOR)) for e in errors if len(e) > needed]
    if not logs:
        raise TooLittleDataError(
            f"no machine has more than {needed} windows after its baseline (calibration_windows of profile "
            f"{profile.name}); record longer"
        )
    locations = [float(np.median(e[:needed])) for e in logs]
    strays = [e[needed:] - own for e, own in zip(logs, locations, strict=True)]
    spread = math.sqrt(float(np.mean([np.mean(s**2) for s in strays])))
    return FleetError(float(np.median(locations)), max(spread, LEAST_SPREAD))
