"""Snapshots on disk for the tests of training, written by the cloud's own writer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloud.snapshot_file import SnapshotContent, write_snapshot
from contract.lives import End, EventKind, Life, LifeEvent
from contract.snapshot import Origin, key_of
from tests.contract.life_strategies import SPEC, pump

CUT = datetime(2026, 3, 1, 6, tzinfo=UTC)
ORIGIN = Origin(CUT, CUT + timedelta(hours=1), "store of plant 3", "4a1b2c3")
EVENT = LifeEvent(1.0, EventKind.ERROR, "overheated")


def fleet(n_machines: int = 40) -> list[Life]:
    """Two lives of each machine, so many machines that every side has some."""
    names = [f"m{number:02d}" for number in range(n_machines)]
    first = [pump(name, 5 + index % 7, events=(EVENT,)) for index, name in enumerate(names)]
    return first + [pump(name, 3, number=1, end=End.RUNNING) for name in names]


def write(folder: Path, lives: Sequence[Life] | None = None, *, dated: bool = False) -> Path:
    """Write a snapshot of type `SPEC`; `dated`: each life ended at the cut."""
    lives = fleet() if lives is None else lives
    installed = {key_of(life): CUT - timedelta(hours=life.end_age) for life in lives} if dated else {}
    write_snapshot(folder, SnapshotContent(SPEC, lives, installed), ORIGIN)
    return folder
