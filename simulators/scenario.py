"""Who degrades when: the cast of a demo or a bench.

Rule: a scenario is a function of its arguments; a machine keeps its part when others are added to the plan of
the same size. Nothing wears before an agent's warm-up can be over, and what wears fails in time to be seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from contract.errors import ConfigError
from contract.profiles import MachineProfile, load_profile
from contract.signals import Quantity, SensorKind
from simulators.degradation import FailureMode, WearPlan
from simulators.faults import FaultKind, SensorFault
from simulators.machine import BEARING_MODES, MachineConfig
from simulators.regimes import Duty

DEGRADING_SHARE = 0.2
MARGIN_WINDOWS = 6
"""Windows between the end of the warm-up and the earliest onset."""
ONSET_SCATTER = 0.28
"""Onsets lie up to this share of the earliest one later."""
LIFE_HOPS = (40.0, 50.0)
REPLACE_HOPS = (24.0, 36.0)
LAST_FAILURE = 0.95
"""Share of the horizon by which everything that fails has failed."""
DEFAULT_HORIZON_S = 600.0

MODE_ORDER = (
    FailureMode.BEARING_OUTER,
    FailureMode.CAVITATION,
    FailureMode.IMBALANCE,
    FailureMode.LUBRICATION,
    FailureMode.WINDING,
    FailureMode.BEARING_INNER,
    FailureMode.MISALIGNMENT,
    FailureMode.BEARING_BALL,
)
"""The order in which degrading machines are given their modes: the first few differ most."""


@dataclass(frozen=True, slots=True)
class MachinePlan:
    """One machine's part."""

    device_id: str
    profile: str
    """Name of a shipped profile, or path of one."""
    seed: int
    wear: WearPlan | None = None
    duty: Duty = Duty.STEADY
    faults: tuple[SensorFault, ...] = ()

    @property
    def is_degrading(self) -> bool:
        """Whether a component of it wears out."""
        return self.wear is not None

    def config(self) -> MachineConfig:
        """The machine to build.

        Raises:
            ConfigError: the profile cannot be read or simulated.
        """
        return MachineConfig(load_profile(self.profile), self.seed, self.wear, self.duty, self.faults)

    def source_spec(self) -> str:
        """What an agent is given as `--source sim:…` to read this machine (without its start)."""
        parts = [f"seed={self.seed}", f"duty={self.duty}"]
        if self.wear is not None:
            parts += [f"mode={self.wear.mode}", f"onset={self.wear.onset_s!r}", f"life={self.wear.life_s!r}"]
            parts += (
                [f"replace={self.wear.replace_after_s!r}"] if math.isfinite(self.wear.replace_after_s) else []
            )
        return "sim:" + ",".join([*parts, *(f"fault={fault}" for fault in self.faults)])


def demo_scenario(
    machines: int, seed: int, horizon_s: float = DEFAULT_HORIZON_S, profile_name: str = "pump"
) -> tuple[MachinePlan, ...]:
    """A fleet in which about a fifth degrades, at least one.

    Args:
        machines: How many; their ids are `pump-01` … in order.
        seed: Same seed, same cast.
        horizon_s: Machine time within which the failures should happen, in s; infinity: no hurry.
        profile_name: The kind of all of them.

    Raises:
        ConfigError: there are no machines to plan, or the profile cannot be simulated.
    """
    if machines < 1:
        raise ConfigError(f"a scenario needs at least one machine, not {machines}")
    profile = load_profile(profile_name)
    cast = np.random.default_rng(np.random.SeedSequence([seed, 0xCA57])).permutation(machines).tolist()
    degrading = cast[: max(1, round(DEGRADING_SHARE * machines))]
    healthy = cast[len(degrading) :]
    modes = possible_modes(profile)
    places = {index: place for place, index in enumerate(degrading)}
    duties, faults = _healthy_duties(healthy, profile), _healthy_faults(healthy, profile)
    width = max(2, len(str(machines)))
    plans = []
    for index in range(machines):
        rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
        own_seed, wear = int(rng.integers(1, 2**31)), None
        if index in places:
            wear = _plan_wear(profile, modes[places[index] % len(modes)], horizon_s, rng)
        duty = duties.get(index, Duty.STEADY)
        device_id = f"{profile.name}-{index + 1:0{width}d}"
        plans.append(MachinePlan(device_id, profile_name, own_seed, wear, duty, faults.get(index, ())))
    return tuple(plans)


