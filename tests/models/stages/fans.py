"""A small fleet of fans with three slow sensors, and its spans on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from contract.profiles import MachineProfile, parse_profile
from contract.signals import Reading
from contract.snapshot import Origin
from models.parquet import write_rows
from models.recorded import Recorded, record, to_row
from models.recorded_span import WINDOWS_FILE, RecordingContent
from models.recording_manifest import format_recording_manifest
from models.recordings import Recording
from models.span_folder import place_span, span_folder
from models.stages.records import encode_row

START_S = 1_750_000_000.0
CUT = datetime(2026, 3, 1, tzinfo=UTC)
ORIGIN = Origin(CUT, CUT, "npz:fans", "4a1b2c3")
SIDES = {"train": range(6), "calibrate": range(6, 8), "eval": range(8, 11)}
LEVELS = {"shake": 2.0, "heat": 40.0, "amps": 9.0}
NOISE = {"shake": 0.1, "heat": 0.5, "amps": 0.2}
KELVIN = 273.15

_SENSOR = """
[[sensor]]
name = "{name}"
quantity = "{quantity}"
unit = "{unit}"
rate_hz = 1.0
range_min = {low}
range_max = {high}
features = ["level", "spread"]
"""
PROFILE: MachineProfile = parse_profile(
    'name = "small-fan"\nversion = 2\nsummary_interval_s = 20.0\n'
    "[window]\nlength_s = 2.0\nhop_s = 2.0\ncontext = 8\n"
    "[warmup]\nbaseline_windows = 16\ncalibration_windows = 12\n"
    + _SENSOR.format(name="shake", quantity="velocity", unit="mm/s", low=-50.0, high=50.0)
    + _SENSOR.format(name="heat", quantity="temperature", unit="Cel", low=-40.0, high=150.0)
    + _SENSOR.format(name="amps", quantity="current", unit="A", low=-100.0, high=100.0)
)


@dataclass(frozen=True)
class Odd:
    """What is different about a fan."""

    noise: float = 1.0
    """Times the usual."""
    heat_offset: float = 0.0
    seed: int = 0
    seconds: int = 300


USUAL = Odd()


def fan_readings(number: int, odd: Odd = USUAL) -> Iterator[Reading]:
    """A fan at 1 Hz: noise about levels of its own."""
    random = np.random.default_rng([number, odd.seed])
    own = {name: level * random.uniform(0.9, 1.1) for name, level in LEVELS.items()}
    own["heat"] += odd.heat_offset
    for second in range(odd.seconds):
        for name, level in own.items():
            value = level + odd.noise * NOISE[name] * random.standard_normal()
            yield Reading(name, START_S + second, float(second), np.array([value], np.float32))


def fan_recording(number: int, odd: Odd = USUAL) -> Recording:
    return Recording(f"fan-{number:02d}", PROFILE.name, "a fan", partial(fan_readings, number, odd))


def make_fan(number: int, odd: Odd = USUAL) -> Recorded:
    return record(fan_recording(number, odd), PROFILE)


def make_sides(odd: Odd = USUAL) -> dict[str, list[Recorded]]:
    """Fans on each side."""
    return {side: [make_fan(number, odd) for number in numbers] for side, numbers in SIDES.items()}


def rows(machines: Sequence[Recorded]) -> list[dict[str, Any]]:
    return [to_row(machine, PROFILE) for machine in machines]


def encode(machines: Sequence[Recorded]) -> list[bytes]:
    """Fans as examples, as the pipeline would read them from a file."""
    return [encode_row(row) for row in rows(machines)]


def write_fan_span(
    spans: Path, number: int, sides: Mapping[str, Sequence[Recorded]], without: str = ""
) -> Path:
    """Write a span as `models.recorded_span` does, but any fans, and without a column."""
    content = RecordingContent(PROFILE, [machine for side in sides.values() for machine in side])
    kept = {
        side: [{name: value for name, value in row.items() if name != without} for row in rows(machines)]
        for side, machines in sides.items()
    }
    writers = {side: partial(write_rows, rows=held) for side, held in kept.items()}
    manifest = format_recording_manifest(content.manifest(ORIGIN))
    return place_span(span_folder(spans, number), WINDOWS_FILE, writers, manifest)


def with_channel(machine: Recorded, sensor: str, low: float, high: float) -> Recorded:
    """The fan with other samples of a sensor in all its windows."""
    extremes = np.tile(np.array([low, high], np.float32), (len(machine.times_s), 1))
    return replace(machine, channels={**machine.channels, sensor: extremes})
