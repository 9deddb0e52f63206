"""The demo's command line.

Rule: everything a script may set is here, checked once, and says in one line what is wrong with it.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.errors import ConfigError
from simulators.spoil import Spoil

DEFAULT_MACHINES = 16
MAX_SPEED = 10_000.0
MAX_MACHINES = 1000

EXAMPLES = """\
examples:
  industrialguard demo
      a small fleet on this machine; open the printed address, stop with Ctrl-C
  industrialguard demo --machines 50 --speed 20 --seconds 30 --json demo.json
      50 machines, 30 s on the wall = 10 minutes of machine time, then a summary for scripts
  industrialguard demo --machines 50 --speed 20 --seconds 30 --kill ingest@8+20
      the same with ingest killed (SIGKILL) after 8 s and kept down for 20 s: the counts do not change
  industrialguard demo --bad-release
      a spoiled model is released: the first machines that try it go back by themselves, nobody else gets it
  industrialguard demo --replay femto:DIR --speed 200
      recorded bearings instead of simulated machines: raw bursts through the device's own code
  industrialguard demo --machines 10 --replay cmapss:DIR/train_FD001.txt.gz
      recorded engines beside ten simulated machines
  industrialguard demo --replay csv:run.csv --bundle press.igb
      a recording of your own machine, with the model you trained for it

recordings: femto:DIR  skab:DIR  cwru:DIR  cmapss:DIR  npz:DIR  csv:FILE
"""

RELEASE_PARTS = ("releases", "web")
"""Parts of a run that shows a release, beside the others."""
KILLABLE = ("broker", "ingest", "serve", *RELEASE_PARTS)


@dataclass(frozen=True, slots=True)
class Kill:
    """One part, killed on purpose and kept down."""

    part: str
    at_s: float
    """Wall time after the fleet has started, in s."""
    hold_s: float


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What one run of the demo does."""

    machines: int
    speed: float
    seconds: float | None
    """Wall seconds; None: until Ctrl-C."""
    seed: int
    replays: tuple[str, ...]
    kills: tuple[Kill, ...]
    json_path: Path | None
    data_dir: Path | None
    """Kept afterwards when given; else a temporary folder is used and removed."""
    http_port: int
    """0: the first free one from 8080."""
    bundle: Path | None
    """Model and profile of the replayed recordings, where none that ships fits."""
    broker: str
    """`auto`: Mosquitto where it is installed, else the embedded one."""
    has_release: bool = True
    """Whether an improved model is released to the machines."""
    spoil: Spoil | None = None
    """What is wrong with it; None: nothing."""

    @property
    def machine_seconds(self) -> float | None:
        """Machine time the run covers, in s."""
        return None if self.seconds is None else self.seconds * self.speed


FLAGS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "--machines",
        {"type": int, "metavar": "N", "help": "machines to simulate (default 16; 0 with --replay)"},
    ),
    ("--speed", {"type": float, "metavar": "X", "default": 20.0, "help": "machine seconds per second (20)"}),
    (
        "--seconds",
        {"type": float, "metavar": "S", "help": "stop after S wall seconds = S x speed of machine time"},
    ),
    (
        "--seed",
        {"type": int, "metavar": "K", "default": 1, "help": "same seed, same machines and messages (1)"},
    ),
    (
        "--replay",
        {
            "action": "append",
            "default": [],
            "metavar": "SCHEME:PATH",
            "help": "replay recordings as if they came from sensors; may be repeated",
        },
    ),
    (
        "--kill",
        {
            "action": "append",
            "default": [],
            "metavar": "PART@T+D",
            "help": f"kill {', '.join(KILLABLE)} after T s and keep it down for D s; may be repeated",
        },
    ),
    (
        "--json",
        {"type": Path, "metavar": "FILE", "help": "write counts of samples, windows, messages, alerts"},
    ),
    (
        "--data",
        {"type": Path, "metavar": "DIR", "help": "keep databases, outboxes and logs here (a new folder)"},
    ),
    (
        "--port",
        {"type": int, "metavar": "P", "default": 0, "help": "the page's port (the first free from 8080)"},
    ),
    (
        "--bundle",
        {"type": Path, "metavar": "FILE", "help": "model for --replay where none that ships fits"},
    ),
    (
        "--broker",
        {
            "choices": ("auto", "embedded", "mosquitto"),
            "default": "auto",
            "help": "auto: Mosquitto where it is installed, else the embedded one",
        },
    ),
    ("--no-release", {"action": "store_true", "help": "release no new model while the machines run"}),
    (
        "--bad-release",
        {
            "nargs": "?",
            "const": Spoil.ALARM.value,
            "choices": [how.value for how in Spoil],
            "metavar": "HOW",
            "help": "release a spoiled model: `alarm`, found once it is in charge (default), or `answers`, "
            "found in its self-test",
        },
    ),
)


