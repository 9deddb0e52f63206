"""Which machines a demo has: simulated ones, engines from the shipped recordings, and what the user replays.

Rule: same options, same machines, in the same order, with the same faults at the same machine time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib import resources

import numpy as np

from contract.bundle import Bundle, load_bundle
from contract.errors import ConfigError
from contract.messages import DEVICE_ID_PATTERN
from models.recordings import Recording
from simulators.demo_options import MAX_MACHINES, DemoOptions
from simulators.replay import replay_recordings
from simulators.scenario import DEFAULT_HORIZON_S, demo_scenario

ENGINE_SHARE = 8
"""One machine in this many is a recorded engine."""
MAX_ENGINES = 4
MAX_REPLAYED = 50
"""Machines of one `--replay`; a whole C-MAPSS folder holds more than a thousand."""


@dataclass(frozen=True, slots=True)
class DemoMachine:
    """One machine of the demo."""

    device_id: str
    profile: str
    source: str
    """What its agent reads, without the start time."""
    is_degrading: bool | None
    """It wears out, or was recorded until it failed; None: the recording does not say."""
    bundle: str = ""
    """File of its bundle; empty: the one that ships for the profile."""


def plan_machines(options: DemoOptions) -> tuple[DemoMachine, ...]:
    """The machines of a run.

    Raises:
        ConfigError: an unknown machine or too many of them.
        DataError: an unknown scheme, missing or malformed recordings.
        BundleError: the bundle for the replays is missing or damaged.
    """
    engines = (
        () if options.replays else _engines(min(MAX_ENGINES, options.machines // ENGINE_SHARE), options.seed)
    )
    simulated = _simulated(options.machines - len(engines), options)
    bundle = None if options.bundle is None else load_bundle(str(options.bundle))
    replayed = tuple(machine for spec in options.replays for machine in _replayed(spec, bundle))
    if bundle is not None:
        replayed = tuple(replace(machine, bundle=str(options.bundle)) for machine in replayed)
    machines = (*simulated, *engines, *replayed)
    ids = [machine.device_id for machine in machines]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise ConfigError(f"two machines are called {twice[0]}; replay each recording once")
    if len(machines) > MAX_MACHINES:
        raise ConfigError(f"{len(machines)} machines are too many for one process; at most {MAX_MACHINES}")
    return machines


def _simulated(count: int, options: DemoOptions) -> tuple[DemoMachine, ...]:
    if count < 1:
        return ()
    horizon_s = min(options.machine_seconds or DEFAULT_HORIZON_S, DEFAULT_HORIZON_S)
    plans = demo_scenario(count, options.seed, horizon_s)
    return tuple(DemoMachine(p.device_id, p.profile, p.source_spec(), p.is_degrading) for p in plans)


def _engines(count: int, seed: int) -> tuple[DemoMachine, ...]:
    """Engines that were run to failure, from the recordings that ship with the project."""
    folder = resources.files("simulators") / "data" / "cmapss"
    spec = f"cmapss:{folder}"
    recordings = [r for r in replay_recordings(spec) if r.machine_id.startswith("train")]
    chosen = np.random.default_rng(np.random.SeedSequence([seed, 0xE61])).permutation(len(recordings))[:count]
    return tuple(
        _as_machine(spec, recordings[i], number) for number, i in enumerate(sorted(chosen.tolist()), 1)
    )


def _replayed(spec: str, bundle: Bundle | None) -> tuple[DemoMachine, ...]:
    place = spec.partition("#")[0]
    recordings = replay_recordings(spec, bundle.profile if bundle else None)
    if len(recordings) > MAX_REPLAYED:
        said = f"{place} holds {len(recordings)} machines; replaying {MAX_REPLAYED} from all over it"
        print(f"{said}. One alone: --replay {place}#{recordings[0].machine_id}")
        chosen = np.linspace(0, len(recordings) - 1, MAX_REPLAYED).round().astype(int).tolist()
        recordings = [recordings[i] for i in chosen]
    return tuple(_as_machine(place, recording) for recording in recordings)


def _as_machine(place: str, recording: Recording, number: int | None = None) -> DemoMachine:
    device_id = (
        f"engine-{number:02d}"
        if number
        else re.sub(r"[^A-Za-z0-9_-]+", "-", recording.machine_id).strip("-_")
    )
    if not DEVICE_ID_PATTERN.fullmatch(device_id):
        raise ConfigError(
            f"recording {recording.machine_id!r} has no name that could be a device id; rename its file"
        )
    is_degrading = True if recording.end_of_life_s is not None else None
    return DemoMachine(device_id, recording.profile, f"{place}#{recording.machine_id}", is_degrading)
