"""Entry point of the plant's machines: `industrialguard cloud assets COMMAND`.

Rule: each command says in one line what it did, or what is wrong and what to do about it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cloud.asset_desk import import_assets, plan_words
from cloud.asset_import import COLUMNS, EXAMPLE, MAX_BYTES, ImportPlan
from cloud.assets import Asset
from cloud.life_commands import open_store
from cloud.places import add_places
from cloud.store.assets import count_mapping, list_assets, map_device, unmapped_devices
from contract.errors import DataError, IndustrialGuardError
from contract.logs import configure_logging

MOST_UNMAPPED = 1000
EXAMPLES = f"""\
a list, with the columns {", ".join(COLUMNS)}
in any order; all but tag and site may be left out, and then stay as they are:
  {EXAMPLE.replace(chr(10), chr(10) + "  ").rstrip()}

examples:
  industrialguard cloud assets import plant.csv --dry-run     what it would change, and every bad line
  industrialguard cloud assets import plant.csv
  industrialguard cloud assets list --site north
  industrialguard cloud assets unmapped                       devices that watch nothing that is known
  industrialguard cloud assets map P-101 pump-07
  industrialguard cloud assets map P-101 --nothing
"""


def main(argv: Sequence[str]) -> int:
    """Run one command; returns its exit code."""
    arguments = build_parser().parse_args(argv)
    try:
        configure_logging(os.environ.get("INDUSTRIALGUARD_LOG_LEVEL", "WARNING"))
        run: Callable[[argparse.Namespace], None] = arguments.run
        run(arguments)
    except IndustrialGuardError as error:
        print(f"industrialguard cloud: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="industrialguard cloud assets",
        description="The plant's machines, and which device watches which.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    take = commands.add_parser("import", help="take over a list of machines (CSV)")
    take.set_defaults(run=_import)
    take.add_argument("file", type=Path, help="UTF-8, see above")
    take.add_argument("--dry-run", action="store_true", help="change nothing, say what would change")
    show = commands.add_parser("list", help="list machines and what watches them")
    show.set_defaults(run=_list)
    show.add_argument("--site", metavar="CODE", help="only of this site")
    missing = commands.add_parser("unmapped", help="list devices that are mapped to no machine")
    missing.set_defaults(run=_unmapped)
    mapping = commands.add_parser("map", help="say which device watches a machine")
    mapping.set_defaults(run=_map)
    mapping.add_argument("tag", help="of the machine")
    which = mapping.add_mutually_exclusive_group(required=True)
    which.add_argument("device", nargs="?", help="device id")
    which.add_argument("--nothing", action="store_true", help="nothing watches it any more")
    for command in (take, show, missing, mapping):
        add_places(command)
    return parser


def read_text(path: Path) -> str:
    """A list as text.

    Raises:
        DataError: it cannot be read, or is too long.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path}: larger than {MAX_BYTES} bytes; split it")
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def change_lines(plan: ImportPlan) -> Iterable[str]:
    """What a list would change, one line for each asset."""
    for asset in plan.new:
        yield f"add     {asset.tag} in {asset.place}"
    for each in plan.changed:
        yield f"change  {each.after.tag}: {', '.join(each.changes)}"


def _import(arguments: argparse.Namespace) -> None:
    text = read_text(arguments.file)
    with open_store(arguments) as database:
        plan = import_assets(database, text, arguments.dry_run)
    for fault in plan.faults:
        print(f"{arguments.file}, {fault}", file=sys.stderr)
    if plan.faults:
        raise DataError(plan_words(plan, arguments.dry_run))
    if arguments.dry_run:
        print("\n".join(change_lines(plan)), end="\n" if plan.assets else "")
    print(plan_words(plan, arguments.dry_run))


def _list(arguments: argparse.Namespace) -> None:
    sites = None if arguments.site is None else frozenset({arguments.site})
    with open_store(arguments) as database, database.session() as session:
        assets, counts = list_assets(session, sites), count_mapping(session, sites)
    for asset in assets:
        print(_line(asset))
    print(
        f"{counts.assets} assets, {counts.unwatched} that nothing watches, {counts.unmapped} unmapped devices"
    )


def _line(asset: Asset) -> str:
    criticality = asset.criticality.name.lower()
    return f"{asset.tag:<24} {asset.place!s:<32} {asset.kind:<6} {criticality:<7} {asset.device_id or '-'}"


def _unmapped(arguments: argparse.Namespace) -> None:
    with open_store(arguments) as database, database.session() as session:
        devices = unmapped_devices(session, MOST_UNMAPPED)
        counts = count_mapping(session)
    print("\n".join(devices), end="\n" if devices else "")
    print(f"{counts.unmapped} devices are mapped to no machine", file=sys.stderr)


def _map(arguments: argparse.Namespace) -> None:
    with open_store(arguments) as database, database.transaction() as session:
        asset = map_device(session, arguments.tag, arguments.device)
    print(f"{asset.tag} is watched by {asset.device_id or 'nothing'}")
