"""Entry points of what has to do with remaining useful life: `industrialguard cloud COMMAND`.

Rule: each command says in one line what it did, or what is wrong and what to do about it.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from cloud.machine_events import read_events
from cloud.places import add_metrics, add_places, read_metrics, read_places
from cloud.processes import run_until_told
from cloud.pseudonym_key import read_key
from cloud.settings import CloudSettings
from cloud.snapshots import SnapshotRequest, make_snapshot
from cloud.store.database import Database, open_database
from cloud.store.machine_events import store_events
from contract.errors import ConfigError, IndustrialGuardError
from contract.logs import configure_logging
from contract.registry import ModelKind, ModelLine, Note, Registry


def main(argv: Sequence[str]) -> int:
    """Run one command.

    Returns:
        The exit code: 0 when it did its job or was told to stop, the error's own otherwise.
    """
    arguments = build_parser().parse_args(argv)
    try:
        configure_logging(os.environ.get("INDUSTRIALGUARD_LOG_LEVEL", "INFO"))
        for chatty in ("alembic", "uvicorn"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        run: Callable[[argparse.Namespace], None] = arguments.run
        run(arguments)
    except IndustrialGuardError as error:
        print(f"industrialguard cloud: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="industrialguard cloud", description="Remaining useful life.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    rul = commands.add_parser("rul", help="stream to forecasts", description="Forecast all machines.")
    rul.set_defaults(run=_run_rul)
    rul.add_argument("--interval-s", type=float, default=900.0, metavar="S", help="between rounds (900)")
    rul.add_argument("--threads", type=int, default=1, metavar="N", help="of one run of a model (1)")
    events = commands.add_parser("import-events", help="take over a maintenance log")
    events.set_defaults(run=_import_events)
    events.add_argument("file", type=Path, help="CSV with the columns machine,component,time,kind,code")
    snapshot = commands.add_parser("snapshot", help="write training data")
    snapshot.set_defaults(run=_snapshot)
    snapshot.add_argument("--machine-type", required=True, metavar="TYPE")
    snapshot.add_argument("--cut", metavar="ISO", help="moment after which nothing is known (default: now)")
    snapshot.add_argument("--out", required=True, type=Path, metavar="DIR", help="to be made")
    snapshot.add_argument(
        "--key-file",
        required=True,
        type=Path,
        metavar="FILE",
        help="16 to 64 secret bytes: machines stand in the snapshot under pseudonyms made with them",
    )
    models = commands.add_parser("models", help="list the models of a registry")
    models.set_defaults(run=_models)
    back = commands.add_parser("roll-back", help="put the champion before this one in charge again")
    back.set_defaults(run=_roll_back)
    back.add_argument("--machine-type", required=True, metavar="TYPE")
    back.add_argument("--kind", choices=[str(kind) for kind in ModelKind], default="rul")
    back.add_argument("--why", required=True, metavar="TEXT", help="kept in the registry's history")
    who = os.environ.get("USER") or f"user {os.getuid()}"
    back.add_argument("--who", default=who, metavar="NAME", help=f"kept beside it (default: {who})")
    for command in (rul, events, snapshot, models, back):
        add_places(command)
    add_metrics(rul)
    for command in (rul, models, back):
        command.add_argument("--registry", type=Path, metavar="DIR", help="default: DATA/registry")
    for command in (rul, snapshot):
        command.add_argument("--plans", type=Path, metavar="DIR", help="life plans (default: DATA/plans)")
    return parser


def parse_moment(text: str | None) -> datetime:
    """A moment in UTC, now when None.

    Raises:
        ConfigError: no ISO 8601 time with an offset, or one in the future.
    """
    now = datetime.now(UTC)
    if text is None:
        return now
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--cut {text[:40]!r} is not ISO 8601") from error
    if moment.tzinfo is None:
        raise ConfigError(f"--cut {text[:40]!r} needs an offset, such as Z or +01:00")
    if moment > now:
        raise ConfigError(f"--cut {text[:40]!r} lies in the future")
    return moment.astimezone(UTC)


def _settings(arguments: argparse.Namespace) -> CloudSettings:
    return CloudSettings(**read_places(arguments, os.environ))


def _registry(arguments: argparse.Namespace) -> Path:
    return Path(arguments.registry or _settings(arguments).data_dir / "registry")


def _plans(arguments: argparse.Namespace) -> Path:
    return Path(arguments.plans or _settings(arguments).data_dir / "plans")


@contextmanager
def open_store(arguments: argparse.Namespace) -> Iterator[Database]:
    """The store that flags and environment name, brought to the newest schema.

    Raises:
        ConfigError: there is none there.
    """
    settings = _settings(arguments)
    if settings.store is None and not settings.store_path.is_file():
        raise ConfigError(
            f"there is no store at {settings.store_path}; point --data at the cloud's data folder"
        )
    database = open_database(settings.store_url)
    try:
        yield database
    finally:
        database.close()


def _import_events(arguments: argparse.Namespace) -> None:
    now = datetime.now(UTC)
    events = read_events(arguments.file, now)
    with open_store(arguments) as database, database.transaction() as session:
        new = store_events(session, events, now)
    print(f"{len(events)} events read, {new} new, {len(events) - new} known already")


def _snapshot(arguments: argparse.Namespace) -> None:
    request = SnapshotRequest(
        machine_type=arguments.machine_type,
        cut=parse_moment(arguments.cut),
        folder=arguments.out,
        key=read_key(arguments.key_file),
        plans=_plans(arguments),
        code_version=_version(),
    )
    with open_store(arguments) as database:
        manifest = make_snapshot(database, request)
    counts = manifest.counts
    print(
        f"{manifest.name}: {counts.lives} lives of {counts.machines} machines, {counts.failed} failed, "
        f"{counts.rows} rows"
    )


def _version() -> str:
    try:
        return importlib.metadata.version("industrialguard")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _models(arguments: argparse.Namespace) -> None:
    registry = Registry(_registry(arguments))
    for line in registry.lines():
        champion = registry.champion(line)
        in_charge = champion.version if champion else "none"
        print(f"{line.kind} {line.machine_type}: {in_charge} is in charge")
        for entry in registry.history(line):
            when, note = f"{entry.time:%Y-%m-%dT%H:%M:%SZ}", entry.note
            print(f"  {when} {entry.act} {entry.version} by {note.who}: {note.why}")


def _roll_back(arguments: argparse.Namespace) -> None:
    line = ModelLine(arguments.machine_type, ModelKind(arguments.kind))
    version = Registry(_registry(arguments)).roll_back(line, Note(arguments.who, arguments.why))
    print(f"{line.kind} {line.machine_type}: {version} is in charge again")


def _run_rul(arguments: argparse.Namespace) -> None:
    from cloud.rul import RulSettings  # loads the model runtime, which the other commands do without
    from cloud.rul_process import run_rul

    settings = RulSettings(
        _registry(arguments), _plans(arguments), arguments.interval_s, threads=arguments.threads
    )
    cloud = replace(_settings(arguments), metrics=read_metrics(arguments, os.environ))
    asyncio.run(run_until_told("rul", partial(run_rul, settings), cloud))
