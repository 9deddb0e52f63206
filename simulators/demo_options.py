"""The demo's command line.

Rule: everything a script may set is here, checked once, and says in one line what is wrong with it.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.errors import ConfigError

DEFAULT_MACHINES = 16
DEFAULT_SPEED = 20.0
MAX_MACHINES = 1000

EXAMPLES = """\
examples:
  industrialguard demo
      a small fleet on this machine; open the printed address, stop with Ctrl-C
  industrialguard demo --machines 50 --speed 20 --seconds 30 --json demo.json
      50 machines, 30 s on the wall = 10 minutes of machine time, then a summary for scripts
  industrialguard demo --machines 50 --speed 20 --seconds 30 --kill ingest@8+20
      the same with ingest killed (SIGKILL) after 8 s and kept down for 20 s: the counts do not change
  industrialguard demo --replay femto:DIR --speed 200
      recorded bearings instead of simulated machines: raw bursts through the device's own code
  industrialguard demo --machines 10 --replay cmapss:DIR/train_FD001.txt.gz
      recorded engines beside ten simulated machines

recordings: femto:DIR  skab:DIR  cwru:DIR  cmapss:DIR  npz:DIR  csv:FILE
"""

KILLABLE = ("broker", "ingest", "serve")


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

    @property
    def machine_seconds(self) -> float | None:
        """Machine time the run covers, in s."""
        return None if self.seconds is None else self.seconds * self.speed


def build_parser() -> argparse.ArgumentParser:
    """The parser of `industrialguard demo`."""
    parser = argparse.ArgumentParser(
        prog="industrialguard demo",
        description="A fleet of machines with real agents, a broker and a whole cloud, on this machine.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--machines",
        type=int,
        metavar="N",
        help=f"machines to simulate (default {DEFAULT_MACHINES}; 0 beside --replay)",
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=DEFAULT_SPEED,
        metavar="X",
        help="machine seconds per second (default 20)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        help="stop after S wall seconds, which cover S x speed of machine time (default: Ctrl-C)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=1,
        metavar="K",
        help="same seed, same machines, same faults, same messages (default 1)",
    )
    parser.add_argument(
        "--replay",
        action="append",
        default=[],
        metavar="SCHEME:PATH",
        help="replay recordings as if they came from sensors; may be repeated",
    )
    parser.add_argument(
        "--kill",
        action="append",
        default=[],
        metavar="PART@T+D",
        help=f"kill {', '.join(KILLABLE)} after T s and keep it down for D s; may be repeated",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write counts of samples, windows, messages and alerts"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="keep databases, outboxes and logs here (default: a temporary folder)",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=0,
        metavar="P",
        help="port of the page on 127.0.0.1 (default: the first free one from 8080)",
    )
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
    if not 0 <= machines <= MAX_MACHINES or (machines == 0 and not arguments.replay):
        raise ConfigError(f"--machines must lie between 1 and {MAX_MACHINES}, not {machines}")
    if not (math.isfinite(arguments.speed) and 0 < arguments.speed <= 10_000):
        raise ConfigError(f"--speed must lie between 0 and 10000, not {arguments.speed}")
    if arguments.seconds is not None and not (math.isfinite(arguments.seconds) and arguments.seconds > 0):
        raise ConfigError(f"--seconds must be positive, not {arguments.seconds}")
    if not 0 <= arguments.port <= 65_535:
        raise ConfigError(f"--port must lie between 0 and 65535, not {arguments.port}")
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
    )


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
