"""Entry point: `industrialguard cloud rollout COMMAND`.

Rule: a thin client of the API, which decides everything; each command prints what came of it, or one sentence
that says what to do.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cloud.api_client import ApiClient, ApiUnreachableError, read_key
from cloud.rollout_plans import PlanWords, build_plan, read_plan
from cloud.rollout_tables import audit_lines, device_lines, list_lines, show_lines
from contract.errors import ConfigError, IndustrialGuardError

DEFAULT_API = "http://127.0.0.1:8080"
HALTED, ABORTED = 3, 4
"""Exit codes of --watch."""
ENDS = {"completed": 0, "halted": HALTED, "aborted": ABORTED}
POLL_S = 2.0
PAGE = 5000
EXAMPLES = f"""\
examples, in the order of a rollout:
  industrialguard cloud rollout plan pump 7-0a1b2c3d4e5f --canary 5% --then 25% --then rest --soak 24h \\
      --back-to 6-112233445566 --needs-approval
  industrialguard cloud rollout plan pump 7-0a1b2c3d4e5f --where site=north --hours 'UTC 22:00-04:00'
  industrialguard cloud rollout plan --file plan.toml                the API's own fields, or JSON
  industrialguard cloud rollout approve r-1a2b3c4d5e
  industrialguard cloud rollout start r-1a2b3c4d5e --watch           shows how it goes until it ends
  industrialguard cloud rollout devices r-1a2b3c4d5e --state refused
  industrialguard cloud rollout retry-failed r-1a2b3c4d5e --why 'new disk'
  industrialguard cloud rollout resume r-1a2b3c4d5e
  industrialguard cloud rollout abort r-1a2b3c4d5e --send-back --why 'false alarms'
  industrialguard cloud rollout audit r-1a2b3c4d5e

environment:
  INDUSTRIALGUARD_API           as --api
  INDUSTRIALGUARD_API_KEY       who asks: a key, by `industrialguard cloud people key NAME --role engineer`
  INDUSTRIALGUARD_API_KEY_FILE  or the file that it is in
