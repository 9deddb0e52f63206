"""A small fleet of presses that wear, and its spans on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from contract.lives import End, EventKind, Life, LifeEvent, LifeSpec, Rows
from contract.snapshot import LifeKey, key_of
from models.parquet import write_lives
from models.stages.life_schema import draft_schema
from models.stages.records import encode_row
from models.stages.schema import write_schema

SPEC = LifeSpec(
    "press", "h", 60.0, ("load",), ("heat", "shake", "flow"), ("greased",), components=("bearing",)
)
UNITS = {"heat": "degC", "load": "kN"}
CUT = datetime(2026, 3, 1, tzinfo=UTC)
SIDES = {"train": range(16), "calibrate": range(16, 22), "eval": range(22, 32)}


def make_life(number: int, seed: int = 0) -> Life:
    """Life of machine `number`: shaking tells its end, heat its load; every fifth is replaced."""
    random = np.random.default_rng([number, seed])
    n_rows = int(random.integers(40, 120))
    age = np.arange(1.0, n_rows + 1)
    load = random.choice([10.0, 30.0], n_rows)
    shake = 1 + 4 * np.exp((age - n_rows) / 15) + 0.1 * random.standard_normal(n_rows)
    sensors = np.stack([20 + load + random.standard_normal(n_rows), shake, random.random(n_rows)], 1)
    return Life(
        machine=f"press-{number:03d}",
        component="bearing",
        number=0,
        age=age,
        settings=load[:, None].astype(np.float32),
        sensors=sensors.astype(np.float32),
        end=End.REPLACED if number % 5 == 4 else End.FAILED,
        end_age=float(n_rows),
        events=(LifeEvent(12.5, EventKind.MAINTENANCE, "greased"),) if number % 2 else (),
        group="old" if number % 3 else "new",
    )


def make_sides(seed: int = 0) -> dict[str, list[Life]]:
    """Whole lives to train and calibrate on; two cuts of each to evaluate."""
    sides = {side: [make_life(number, seed) for number in numbers] for side, numbers in SIDES.items()}
    return sides | {"eval": [life.cut(n) for life in sides["eval"] for n in (25, len(life.age) - 10)]}


def installed(lives: Sequence[Life], cut: datetime = CUT) -> dict[LifeKey, datetime]:
    """Each life ended at the cut."""
    return {key_of(life): cut - timedelta(hours=life.end_age) for life in lives}


def write_span(
    spans: Path,
    number: int,
    sides: Mapping[str, Sequence[Life]],
    spec: LifeSpec = SPEC,
    *,
    dated: bool = False,
) -> Path:
    """Write a span as `models.examples` does, but any lives."""
    folder = spans / f"span-{number:05d}"
    for side, lives in sides.items():
        (folder / side).mkdir(parents=True)
        write_lives(folder / side / "lives.parquet", lives, SPEC, installed(lives) if dated else {})
    return folder


def write_fleet_schema(path: Path) -> Path:
    """The curated schema of this fleet."""
    write_schema(path, draft_schema(make_sides()["train"], SPEC, UNITS))
    return path


def encode(lives: Sequence[Life], dates: Mapping[LifeKey, datetime] | None = None) -> list[bytes]:
    """Lives as examples, as the pipeline would read them from a file."""
    return [encode_row(as_row(life, (dates or {}).get(key_of(life)))) for life in lives]


def as_row(life: Life, since: datetime | None = None) -> dict[str, object]:
    """A life as a row of a file."""
    return {
        "machine": life.machine,
        "component": life.component,
        "number": life.number,
        "group": life.group,
        "end": str(life.end),
        "end_age": life.end_age,
        "installed_s": since.timestamp() if since else None,
        "age": life.age.tolist(),
        **{f"setting_{name}": life.settings[:, i].tolist() for i, name in enumerate(SPEC.settings)},
        **{f"sensor_{name}": life.sensors[:, i].tolist() for i, name in enumerate(SPEC.sensors)},
        "event_age": [event.age for event in life.events],
        "event_kind": [str(event.kind) for event in life.events],
        "event_code": [event.code for event in life.events],
    }


def with_sensor(lives: Sequence[Life], index: int, values: Sequence[Rows]) -> list[Life]:
    """The lives, one of their sensors replaced."""
    changed = []
    for life, column in zip(lives, values, strict=True):
        sensors = life.sensors.copy()
        sensors[:, index] = column
        changed.append(replace(life, sensors=sensors))
    return changed
