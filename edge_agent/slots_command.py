"""Entry point: `industrialguard agent slots …`.

Rule: looks, and leaves word; what is done is done by the agent, at once where it runs, else when it starts.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from contract.errors import StateError
from edge_agent.errors import StateFolderError
from edge_agent.slot_disk import Disk
from edge_agent.slot_state import Slot, SlotState
from edge_agent.slot_store import SlotStore

EXAMPLES = """\
examples:
  industrialguard agent slots --state ./state/pump-7
  industrialguard agent slots --state ./state/pump-7 --take-back

--take-back puts the model before this one in charge, within one window where the agent runs. The one that was
taken back is not installed again unless the cloud asks for it anew.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Show a device's model slots, or ask its agent to take the newest model back.

    Returns:
        The exit code.

    Raises:
        StateError: there is nothing to take back, or the record is damaged.
        StateFolderError: the folder cannot be written.
    """
    options = build_parser().parse_args(argv)
    store = SlotStore(options.state / "model", Disk())
    state = store.peek()
    if options.take_back:
        print(take_back(store, state))
    elif state is None:
        print("no release was handed over yet; the agent runs the model that it is started with")
    else:
        print(describe(state))
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; it also writes the help text."""
    parser = argparse.ArgumentParser(
        prog="industrialguard agent slots",
        description="Look at a device's models, or take the newest one back.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--state", required=True, type=Path, metavar="DIR", help="the agent's --state")
    parser.add_argument("--take-back", action="store_true", help="put the model before this one in charge")
    return parser


def describe(state: SlotState) -> str:
    """What is where, and why."""
    roles = {state.way_back: "goes back to", state.in_charge: "in charge"}
    lines = []
    for slot, release in sorted(state.held.items()):
        lines.append(f"{slot:<8} {release.family} {release.version:<24} {roles.get(slot, '')}".rstrip())
    said = state.report()
    since = datetime.fromtimestamp(said.since_s, UTC)
    why = f": {said.sentence} ({said.reason})" if said.sentence else ""
    return "\n".join([*lines, f"{said.state} {said.wanted} since {since:%Y-%m-%d %H:%M} UTC{why}"])


def take_back(store: SlotStore, state: SlotState | None) -> str:
    """Leave word for the agent; returns what will happen.

    Raises:
        StateError: there is nothing to take back.
        StateFolderError: the folder cannot be written.
    """
    if state is None or (state.offer is None and state.in_charge is Slot.FACTORY):
        raise StateError("nothing to take back: the agent runs the model that it is started with")
    release = state.held[state.in_charge] if state.offer is None else state.offer.release
    try:
        store.request_take_back(release.sha256)
    except OSError as error:
        raise StateFolderError(f"{store.folder} cannot be written: {error}") from error
    return f"{release.version} is taken back within one window, or when the agent starts"


if __name__ == "__main__":
    sys.exit(main())