--watch ends with 0 when it is completed, {HALTED} when it has halted, {ABORTED} when it was aborted.
"""
_SUMMARIES = {
    "approve": "let it be started; by somebody else than its author",
    "start": "begin with the first group",
    "pause": "tell no further device; what is under way goes on",
    "resume": "go on, knowing what has failed",
    "retry-failed": "give every device that failed another attempt",
    "abort": "call it off for good",
}

Run = Callable[[ApiClient, argparse.Namespace], int]


def main(argv: Sequence[str]) -> int:
    """Run one command; returns its exit code."""
    arguments = build_parser().parse_args(argv)
    try:
        address = arguments.api or os.environ.get("INDUSTRIALGUARD_API") or DEFAULT_API
        client = ApiClient(address, read_key(os.environ))
        run: Run = arguments.run
        return run(client, arguments)
    except IndustrialGuardError as error:
        print(f"industrialguard cloud rollout: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="industrialguard cloud rollout",
        description="Plan, start and watch rollouts of releases (docs/releases.md).",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    added = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Run, summary: str, *, names_one: bool = True) -> argparse.ArgumentParser:
        command = added.add_parser(
            name, help=summary, description=summary, epilog=EXAMPLES, formatter_class=parser.formatter_class
        )
        command.set_defaults(run=run, action=name, watch=False)
        if names_one:
            command.add_argument("id", help="of the rollout, such as r-1a2b3c4d5e")
        command.add_argument("--api", metavar="URL", help=f"of the cloud (default: {DEFAULT_API})")
        command.add_argument("--json", action="store_true", help="print what the API answers")
        return command

    _add_plan(add("plan", _plan, "write a rollout down; nothing begins yet", names_one=False))
    listing = add("list", _list, "rollouts, the newest first", names_one=False)
    listing.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many (20)")
    _add_watch(add("show", _show, "how each group stands, and what it waits for"))
    devices = add("devices", _devices, "the devices, each with its state and why")
    devices.add_argument("--state", help="only those in this state, such as refused")
    devices.add_argument("--group", help="only those of this group")
    audit = add("audit", _audit, "who did what, when and why")
    audit.add_argument("--device", help="only what is about this device")
    for name, summary in _SUMMARIES.items():
        _add_change(name, add(name, _change, summary))
    return parser


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("family", nargs="?", default="", help="the machine type, as in the registry")
    parser.add_argument("version", nargs="?", default="", help="as the repository lists it")
    parser.add_argument("--file", type=Path, metavar="FILE", help="take the plan from it: TOML, or .json")
    parser.add_argument("--canary", default="5%", metavar="SHARE", help="of the devices (5%%)")
    parser.add_argument(
        "--then", action="append", default=[], metavar="SHARE", help="of those left; the last is `rest`"
    )
    parser.add_argument(
        "--where", action="append", default=[], metavar="NAME=PATTERN", help="only devices with this label"
    )
    parser.add_argument(
        "--soak", default="", metavar="SPAN", help="success must last, before each next group"
    )
    parser.add_argument(
        "--hours", action="append", default=[], metavar="HOURS", help="'ZONE HH:MM-HH:MM', when it may begin"
    )
    parser.add_argument("--deadline", default="", metavar="SPAN", help="then it halts (60d)")
    parser.add_argument("--back-to", default="", metavar="VERSION", help="what an abort may send devices to")
    parser.add_argument("--needs-approval", action="store_true", help="by somebody else")


def _add_change(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--why", default="", metavar="TEXT", help="kept beside it")
    if name in ("start", "resume"):
        _add_watch(parser)
    if name == "resume":
        parser.add_argument("--deadline", metavar="ISO", help="a new one, where the old one is over")
    if name == "abort":
        parser.add_argument("--send-back", action="store_true", help="send devices that run it to --back-to")


def _add_watch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--watch", action="store_true", help="go on showing it until it ends")


def _plan(client: ApiClient, arguments: argparse.Namespace) -> int:
    if arguments.file is not None:
        plan = read_plan(arguments.file)
    elif arguments.family and arguments.version:
        names = PlanWords.__dataclass_fields__
        plan = build_plan(PlanWords(**{name: getattr(arguments, name) for name in names}))
    else:
        raise ConfigError("plan needs FAMILY and VERSION, or --file FILE")
    made = client.post("/rollouts", plan)
    _show_one(made, arguments)
    if not arguments.json:
        step = "approve" if made["state"] == "awaiting_approval" else "start"
        print(f"next: industrialguard cloud rollout {step} {made['id']}")
    return 0


def _list(client: ApiClient, arguments: argparse.Namespace) -> int:
    found = client.get("/rollouts", limit=arguments.limit)
    _print(found, list_lines(found["rollouts"]), arguments)
    return 0


def _show(client: ApiClient, arguments: argparse.Namespace) -> int:
    if arguments.watch:
        return watch(client, arguments)
    _show_one(client.get(f"/rollouts/{arguments.id}"), arguments)
    return 0


def _devices(client: ApiClient, arguments: argparse.Namespace) -> int:
    found: dict[str, Any] = {"devices": [], "next_after": ""}
    while found["next_after"] is not None:
        page = client.get(
            f"/rollouts/{arguments.id}/devices",
            state=arguments.state,
            group=arguments.group,
            limit=PAGE,
            after=found["next_after"],
        )
        found = {"devices": found["devices"] + page["devices"], "next_after": page["next_after"]}
    _print(found, device_lines(found["devices"]), arguments)
    return 0


def _audit(client: ApiClient, arguments: argparse.Namespace) -> int:
    found: dict[str, Any] = {"events": [], "next_after": 0}
    while found["next_after"] is not None:
        page = client.get(
            f"/rollouts/{arguments.id}/audit", device=arguments.device, limit=PAGE, after=found["next_after"]
        )
        found = {"events": found["events"] + page["events"], "next_after": page["next_after"]}
    _print(found, audit_lines(found["events"]), arguments)
    return 0


def _change(client: ApiClient, arguments: argparse.Namespace) -> int:
    body: dict[str, Any] = {"why": arguments.why}
    if arguments.action == "abort":
        body["send_back"] = arguments.send_back
    if arguments.action == "resume" and arguments.deadline:
        body["deadline"] = arguments.deadline
    changed = client.post(f"/rollouts/{arguments.id}/{arguments.action}", body)
    if arguments.watch:
        return watch(client, arguments)
    _show_one(changed, arguments)
    return 0


def watch(
    client: ApiClient, arguments: argparse.Namespace, sleep: Callable[[float], None] = time.sleep
) -> int:
    """Show a rollout each time that it looks otherwise, until it ends; returns how it ended."""
    shown = ""
    while True:
        try:
            rollout = client.get(f"/rollouts/{arguments.id}")
        except ApiUnreachableError as error:
            if not shown:
                raise
            print(f"{error}; trying again", file=sys.stderr, flush=True)
        else:
            text = _format(rollout, show_lines(rollout), arguments)
            if text != shown:
                _redraw(text, shown)
                shown = text
            if rollout["state"] in ENDS:
                return ENDS[rollout["state"]]
        sleep(POLL_S)


def _redraw(text: str, before: str) -> None:
    """Over what stands there on a terminal; below it anywhere else."""
    if sys.stdout.isatty() and before:
        print(f"\x1b[{before.count(chr(10)) + 1}A\x1b[J", end="")
    print(text, flush=True)


def _show_one(rollout: Any, arguments: argparse.Namespace) -> None:
    _print(rollout, show_lines(rollout), arguments)


def _print(answer: Any, lines: Sequence[str], arguments: argparse.Namespace) -> None:
    print(_format(answer, lines, arguments))


def _format(answer: Any, lines: Sequence[str], arguments: argparse.Namespace) -> str:
    return json.dumps(answer, indent=2) if arguments.json else "\n".join(lines)
