"""`industrialguard simulate`: seeded machines written to files or looked at, and devices to load a cloud.

Rule: what is written depends on the command line alone; the same line writes the same samples again.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import numpy as np

from contract.errors import ConfigError
from contract.profiles import MachineProfile, load_profile
from contract.signals import Reading, SensorKind
from simulators.degradation import FailureMode, WearPlan
from simulators.load import command as load
from simulators.machine import MachineConfig, SimulatedMachine
from simulators.regimes import Duty
from simulators.scenario import possible_modes, warmup_s

EXAMPLES = """\
examples:
  industrialguard simulate record --profile pump --machines 20 --seconds 3600 --seed 1 --healthy --out
  data/pump
      20 healthy pumps of one hour each, as recordings for `industrialguard train`
  industrialguard simulate record --profile pump --machines 8 --seconds 1200 --out data/worn
      every failure mode in turn; each machine fails at the end of its recording
  industrialguard simulate record --profile ./mine.toml --modes imbalance,lubrication --seconds 900 --out
  data/mine
      a profile of your own
  industrialguard simulate show --profile pump --mode bearing_outer
      what wear does to each sensor, in the terminal
  industrialguard simulate fleet --machines 1000 --rate 100 --mqtt mqtt://127.0.0.1:1883 --seconds 60
      what a cloud bears: devices that speak the whole protocol, without sensors and models

Recordings are read back with npz:DIR, by `train` and by `demo --replay`.
"""
EPOCH_S = 1_767_225_600.0
"""Stamp of the first sample of every recording: 2026-01-01 00:00 UTC."""
WEAR_SHARE = 0.4
"""Share of a recording over which its machine wears."""
PROGRESS_PERIOD_S = 1.0
SHOWN_LIFE_HOPS = 400
SHOWN_LIFE = (0.02, 0.5, 0.75, 0.9, 1.0)
"""Shares of a component's life at which its sensors are shown."""
SHOWN_HOPS = 8

_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """What `record` writes."""

    profile_name: str
    machines: int
    seconds: float
    seed: int
    modes: tuple[FailureMode, ...]
    """Failure modes in turn; empty: healthy machines."""
    duties: tuple[Duty, ...]
    out: Path


