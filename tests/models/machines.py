"""Small synthetic machines: enough windows for a warm-up, cheap to compute."""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from contract.profiles import MachineProfile, load_profile
from contract.signals import Reading
from models.dataset import MachineVectors, read_vectors
from models.recordings import Recording

PROFILE: MachineProfile = load_profile("pump-loop")
START_S = 1_700_000_000.0
SHIFTED = ("current", "pressure", "flow", "voltage")
"""Sensors that feel a fault."""


def loop_readings(seconds: int, seed: int, shift_from_s: float = math.inf) -> Iterator[Reading]:
    """A pump loop at 1 Hz: noise about levels of its own; from some time on a few of them are higher."""
    random = np.random.default_rng(seed)
    levels = random.uniform(5, 10, len(PROFILE.sensors))
    for second in range(seconds):
        for sensor, level in zip(PROFILE.sensors, levels, strict=True):
            value = level + random.normal(0, 0.1)
            if sensor.name in SHIFTED and second >= shift_from_s:
                value += 3.0
            yield Reading(sensor.name, START_S + second, float(second), np.array([value], np.float32))


def loop_recording(name: str, seconds: int = 900, seed: int = 1, shift_from_s: float = math.inf) -> Recording:
    return Recording(name, "pump-loop", "", partial(loop_readings, seconds, seed, shift_from_s))


def loop_machine(name: str, seconds: int = 900, seed: int = 1) -> MachineVectors:
    return read_vectors(loop_recording(name, seconds, seed), PROFILE)


def broken(recording: Recording, every: int) -> Recording:
    """The same with a gap of five minutes after every so many readings."""

    def readings() -> Iterator[Reading]:
        for number, reading in enumerate(recording.readings()):
            late_s = 300.0 * (number // every)
            yield replace(
                reading, event_time_s=reading.event_time_s + late_s, monotonic_s=reading.monotonic_s + late_s
            )

    return replace(recording, readings=readings)
