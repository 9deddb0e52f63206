"""What a trained bundle achieved on machines that it was not trained on, beside what no network would have.

Rule: only held-out machines; figures are plain numbers for the manifest. Detection is measured on healthy
contexts into which a known deviation was put, so that it can be measured for every profile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract.creep import Creep
from contract.profiles import MachineProfile
from contract.scoring import Z_CLIP, Yardstick
from models.calibrate import FleetError, machine_errors
from models.dataset import Contexts, prior_windows
from models.judge import Verdicts
from models.parity import DeviceModel

Floats = npt.NDArray[np.float64]

SHIFT_SPREADS = 2.0
"""Deviation put into contexts, in the machine's own spreads."""
SHIFTED_SHARE = 0.1
"""Share of the features that deviate."""
CONTEXTS = 600
"""Contexts that are measured on."""


def auc(healthy: Floats, deviating: Floats) -> float:
    """Probability that a deviating context has the higher error (Mann-Whitney; ties count half).

    >>> auc(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    0.875
    """
    order = np.sort(healthy)
    below = np.searchsorted(order, deviating, "left")
    not_above = np.searchsorted(order, deviating, "right")
    return float((below + not_above).mean() / 2 / len(healthy))


def shifted(machine: Contexts, random: np.random.Generator) -> Contexts:
    """The same contexts with some features moved by `SHIFT_SPREADS` throughout a context."""
    count, _, width = machine.standardised.shape
    ranks = random.permuted(np.tile(np.arange(width), (count, 1)), axis=1)
    chosen = ranks < max(1, round(SHIFTED_SHARE * width))
    sign = random.choice([-1.0, 1.0], (count, width))
    moved = machine.standardised + (SHIFT_SPREADS * sign * chosen)[:, np.newaxis]
    clipped = np.clip(np.where(machine.valid, moved, 0.0), -Z_CLIP, Z_CLIP).astype(np.float32)
    return Contexts(machine.machine_id, machine.event_times_s, clipped, machine.valid)


@dataclass(frozen=True, slots=True)
class Healthy:
    """What is known of healthy machines, as a bundle will say it."""

    profile: MachineProfile
    yardstick: Yardstick
    error: FleetError


def measure(
    held_out: Sequence[Contexts], model: DeviceModel, healthy: Healthy, seed: int
) -> dict[str, float]:
    """Figures for the manifest.

    Returns:
        held_out_error (median), windows, false_window_rate (share of healthy windows at or above the alarm
        threshold), shift_auc of the model and of the mean squared deviation alone.
    """
    random = np.random.default_rng(seed)
    some = [_thin(m, CONTEXTS // len(held_out) + 1, random) for m in held_out]
    deviating = [shifted(m, random) for m in some]

    def errors_of(machine: Contexts) -> Floats:
        return machine_errors(machine, model, healthy.yardstick, Creep(healthy.profile))

    errors = [errors_of(m) for m in held_out]
    scores = [s for e in errors for s in _scores(e, healthy)]
    threshold = healthy.profile.alarm_rule.threshold
    return {
        "held_out_machines": float(len(held_out)),
        "held_out_error": _rounded(np.median(np.concatenate(errors))),
        "scored_windows": float(len(scores)),
        "false_window_rate": _rounded(np.mean(np.array(scores) >= threshold) if scores else 0.0),
        "shift_auc": _rounded(auc(*(_all(errors_of(m) for m in ms) for ms in (some, deviating)))),
        "shift_auc_without_network": _rounded(
            auc(*(_all(_mean_square(m) for m in ms) for ms in (some, deviating)))
        ),
    }


def _all(parts: Iterable[Floats]) -> Floats:
    return np.concatenate(list(parts))


def _scores(errors: Floats, healthy: Healthy) -> list[float]:
    prior = healthy.error
    verdicts = Verdicts(healthy.profile, prior.location, prior.spread, prior_windows(healthy.profile))
    for number, error in enumerate(errors.tolist()):
        verdicts.add(float(number), error)
    return verdicts.scores


def _thin(machine: Contexts, count: int, random: np.random.Generator) -> Contexts:
    return machine.take(np.sort(random.permutation(len(machine.standardised))[:count]))


def _mean_square(machine: Contexts) -> Floats:
    counts = np.maximum(machine.valid.sum(axis=(1, 2)), 1)
    total: Floats = (machine.standardised.astype(np.float64) ** 2).sum(axis=(1, 2)) / counts
    return total


def _rounded(value: float | np.floating[npt.NBitBase]) -> float:
    return round(float(value), 4)
