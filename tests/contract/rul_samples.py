"""A small model of remaining useful life and lives that fit it."""

from __future__ import annotations

import numpy as np

from contract.forecast import LEVELS, Bin, Calibration, InputSpec, assemble
from contract.lives import End, EventKind, Life, LifeEvent, LifeSpec
from contract.rul_bundle import RulBundle, RulManifest

SPEC = LifeSpec(
    machine_type="pump",
    time_unit="h",
    horizon=500.0,
    components=("bearing",),
    settings=("speed_level",),
    sensors=("vib_h_rms", "temperature_level"),
    events=("oil_change", "e12"),
)
INPUTS = InputSpec(SPEC, n_rows=24, n_events=3)
PLAIN = Calibration((Bin(0.0, 0.0, 0.0),))
WIDER = Calibration((Bin(0.0, 5.0, 10.0), Bin(100.0, 20.0, 40.0)))
MODEL = b"\x1c\0\0\0TFL3" + bytes(range(256)) * 8


def make_life(n_rows: int = 30, machine: str = "m1", component: str = "bearing", seed: int = 0) -> Life:
    """A component that has run for `n_rows` hours, with a gap in one sensor and two events."""
    rng = np.random.default_rng(seed)
    sensors = rng.normal(size=(n_rows, 2)).astype(np.float32)
    sensors[n_rows // 2, 1] = np.nan
    return Life(
        machine=machine,
        component=component,
        number=0,
        age=np.arange(n_rows, dtype=np.float64),
        settings=np.full((n_rows, 1), 1480.0, np.float32),
        sensors=sensors,
        end=End.RUNNING,
        end_age=float(n_rows - 1),
        events=(
            LifeEvent(0.0, EventKind.MAINTENANCE, "oil_change"),
            LifeEvent((n_rows - 1) / 2, EventKind.ERROR, "e12"),
        ),
    )


def make_manifest(inputs: InputSpec = INPUTS, interval_80: Calibration = WIDER) -> RulManifest:
    return RulManifest(
        name="pump",
        version="pump 2026.11",
        inputs=inputs,
        interval_80=interval_80,
        interval_90=PLAIN,
        step=0.5,
        metrics={"rmse": 12.5, "bands": [1, None]},
        lineage={"snapshot": "abc", "commit": "def"},
    )


def make_bundle(model: bytes = MODEL, manifest: RulManifest | None = None) -> RulBundle:
    manifest = manifest or make_manifest()
    lives = [make_life(n_rows, f"m{n_rows}", seed=n_rows) for n_rows in (1, 30)]
    quantiles = np.sort(np.random.default_rng(1).uniform(0, 400, (2, len(LEVELS))), axis=1)
    return RulBundle(
        manifest=manifest,
        model=model,
        golden_input=assemble(lives, manifest.inputs),
        golden_output={
            "quantiles": quantiles.astype(np.float32),
            "mean": np.array([[200.0], [100.0]], np.float32),
        },
    )
