"""From a snapshot to the examples that the training pipeline reads: a folder called a span.

Rule: a machine is on one side only. `train` and `calibrate` hold whole lives, of which training draws its own
cuts; `eval` holds each life cut at several random rows, drawn once from the seed and the life's name alone,
so that two models are compared on the same examples. The columns are a snapshot's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract.errors import ConfigError, DataError
from contract.lives import Life
from contract.snapshot import LIVES_FILE, MANIFEST_FILE, Split, format_manifest
from models.errors import TooLittleDataError
from models.parquet import write_lives
from models.snapshot import Snapshot

_FOLDER_MODE = 0o755
_MAX_SPAN = 99_999


@dataclass(frozen=True, slots=True)
class ExampleConfig:
    """How examples are made.

    Raises:
        ConfigError: no cuts, or a span that its five digits cannot hold.
    """

    span: int
    """Number of the span, from 1; each snapshot gets the next."""
    cuts: int = 8
    """Rows at which each life of `eval` is cut; a shorter life is cut at all its rows."""
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.span <= _MAX_SPAN or self.cuts < 1:
            raise ConfigError(f"a span is 1 to {_MAX_SPAN} and has at least one cut of each life")


def write_examples(snapshot: Snapshot, root: Path, config: ExampleConfig) -> Path:
    """Write `span-NNNNN/{train,calibrate,eval}/lives.parquet` below `root`; it appears whole or not at all.

    The snapshot's manifest goes with it, for lineage.

    Returns:
        The folder of the span.

    Raises:
        TooLittleDataError: no machine falls on one of the sides; says on which.
        DataError: the span exists, or the disk refused.
    """
    folder = root / f"span-{config.span:05d}"
    if folder.exists():
        raise DataError(f"{folder}: exists, and a span never changes; use the next number")
    sides = {side: snapshot.split(side) for side in Split}
    empty = [side for side, lives in sides.items() if not lives]
    if empty:
        raise TooLittleDataError(
            f"{snapshot.folder}: none of its {snapshot.manifest.counts.machines} machines falls to "
            f"{' or '.join(empty)}; machines are split by a hash of their ids, so it takes more of them"
        )
    cut = [part for life in sides[Split.EVAL] for part in draw_cuts(life, config.cuts, config.seed)]
    try:
        _write_aside(folder, snapshot, {**sides, Split.EVAL: cut})
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error}") from error
    return folder


def draw_cuts(life: Life, n_cuts: int, seed: int) -> list[Life]:
    """A life as it stood after some of its rows, each row drawn at most once, in order.

    The draw depends on the seed and the life's own name: other lives in a snapshot do not change it.
    """
    name = f"{seed}/{life.machine}/{life.component}/{life.number}"
    digest = hashlib.blake2b(name.encode(), digest_size=16, person=b"ig-cuts").digest()
    random = np.random.default_rng(int.from_bytes(digest, "big"))
    n_rows = len(life.age)
    rows = random.choice(n_rows, size=min(n_cuts, n_rows), replace=False) + 1
    return [life.cut(int(row)) for row in np.sort(rows)]


def _write_aside(folder: Path, snapshot: Snapshot, sides: dict[Split, Sequence[Life]]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for side, lives in sides.items():
            (aside / side).mkdir()
            path = aside / side / LIVES_FILE
            write_lives(path, lives, snapshot.spec, snapshot.installed)
            with path.open("rb") as file:
                os.fsync(file.fileno())
        (aside / MANIFEST_FILE).write_text(format_manifest(snapshot.manifest), encoding="utf-8")
        aside.chmod(_FOLDER_MODE)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)  # renamed by now, unless something failed
