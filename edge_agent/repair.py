"""Entry point: `industrialguard agent repaired …`: word of a repair, after which a machine is another one.

Rule: leaves word in the state folder; the agent takes it up within one window where it runs, else when it
starts.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_agent.errors import StateFolderError

NOTE = "repaired"
EXAMPLES = """\
examples:
  industrialguard agent repaired --state ./state/pump-7

The alarm that stood is over, and the machine is learned anew: level, spread, healthy error, shaft lines.
Sensors that are doubted stay so. Without it, an alarm that outlasted a change of the weather may not end
by itself.
"""


class RepairNote:
    """Word left for an agent.

    Args:
        state_dir: Its state folder.
    """

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / NOTE

    def leave(self) -> None:
        """Say that the machine was repaired.

        Raises:
            StateFolderError: the folder cannot be written.
        """
        try:
            self._path.touch()
        except OSError as error:
            raise StateFolderError(f"{self._path.parent} cannot be written: {error}") from error

    @property
    def is_there(self) -> bool:
        """Whether somebody said so."""
        return self._path.exists()

    def remove(self) -> None:
        """It is done; a folder that cannot be written keeps it, and it is done again.

        Raises:
            StateFolderError: the folder cannot be written.
        """
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise StateFolderError(f"{self._path} cannot be removed: {error}") from error


def main(argv: Sequence[str] | None = None) -> int:
    """Leave word for the agent of a state folder.

    Returns:
        The exit code.

    Raises:
        StateFolderError: the folder cannot be written.
    """
    options = build_parser().parse_args(argv)
    RepairNote(options.state).leave()
    print("the machine is learned anew within one window, or when the agent starts")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; it also writes the help text."""
    parser = argparse.ArgumentParser(
        prog="industrialguard agent repaired",
        description="Say that a machine was repaired: its alarm is over, and it is learned anew.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--state", required=True, type=Path, metavar="DIR", help="the agent's --state")
    return parser


if __name__ == "__main__":
    sys.exit(main())
