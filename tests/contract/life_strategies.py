"""Lives to test with: any life that can be, one that is written down, and what makes two the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from contract.lives import End, EventKind, Life, LifeEvent, LifeSpec

COMPONENTS = ("seal", "bearing")
SPEC = LifeSpec(
    "pump", "h", 100.0, ("speed",), ("temp", "noise"), ("greased", "overheated"), components=COMPONENTS
)
WORDS = ("alpha", "beta", "gamma", "delta", "nf_dmd", "x9")


@st.composite
def specs(draw: st.DrawFn) -> LifeSpec:
    """Any machine type that has at least a sensor."""
    settings, sensors, events = (
        tuple(draw(st.lists(st.sampled_from(WORDS), min_size=least, max_size=3, unique=True)))
        for least in (0, 1, 0)
    )
    name, horizon = draw(st.sampled_from(WORDS)), draw(st.floats(1, 1e4))
    components = tuple(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True)))
    return LifeSpec(name, "h", horizon, settings, sensors, events, components=components)


@st.composite
def lives(draw: st.DrawFn, spec: LifeSpec = SPEC, machine: str = "", max_rows: int = 12) -> Life:
    """Any life of this type."""
    steps = draw(st.lists(st.floats(0.001, 1e3), min_size=1, max_size=max_rows))
    age = np.cumsum([draw(st.floats(0, 10)), *steps[1:]])
    n_rows, seed = len(age), draw(st.integers(0, 1000))
    events = [
        LifeEvent(draw(st.floats(0, float(age[-1]))), draw(st.sampled_from(EventKind)), code)
        for code in draw(st.lists(st.sampled_from(spec.events), max_size=5) if spec.events else st.just([]))
    ]
    return Life(
        machine=machine or draw(st.text("aZ09_.-", max_size=6).map("m".__add__)),
        component=draw(st.sampled_from(spec.components)),
        number=draw(st.integers(0, 3)),
        age=age,
        settings=random_rows(seed, n_rows, len(spec.settings)),
        sensors=random_rows(seed + 1, n_rows, len(spec.sensors)),
        end=draw(st.sampled_from(End)),
        end_age=float(age[-1]) + draw(st.floats(0, 500)),
        events=tuple(sorted(events)),
        group=draw(st.sampled_from(("", "FD001", "condition-3"))),
    )


def random_rows(seed: int, n_rows: int, n_columns: int) -> Any:
    """float32 (n_rows, n_columns), a fifth of it not known."""
    random = np.random.default_rng((seed, n_columns))
    rows = random.normal(0, 100, (n_rows, n_columns)).astype(np.float32)
    rows[random.random(rows.shape) < 0.2] = math.nan
    return rows


def pump(machine: str = "p1", n_rows: int = 5, **changes: Any) -> Life:
    """A plain life of type `SPEC`: rows at 0, 1, 2 ... h, failed an hour after the last."""
    age = np.arange(n_rows, dtype=np.float64)
    values: dict[str, Any] = {
        "machine": machine,
        "component": "seal",
        "number": 0,
        "age": age,
        "settings": np.full((n_rows, 1), 1500, np.float32),
        "sensors": np.column_stack([age + 20, age * 0.1]).astype(np.float32),
        "end": End.FAILED,
        "end_age": float(n_rows),
        "events": (),
        "group": "",
    }
    return Life(**values | changes)


def told(life: Life) -> tuple[Any, ...]:
    """Everything about a life, so that two can be compared; all NaN are the same."""
    arrays = tuple(
        (rows.dtype.str, rows.shape, rows.tolist().__repr__())
        for rows in (life.age, life.settings, life.sensors)
    )
    return (
        life.machine,
        life.component,
        life.number,
        life.end,
        life.end_age,
        life.events,
        life.group,
        arrays,
    )