def warmup_s(profile: MachineProfile) -> float:
    """Machine time from the first sample of a machine until its first score, in s, in one regime."""
    windows = profile.warmup.baseline_windows + profile.warmup.calibration_windows + profile.window.context
    return windows * profile.window.hop_s + profile.window.length_s


def possible_modes(profile: MachineProfile) -> tuple[FailureMode, ...]:
    """The failure modes that the sensors of a profile can show, in `MODE_ORDER`.

    >>> possible_modes(load_profile("pump-loop"))[0].value
    'cavitation'
    """
    quantities = {sensor.quantity for sensor in profile.sensors}
    has_vibration = Quantity.ACCELERATION in quantities
    shown = {
        FailureMode.IMBALANCE: has_vibration,
        FailureMode.MISALIGNMENT: has_vibration,
        FailureMode.LUBRICATION: bool(profile.waveforms) or Quantity.TEMPERATURE in quantities,
        FailureMode.CAVITATION: Quantity.PRESSURE in quantities or Quantity.FLOW in quantities,
        FailureMode.WINDING: Quantity.CURRENT in quantities,
    } | dict.fromkeys(BEARING_MODES, bool(profile.waveforms) and profile.bearing is not None)
    modes = tuple(mode for mode in MODE_ORDER if shown[mode])
    if not modes:
        raise ConfigError(f"profile {profile.name} has no sensor that feels a failure: replay a recording")
    return modes


def _plan_wear(
    profile: MachineProfile, mode: FailureMode, horizon_s: float, rng: np.random.Generator
) -> WearPlan:
    hop_s = profile.window.hop_s
    earliest_s = warmup_s(profile) + MARGIN_WINDOWS * hop_s
    onset_s = earliest_s * (1.0 + ONSET_SCATTER * float(rng.uniform()))
    life_s = hop_s * float(rng.uniform(*LIFE_HOPS))
    latest_s = LAST_FAILURE * horizon_s
    if onset_s + life_s > latest_s:
        onset_s = max(earliest_s, latest_s - life_s)
    return WearPlan(
        mode, round(onset_s, 1), round(life_s, 1), round(hop_s * float(rng.uniform(*REPLACE_HOPS)), 1)
    )


def _healthy_duties(healthy: list[int], profile: MachineProfile) -> dict[int, Duty]:
    """From four healthy machines on, one stands still now and then; from eight on, one changes its load.

    Only where the profile knows regimes: without them, a change of load is an anomaly to any agent.
    """
    duties: dict[int, Duty] = {}
    if profile.regime is None:
        return duties
    if len(healthy) >= 4:
        duties[healthy[-1]] = Duty.STOPPING
    if len(healthy) >= 8:
        duties[healthy[-2]] = Duty.CYCLING
    return duties


def _healthy_faults(healthy: list[int], profile: MachineProfile) -> dict[int, tuple[SensorFault, ...]]:
    """One healthy machine (two from eight on) has a sensor that lies, which must not look like a failure."""
    regime = profile.regime.sensor if profile.regime is not None else ""
    scalars = [s for s in profile.sensors if s.kind is SensorKind.SCALAR and s.name != regime]
    start_s = warmup_s(profile)
    if any(math.isfinite(sensor.stuck_after_s) for sensor in scalars):
        scalars.sort(key=lambda sensor: sensor.stuck_after_s)
        kinds = (FaultKind.STUCK, FaultKind.NAN)
    else:
        kinds = (FaultKind.DROPOUT, FaultKind.DUPLICATE)
    names = [sensor.name for sensor in scalars or profile.sensors]
    wanted = 0 if not healthy else 1 if len(healthy) < 8 else 2
    return {
        index: (SensorFault(kinds[place], names[place % len(names)], start_s, 40 * profile.window.hop_s),)
        for place, index in enumerate(healthy[:wanted])
    }
