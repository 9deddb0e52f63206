"""A small machine for the tests of the agent: its profile, its readings, its model bundle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from contract.codec import decode
from contract.messages import Alarm, Message
from contract.profiles import MachineProfile, parse_profile
from contract.signals import Reading
from edge_agent.outbox import Outbox, OutboxLimits
from tests.edge_agent.box import waiting

TINY_MODEL = Path(__file__).resolve().parents[1] / "golden" / "models" / "tiny.tflite"
START_S = 1_750_000_000.0

PROFILE_TOML = """
name = "test-rig"
version = 3
summary_interval_s = 4.0

[window]
length_s = 1.0
hop_s = 1.0
context = 8

[warmup]
baseline_windows = 12
calibration_windows = 12

[alarm]
threshold = 0.5
k = 3
n = 5
clear_below = 0.4
clear_after = 4

[regime]
sensor = "speed"
edges = [100.0]
names = ["standstill", "running"]
off = ["standstill"]

[[sensor]]
name = "vib"
quantity = "acceleration"
unit = "m/s2"
kind = "waveform"
rate_hz = 1024.0
burst_samples = 256
range_min = -500.0
range_max = 500.0

[[sensor]]
name = "temperature"
quantity = "temperature"
unit = "Cel"
rate_hz = 4.0
range_min = -40.0
range_max = 180.0
features = ["level"]

[[sensor]]
name = "current"
quantity = "current"
unit = "A"
rate_hz = 4.0
range_min = 0.0
range_max = 200.0
features = ["level", "spread"]

[[sensor]]
name = "speed"
quantity = "speed"
unit = "/min"
rate_hz = 4.0
range_min = 0.0
range_max = 4000.0
features = ["level"]
"""


def rig_profile() -> MachineProfile:
    return parse_profile(PROFILE_TOML)


def rig_readings(
    seconds: int,
    *,
    seed: int = 1,
    broken: range = range(0),
    standing: range = range(0),
    blind: range = range(0),
    start_s: float = START_S,
) -> Iterator[Reading]:
    """One reading of each sensor a second; the ranges name the seconds in which the machine is ill."""
    rng = np.random.default_rng(seed)
    for second in range(seconds):
        speed = 0.0 if second in standing else 1500.0
        wear = 12.0 if second in broken else 1.0
        rows = {
            "vib": rng.normal(0.0, wear, 256),
            "temperature": 60.0 + 20.0 * (second in broken) + rng.normal(0.0, 0.3, 4),
            "current": 20.0 + rng.normal(0.0, 0.5, 4),
            "speed": speed + rng.normal(0.0, 5.0, 4) * (speed > 0) + 1e-3 * rng.random(4),
        }
        for sensor, values in rows.items():
            is_lost = second in blind and sensor != "speed"
            delivered = np.full(len(values), np.nan) if is_lost else values
            yield Reading(sensor, start_s + second, float(second), delivered.astype(np.float32))


class ListSource:
    """Readings from memory as a sensor source."""

    def __init__(self, readings: Iterator[Reading]) -> None:
        self._readings = readings
        self._next = next(readings, None)
        self.is_closed = False

    def read(self) -> Reading | None:
        reading, self._next = self._next, next(self._readings, None)
        return reading

    @property
    def is_exhausted(self) -> bool:
        return self._next is None

    def close(self) -> None:
        self.is_closed = True


def stored(folder: Path) -> list[Message]:
    """What waits in an outbox, in the order it was put there."""
    outbox = Outbox(folder / "outbox.sqlite", OutboxLimits(10_000_000, 1e9))
    entries = waiting(outbox, 100_000)
    outbox.close()
    return sorted((decode(e.payload) for e in entries), key=lambda m: (m.event_time, m.sequence))


def alarms(folder: Path) -> list[Alarm]:
    return [m.body for m in stored(folder) if isinstance(m.body, Alarm)]
