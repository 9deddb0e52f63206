"""Starts real servers, and stops them when whoever needed them is done.

    python -m tools.servers                        all of them, until Ctrl-C
    python -m tools.servers kafka                  one
    python -m tools.servers -- pytest tests/cloud  as long as a command runs; it finds them by its environment

Rule: a server that cannot be had is named with the reason, and the others start all the same; with
--require-all the lack is a failure.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from tools.servers.kafka import Kafka
from tools.servers.mosquitto import Mosquitto
from tools.servers.postgresql import PostgreSql
from tools.servers.process import Server
from tools.servers.programs import PREFIX, LackingError, ServerError

SERVERS: dict[str, Callable[[], Server]] = {
    "mosquitto": Mosquitto,
    "postgresql": PostgreSql,
    "kafka": Kafka,
}
INTERRUPTED = 130


def main(argv: Sequence[str]) -> int:
    """Run the command line; returns its exit code."""
    before, command = _split(argv)
    options = build_parser().parse_args(before)
    signal.signal(signal.SIGTERM, _end)
    try:
        with ExitStack() as running:
            urls, lacking = start(options.names or list(SERVERS), running)
            if lacking and options.require_all:
                return 1
            if command:
                return subprocess.run(command, env=os.environ | urls, check=False).returncode
            print("Ctrl-C stops them", flush=True)
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        return 0 if not command else INTERRUPTED


def start(names: Sequence[str], running: ExitStack) -> tuple[dict[str, str], list[str]]:
    """Start servers into a stack; returns variables with their addresses, and the names of those lacking."""
    urls, lacking = {}, []
    for name in names:
        try:
            server = running.enter_context(SERVERS[name]())
        except (LackingError, ServerError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            lacking.append(name)
        else:
            print(f"{name} {server.version()}  {PREFIX}{name.upper()}={server.url}", flush=True)
            urls[f"{PREFIX}{name.upper()}"] = server.url
    return urls, lacking


def build_parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.servers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [--require-all] [NAME ...] [-- COMMAND ...]",
    )
    parser.add_argument("names", nargs="*", type=_name, metavar="NAME", help=", ".join(SERVERS))
    parser.add_argument("--require-all", action="store_true", help="fail where one of them cannot be had")
    return parser


def _name(text: str) -> str:
    if text not in SERVERS:
        raise argparse.ArgumentTypeError(f"{text} is none of {', '.join(SERVERS)}")
    return text


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Our own arguments, and the command behind `--`."""
    place = list(argv).index("--") if "--" in argv else len(argv)
    return list(argv[:place]), list(argv[place + 1 :])


def _end(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
