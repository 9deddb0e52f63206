"""Which release a demo shows, and on which machines first.

Rule: same options, same machines, same plan. A run that is too short to see a release through shows none.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from contract.errors import ConfigError
from contract.profiles import MachineProfile, load_profile
from edge_agent.comparison import PROBATION_WINDOWS, SHADOW_WINDOWS
from simulators.demo_options import RELEASE_PARTS, DemoOptions
from simulators.demo_plan import DemoMachine
from simulators.fleet import LOOK_S
from simulators.publisher import improved_path
from simulators.scenario import MARGIN_WINDOWS, warmup_s
from simulators.spoil import PATIENT_WINDOWS, Spoil

CANARIES = 2
FEW_MACHINES = 6
"""A fleet smaller than that has one canary; so has a spoiled release."""
GROUP_S = 20.0
"""Wall time that a group takes beside its trials: rounds of the scheduler, downloads, tests; in s."""


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """What is released to whom."""

    family: str
    machines: tuple[str, ...]
    """All of the family."""
    canaries: tuple[str, ...]
    """Those that are first."""
    begins_s: float
    """Machine time at which every machine has learned what is normal, in s."""
    spoil: Spoil | None = None
    """What is wrong with it; None: it is a good one."""

    @property
    def others(self) -> tuple[str, ...]:
        """Those that follow."""
        return tuple(machine for machine in self.machines if machine not in self.canaries)


def plan_release(options: DemoOptions, machines: tuple[DemoMachine, ...]) -> ReleasePlan | None:
    """The release of a run; None: it shows none.

    Raises:
        ConfigError: a spoiled one was asked for that cannot be shown, or a part is to be killed that such a
            run does not have.
    """
    plan, reason = _plan(options, machines) if options.has_release else (None, "--no-release was given")
    if plan is None and options.spoil is not None:
        raise ConfigError(f"--bad-release: {reason}")
    killed = [kill.part for kill in options.kills if kill.part in RELEASE_PARTS]
    if plan is None and killed:
        raise ConfigError(f"--kill {killed[0]}: this run shows no release: {reason}")
    if plan is None and options.has_release:
        print(f"No release is shown: {reason}.")
    return plan


def _plan(options: DemoOptions, machines: tuple[DemoMachine, ...]) -> tuple[ReleasePlan | None, str]:
    """A plan, or why there is none."""
    simulated = [machine for machine in machines if machine.source.startswith("sim:")]
    families = Counter(m.profile for m in simulated if improved_path(m.profile).is_file())
    if not families:
        return None, "there is no improved model of these machines"
    family = families.most_common(1)[0][0]
    own = [machine for machine in simulated if machine.profile == family]
    n_first = CANARIES if len(own) >= FEW_MACHINES and options.spoil is None else 1
    canaries = sorted(own, key=_restlessness)[:n_first]
    profile = load_profile(family)
    begins_s = warmup_s(profile) + MARGIN_WINDOWS * profile.window.hop_s
    needed_s = math.ceil(begins_s / options.speed + lasts_s(profile, len(own), options))
    if options.seconds is not None and options.seconds < needed_s:
        return None, f"it takes about {needed_s} s at this speed (--seconds)"
    plan = ReleasePlan(
        family=family,
        machines=tuple(machine.device_id for machine in own),
        canaries=tuple(sorted(machine.device_id for machine in canaries)),
        begins_s=begins_s,
        spoil=options.spoil,
    )
    return plan, ""


def lasts_s(profile: MachineProfile, machines: int, options: DemoOptions) -> float:
    """About how long a release to so many machines takes from its start, wall time in s."""
    trial = profile.warmup.calibration_windows + SHADOW_WINDOWS
    windows = {
        None: 2 * (trial + PROBATION_WINDOWS),
        Spoil.ALARM: trial + PATIENT_WINDOWS + profile.alarm.n + profile.alarm.clear_after,
        Spoil.ANSWERS: 0,
    }[options.spoil]
    groups_s = (GROUP_S + LOOK_S * machines) * (2 if options.spoil is None else 1)
    return windows * profile.window.hop_s / options.speed + groups_s


def _restlessness(machine: DemoMachine) -> tuple[bool, bool, bool]:
    """Machines that sort first are the better canaries: healthy, all their sensors true, always at work."""
    return bool(machine.is_degrading), "fault=" in machine.source, "duty=steady" not in machine.source
