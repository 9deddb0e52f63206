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

from contract.creep import Creep
from contract.features import feature_specs
from contract.profiles import MachineProfile
from contract.scoring import (
    JUDGED_WINDOWS,
    Values,
    Yardstick,
    feature_errors,
    model_error,
    sensor_errors,
    squared_residuals,
)
from models.dataset import Contexts, practical_spreads
from models.errors import TooLittleDataError

Floats = npt.NDArray[np.float64]

LEAST_SPREAD = 0.2
"""Smallest believable spread of the natural log of the error: at a score of 0.5 (5.1 spreads) the error must
have grown 2.8-fold, so that an alarm is a matter of machines and not of statistics alone."""


LEAST_RESIDUAL = 0.1
"""No feature is believed to be reconstructed better than this, in squared spreads: a fleet that was calm
while it was recorded must not make a third of a spread an event."""
LEAST_PRACTICAL_RESIDUAL = 1.0
"""The same where the spread is what practice calls significant (`models.dataset.practical_spreads`): less
than that is nothing, however well it could be predicted."""
RARE = 0.99
"""Share of healthy contexts in which a sensor's error stays below its unit: one that is noisy by nature, or
has few features to average, must not drown a steady one."""
RESTLESS = 0.95
"""Share of machines that are calmer than the one which says what is rare: what one healthy machine of a small
fleet does, another will do."""
LEAST_ERROR = 1.0
"""Smallest believable healthy error: with sensors in units of what is rare of them, most are below 1."""


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


def machine_errors(
    machine: Contexts, model: Network, yardstick: Yardstick, creep: Creep, limit: float = math.inf
) -> Floats:
    """The device's model error of each context. float64 (n,).

    Args:
        machine: Its contexts, oldest first.
        model: Reconstructs them.
        yardstick: Of the fleet.
        creep: Where the machine has crept before; goes on from there.
        limit: A context with this error or a larger one counts as anomalous: nothing is learned from it.
    """
    if not len(machine.standardised):
        return np.empty(0)
    errors = []
    rows = zip(machine.standardised, model.reconstruct(machine.standardised), machine.valid, strict=True)
    for standardised, reconstructed, valid in rows:
        error = model_error(standardised, creep.forgive(standardised, reconstructed), valid, yardstick)
        if error < limit:
            creep.add(standardised[-1], valid[-1])
        errors.append(error)
    return np.array(errors)


def expected(machine: Contexts, model: Network, creep: Creep) -> Values:
    """What is to be expected of each context of a healthy machine. float32 (n, T, F).

    Args:
        machine: Its contexts, oldest first.
        model: Reconstructs them.
        creep: Where the machine has crept before; goes on from there.
    """
    out = model.reconstruct(machine.standardised)
    for number, (standardised, valid) in enumerate(zip(machine.standardised, machine.valid, strict=True)):
        out[number] = creep.forgive(standardised, out[number])
        creep.add(standardised[-1], valid[-1])
    return out


def fleet_yardstick(machines: Sequence[Contexts], model: Network, profile: MachineProfile) -> Yardstick:
    """What is usual of each feature, and what is rare of each sensor.

    Usual is the median over machines of what the model leaves of a feature, its mean squared residual. Rare
    is what the mean of a sensor's features, in those units, exceeds in one context of a hundred at most on
    all but one machine of twenty; a machine's own median is its unit, so that one that is odd throughout is
    not taken for what is rare.

    Args:
        machines: Healthy ones; also those that the model learned from. It knows them no better, for its
            lessons were noisy, and the few that were held out do not show what is rare.
        model: In the device's runtime.
        profile: Of the machines.

    Returns:
        Their product, neither factor below the least of its kind; 1 where no machine knows the feature.
    """
    specs = feature_specs(profile)
    left = [expected(machine, model, Creep(profile)) for machine in machines]
    usual = Yardstick.of(_usual_residual(machines, left, profile), specs)
    tops = []
    for machine, reconstructed in zip(machines, left, strict=True):
        rows = zip(machine.standardised, reconstructed, machine.valid, strict=True)
        errors = [sensor_errors(feature_errors(*row, usual), row[2], usual) for row in rows]
        own, top = np.quantile(errors, (0.5, RARE), axis=0)
        tops.append(top / np.maximum(own, LEAST_ERROR))
    rare = np.maximum(np.quantile(tops, RESTLESS, axis=0, method="higher"), LEAST_ERROR)
    return Yardstick.of((usual.residual * rare[usual.sensors]).astype(np.float32), specs)


def _usual_residual(machines: Sequence[Contexts], left: Sequence[Values], profile: MachineProfile) -> Values:
    """Median over machines of each feature's mean squared residual, not below the least. float32 (F,)."""
    means = []
    for machine, reconstructed in zip(machines, left, strict=True):
        rows = zip(machine.standardised, reconstructed, machine.valid, strict=True)
        squares = np.array([squared_residuals(*row) for row in rows])
        known = machine.valid[:, -JUDGED_WINDOWS:].any(axis=1)
        counts = known.sum(axis=0)
        means.append(np.where(counts > 0, squares.sum(axis=0) / np.maximum(counts, 1), np.nan))
    table = np.array(means)
    table[:, ~np.isfinite(table).any(axis=0)] = 1.0
    is_practical = np.isfinite(practical_spreads(profile))
    least = np.where(is_practical, LEAST_PRACTICAL_RESIDUAL, LEAST_RESIDUAL)
    return np.maximum(np.nanmedian(table, axis=0), least).astype(np.float32)


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
