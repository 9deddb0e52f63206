"""`industrialguard train snapshot`: from a data set of lives to a training snapshot.

Rule: this is where the readers of training and the writer of the cloud meet, which never import each other.
Test lives stay outside. With `--cut`, what happened later is taken out before anything is written.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cloud.pseudonym_key import read_key
from cloud.snapshot_file import SnapshotContent, write_snapshot
from contract.errors import ConfigError
from contract.lives import Life
from contract.snapshot import (
    LifeKey,
    Origin,
    SnapshotManifest,
    Split,
    age_at,
    as_known_at,
    key_id_of,
    key_of,
    pseudonym,
    split_of,
)
from models.code_version import find_code_version
from models.lives import FORMATS, LifeSet, open_lives

EXAMPLES = """\
examples:
  industrialguard train snapshot --dataset cmapss:../data/cmapss --out snapshots/turbofan
  industrialguard train snapshot --dataset azure:../data/azure_pdm --cut 2015-10-01 --out snapshots/azure
  industrialguard train snapshot --dataset own:line3 --key-file secret.key --out snapshots/line3
"""


@dataclass(frozen=True, slots=True)
class SnapshotConfig:
    """What `train snapshot` was asked for."""

    dataset: str
    """`scheme:place`"""
    subset: str
    out: Path
    cut: datetime | None
    """Aware UTC; None: now, and nothing is taken out."""
    key: bytes | None
    """Of the pseudonyms; None: machines keep their ids."""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code.

    Raises:
        IndustrialGuardError: one line that says what is wrong and what to do.
    """
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as finished:  # argparse has printed already
        return int(finished.code or 0)
    if not arguments.out.parent.is_dir():
        raise ConfigError(f"--out {arguments.out}: there is no folder {arguments.out.parent}; make it first")
    key = None if arguments.key_file is None else read_key(arguments.key_file)
    config = SnapshotConfig(arguments.dataset, arguments.subset, arguments.out, arguments.cut, key)
    lives = open_lives(config.dataset, config.subset)
    manifest, sides = take_snapshot(config, lives, datetime.now(UTC))
    print(format_result(config.out, manifest, sides))
    for note in lives.notes:
        print(f"  note: {note}")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; opens nothing."""
    formats = "\n".join(f"  {each.usage:<12}{each.summary}" for each in FORMATS.values())
    parser = argparse.ArgumentParser(
        prog="industrialguard train snapshot",
        description="Write the lives of a data set as a training snapshot, which never changes afterwards.",
        epilog=f"data sets:\n{formats}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dataset", required=True, metavar="SPEC", help="where the lives are, see below")
    parser.add_argument(
        "--subset", default="all", metavar="NAME", help="only this group of lives (default all)"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the snapshot's new folder")
    parser.add_argument(
        "--cut", type=_moment, metavar="TIME", help="leave out what happened later, UTC (2026-03-01T06:00)"
    )
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="16 to 64 secret bytes: machines stand in the snapshot under pseudonyms made with them",
    )
    return parser


def take_snapshot(
    config: SnapshotConfig, lives: LifeSet, now: datetime
) -> tuple[SnapshotManifest, Counter[Split]]:
    """Write the lives to learn from.

    Returns:
        The manifest, and how many machines are on each side.

    Raises:
        ConfigError: a cut, but the data have no calendar.
        IndustrialGuardError: as `write_snapshot`.
    """
    if config.cut is not None:
        lives = cut_lives(lives, config.cut)
    key_id = ""
    if config.key is not None:
        lives, key_id = rename_machines(lives, config.key), key_id_of(config.key)
    origin = Origin(
        cut=config.cut or now,
        created=now,
        source=lives.source,
        code_version=find_code_version(),
        key_id=key_id,
    )
    manifest = write_snapshot(config.out, SnapshotContent(lives.spec, lives.lives, lives.installed), origin)
    return manifest, Counter(split_of(machine) for machine in {life.machine for life in lives.lives})


def cut_lives(lives: LifeSet, cut: datetime) -> LifeSet:
    """The lives as they were known at a time.

    Raises:
        ConfigError: a life has no calendar, so nobody knows what it was like then.
        DataError: nothing had begun by then.
    """
    undated = sum(key_of(life) not in lives.installed for life in lives.lives)
    if undated:
        raise ConfigError(f"{lives.source}: {undated} lives have no dates; leave out --cut")
    unit = lives.spec.time_unit
    known = [as_known_at(life, age_at(cut, lives.installed[key_of(life)], unit)) for life in lives.lives]
    return replace(lives, lives=tuple(life for life in known if life is not None))


def rename_machines(lives: LifeSet, key: bytes) -> LifeSet:
    """The lives under pseudonyms."""

    def rename(life: Life) -> Life:
        return replace(life, machine=pseudonym(life.machine, key))

    installed = {
        LifeKey(pseudonym(old.machine, key), old.component, old.number): moment
        for old, moment in lives.installed.items()
    }
    return replace(
        lives,
        lives=tuple(map(rename, lives.lives)),
        tests=tuple(map(rename, lives.tests)),
        installed=installed,
    )


def format_result(out: Path, manifest: SnapshotManifest, sides: Counter[Split]) -> str:
    """What was written, as lines of text."""
    counts = manifest.counts
    machines = ", ".join(f"{sides[side]} {side}" for side in Split)
    return (
        f"wrote {out} ({manifest.name})\n"
        f"  {counts.lives} lives of {counts.machines} machines ({machines}), {counts.rows} rows, "
        f"{counts.events} events\n"
        f"  {counts.failed} lives failed, {counts.lives - counts.failed} are censored"
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


_moment.__name__ = "time"  # argparse names it when the text is none

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