def main(argv: Sequence[str] | None = None) -> int:
    """Run `industrialguard simulate`.

    Raises:
        ConfigError: the command line asks for what cannot be simulated.
        DataError: the disk refused a recording.
    """
    arguments = build_parser().parse_args(argv)
    if arguments.action == "fleet":
        return load.run(arguments)
    if arguments.action == "show":
        show(load_profile(arguments.profile), FailureMode(arguments.mode), arguments.seed)
        return 0
    record(_record_options(arguments))
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The parser of `industrialguard simulate`."""
    parser = argparse.ArgumentParser(
        prog="industrialguard simulate",
        description="Seeded machines that wear: record them to files, or look at their signatures; and whole "
        "fleets of devices, to load a cloud.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="record|show|fleet")
    record_parser = actions.add_parser("record", help="write recordings in the project's own format")
    add = record_parser.add_argument
    add("--profile", default="pump", help="shipped profile or a .toml file (default pump)")
    add("--machines", type=int, default=8, metavar="N", help="how many recordings (default 8)")
    add("--seconds", type=float, default=1800.0, metavar="S", help="machine time of each (default 1800)")
    add("--seed", type=int, default=1, metavar="K", help="same seed, same samples (default 1)")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the .npz files; made if missing")
    add("--duties", default="", metavar="D,…", help=f"how they are used, in turn: {', '.join(Duty)}")
    kind = record_parser.add_mutually_exclusive_group()
    kind.add_argument("--healthy", action="store_true", help="nothing wears")
    kind.add_argument(
        "--modes", default="", metavar="M,…", help=f"failure modes in turn: {', '.join(FailureMode)}"
    )
    show_parser = actions.add_parser("show", help="print what wear does to each sensor")
    show_parser.add_argument(
        "--profile", default="pump", help="shipped profile or a .toml file (default pump)"
    )
    show_parser.add_argument(
        "--mode", required=True, choices=list(FailureMode), metavar="MODE", help="failure mode"
    )
    show_parser.add_argument("--seed", type=int, default=1, metavar="K", help="which machine (default 1)")
    load.add_parser(actions)
    return parser


def record(options: RecordOptions) -> list[Path]:
    """Write one recording per machine; returns their paths."""
    from models.recordings.own import write_recording

    profile = load_profile(options.profile_name)
    _make_folder(options.out)
    progress = _Progress(
        options.machines * math.ceil(options.seconds / profile.window.hop_s) * len(profile.sensors)
    )
    written = []
    for index in range(options.machines):
        config = machine_config(options, profile, index)
        machine_id = f"{profile.name}-{index + 1:0{max(3, len(str(options.machines)))}d}"
        path = options.out / f"{machine_id}.npz"
        mode = "healthy" if config.wear is None else config.wear.mode.value
        write_recording(
            path,
            machine_id,
            options.profile_name,
            progress.count(SimulatedMachine(config, EPOCH_S).readings(options.seconds), machine_id),
            description=f"simulated {profile.name}, seed {config.seed}, {config.duty}, {mode}",
            end_of_life_s=None if config.wear is None else EPOCH_S + options.seconds,
        )
        written.append(path)
    progress.finish(f"{len(written)} recordings of {options.seconds:g} s in {options.out}")
    return written


def machine_config(options: RecordOptions, profile: MachineProfile, index: int) -> MachineConfig:
    """The machine of one recording; what wears fails as its recording ends."""
    seed = options.seed * 100_003 + index
    duty = options.duties[index % len(options.duties)]
    if not options.modes:
        return MachineConfig(profile, seed, None, duty)
    life_s = WEAR_SHARE * options.seconds
    plan = WearPlan(options.modes[index % len(options.modes)], options.seconds - life_s, life_s)
    return MachineConfig(profile, seed, plan, duty)


def show(profile: MachineProfile, mode: FailureMode, seed: int) -> None:
    """Print each sensor's level (RMS of a waveform) from new to failed.

    Raises:
        ConfigError: the profile's sensors cannot show the mode.
    """
    if mode not in possible_modes(profile):
        raise ConfigError(
            f"{mode} shows in no sensor of {profile.name}; choose {', '.join(possible_modes(profile))}"
        )
    life_s = SHOWN_LIFE_HOPS * profile.window.hop_s
    machine = SimulatedMachine(MachineConfig(profile, seed, WearPlan(mode, 0.0, life_s)))
    columns: list[tuple[float, dict[str, float]]] = []
    for share in SHOWN_LIFE:
        skipped = machine.readings(share * life_s - SHOWN_HOPS / 2 * profile.window.hop_s)
        for _ in skipped:
            pass
        columns.append((machine.state.wear, _levels(machine, profile)))
    print(f"{'wear':28}" + "".join(f"{wear:>11.2f}" for wear, _ in columns))
    for sensor in profile.sensors:
        name = f"{sensor.name} [{sensor.unit}]"
        print(f"{name:28}" + "".join(f"{levels[sensor.name]:11.4g}" for _, levels in columns))


def _levels(machine: SimulatedMachine, profile: MachineProfile) -> dict[str, float]:
    """Mean level of each sensor over the next hops."""
    collected: dict[str, list[float]] = {}
    for reading in itertools.chain.from_iterable(machine.next_hop() for _ in range(SHOWN_HOPS)):
        is_waveform = profile.sensor(reading.sensor).kind is SensorKind.WAVEFORM
        level = np.sqrt(np.mean(np.square(reading.values))) if is_waveform else np.mean(reading.values)
        collected.setdefault(reading.sensor, []).append(float(level))
    return {name: sum(levels) / len(levels) for name, levels in collected.items()}


class _Progress:
    """A line on stderr with the share done and the time left; silent when stderr is no terminal."""

    def __init__(self, expected_readings: int) -> None:
        self._expected = max(1, expected_readings)
        self._done = 0
        self._started_s = self._printed_s = time.monotonic()
        self._is_shown = sys.stderr.isatty()

    def count(self, readings: Iterable[Reading], machine_id: str) -> Iterator[Reading]:
        """Pass readings through, counting them."""
        for reading in readings:
            self._done += 1
            now_s = time.monotonic()
            if self._is_shown and now_s - self._printed_s >= PROGRESS_PERIOD_S:
                self._printed_s = now_s
                share = min(1.0, self._done / self._expected)
                left_s = (now_s - self._started_s) * (1 - share) / share
                print(
                    f"\r{machine_id}: {share:4.0%}, {left_s:.0f} s left ", end="", file=sys.stderr, flush=True
                )
            yield reading

    def finish(self, what: str) -> None:
        """Say what was written."""
        if self._is_shown:
            print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
        print(f"{what} ({self._done} readings, {time.monotonic() - self._started_s:.1f} s)")


def _record_options(arguments: argparse.Namespace) -> RecordOptions:
    if not 1 <= arguments.machines <= 100_000:
        raise ConfigError(f"--machines must lie between 1 and 100000, not {arguments.machines}")
    if arguments.seed < 0:
        raise ConfigError(f"--seed must be a whole number from 0, not {arguments.seed}")
    profile = load_profile(arguments.profile)
    shortest_s = warmup_s(profile)
    if not shortest_s <= arguments.seconds < math.inf:
        raise ConfigError(f"--seconds must be at least the warm-up of {profile.name}, {shortest_s:g} s")
    default_duties = (
        (Duty.STEADY, Duty.SHIFTS, Duty.CYCLING, Duty.STOPPING) if profile.regime else (Duty.STEADY,)
    )
    modes = _choices(arguments.modes, FailureMode, "--modes")
    if not arguments.healthy:
        modes = modes or possible_modes(profile)
        default_duties = (Duty.STEADY,)
    wrong = [mode for mode in modes if mode not in possible_modes(profile)]
    if wrong:
        raise ConfigError(f"{', '.join(wrong)} shows in no sensor of {profile.name}")
    duties = _choices(arguments.duties, Duty, "--duties") or default_duties
    return RecordOptions(
        arguments.profile, arguments.machines, arguments.seconds, arguments.seed, modes, duties, arguments.out
    )


def _choices(text: str, kind: type[_Choice], option: str) -> tuple[_Choice, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in list(kind)]
    if unknown:
        raise ConfigError(f"{option}: {', '.join(unknown)} is none of {', '.join(kind)}")
    return tuple(kind(name) for name in names)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {folder} cannot be made: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
