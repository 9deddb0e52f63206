"""What the benchmarks' command lines have in common.

Rule: a number that cannot be right is refused by the command line, before anything runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path


def add_json(parser: argparse.ArgumentParser) -> None:
    """Every benchmark can write its report."""
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the figures here, with protocol, commit and machine"
    )


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """A whole number within limits, for argparse."""

    def read(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"must lie between {least} and {most}, not {number}")
        return number

    read.__name__ = "whole number"  # argparse names it when the text is no number
    return read


def parse(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace | int:
    """Read the arguments; an exit code when argparse has answered already (help, or a wrong line)."""
    try:
        return parser.parse_args(argv)
    except SystemExit as finished:
        return int(finished.code or 0)
