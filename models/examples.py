"""From a snapshot to the examples that the training pipeline reads: a folder called a span.

Rule: a machine is on one side only. `train` and `calibrate` hold whole lives, of which training draws its own
cuts; `eval` holds each life cut at several random rows, drawn once from the seed and the life's name alone,
so that two models are compared on the same examples. The columns are a snapshot's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from contract.errors import ConfigError
from contract.lives import Life
from contract.snapshot import LIVES_FILE, Split, format_manifest
from models.errors import TooLittleDataError
from models.parquet import write_lives
from models.snapshot import Snapshot
from models.span_folder import MAX_SPAN, place_span, span_folder


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
        if not 0 < self.span <= MAX_SPAN or self.cuts < 1:
            raise ConfigError(f"a span is 1 to {MAX_SPAN} and has at least one cut of each life")


def write_examples(snapshot: Snapshot, root: Path, config: ExampleConfig) -> Path:
    """Write `span-NNNNN/{train,calibrate,eval}/lives.parquet` below `root`; it appears whole or not at all.

    The snapshot's manifest goes with it, for lineage.

    Returns:
        The folder of the span.

    Raises:
        TooLittleDataError: no machine falls on one of the sides; says on which.
        DataError: the span exists, or the disk refused.
    """
    folder = span_folder(root, config.span)
    sides = {side: snapshot.split(side) for side in Split}
    empty = [side for side, lives in sides.items() if not lives]
    if empty:
        raise TooLittleDataError(
            f"{snapshot.folder}: none of its {snapshot.manifest.counts.machines} machines falls to "
            f"{' or '.join(empty)}; machines are split by a hash of their ids, so it takes more of them"
        )
    cut = [part for life in sides[Split.EVAL] for part in draw_cuts(life, config.cuts, config.seed)]
    writers = {
        str(side): partial(write_lives, lives=lives, spec=snapshot.spec, installed=snapshot.installed)
        for side, lives in {**sides, Split.EVAL: cut}.items()
    }
    return place_span(folder, LIVES_FILE, writers, format_manifest(snapshot.manifest))


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