def build_parser() -> argparse.ArgumentParser:
    """The parser of `industrialguard demo`."""
    parser = argparse.ArgumentParser(
        prog="industrialguard demo",
        description="A fleet of machines with real agents, a broker and a whole cloud, on this machine.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for flag, settings in FLAGS:
        parser.add_argument(flag, **settings)
    return parser


def parse_options(argv: Sequence[str]) -> DemoOptions:
    """Read and check the command line.

    Raises:
        ConfigError: one line that says what is wrong.
    """
    arguments = build_parser().parse_args(argv)
    machines = arguments.machines
    if machines is None:
        machines = 0 if arguments.replay else DEFAULT_MACHINES
    seconds, speed, folder = arguments.seconds, arguments.speed, (arguments.json or Path("x")).parent
    _require(
        0 < machines <= MAX_MACHINES or (machines == 0 and bool(arguments.replay)),
        f"--machines must lie between 1 and {MAX_MACHINES}, not {machines}",
    )
    _require(0 < speed <= MAX_SPEED, f"--speed must lie between 0 and {MAX_SPEED:.0f}, not {speed}")
    _require(seconds is None or 0 < seconds < math.inf, f"--seconds must be positive, not {seconds}")
    _require(arguments.seed >= 0, f"--seed must not be negative: {arguments.seed}")
    _require(0 <= arguments.port <= 65_535, f"--port must lie between 0 and 65535, not {arguments.port}")
    _require(
        not (arguments.no_release and arguments.bad_release), "--no-release and --bad-release: choose one"
    )
    _require(folder.is_dir(), f"--json: there is no folder {folder}; make it first")
    return DemoOptions(
        machines=machines,
        speed=arguments.speed,
        seconds=arguments.seconds,
        seed=arguments.seed,
        replays=tuple(arguments.replay),
        kills=tuple(parse_kill(text) for text in arguments.kill),
        json_path=arguments.json,
        data_dir=arguments.data,
        http_port=arguments.port,
        bundle=arguments.bundle,
        broker=arguments.broker,
        has_release=not arguments.no_release,
        spoil=Spoil(arguments.bad_release) if arguments.bad_release else None,
    )


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


def parse_kill(text: str) -> Kill:
    """Read `part@start+duration`.

    >>> parse_kill("broker@10+20")
    Kill(part='broker', at_s=10.0, hold_s=20.0)

    Raises:
        ConfigError: another shape, another part, or a negative time.
    """
    part, _, times = text.partition("@")
    start, _, duration = times.partition("+")
    try:
        kill = Kill(part, float(start), float(duration))
    except ValueError:
        raise ConfigError(f"--kill {text}: write it as PART@T+D, for example ingest@8+20") from None
    if kill.part not in KILLABLE:
        raise ConfigError(f"--kill {text}: the parts are {', '.join(KILLABLE)}")
    if not (0 <= kill.at_s < math.inf and 0 <= kill.hold_s < math.inf):
        raise ConfigError(f"--kill {text}: times must not be negative")
    return kill
