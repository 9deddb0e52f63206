"""Whether machines' windows may be trained on: the first thing that is wrong with them, as one sentence.

Rule: everything here is a rule on windows, without TensorFlow. A single sample out of its range is a device's
everyday business (`contract.quality`); what is refused is a channel that is wrong in most of its windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from contract.errors import DataError
from contract.profiles import MachineProfile
from models.recorded import HIGH, LOW, Recorded, feature_columns
from models.stages import faults
from models.stages.faults import Range, Tale
from models.stages.schema import ranges_of
from models.stages.span_checks import refuse
from models.stages.window_examples import decode_windows
from models.stages.window_schema import profile_of


def accept_windows(records: Sequence[bytes], schema: Any, cut: datetime, where: str) -> list[Recorded]:
    """The machines of a side, once nothing is wrong with them.

    Args:
        records: Serialised examples.
        schema: The curated one.
        cut: Aware time that nothing may be later than.
        where: How to call the side in the sentence.

    Raises:
        DataError: one sentence.
    """
    profile = profile_of(schema)
    try:
        machines = decode_windows(records, profile)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    for findings in (
        faults.find_named_labels(feature.name for feature in schema.feature),
        find_future(machines, cut),
        find_silent(machines),
        find_ranges_left(machines, ranges_of(schema)),
        find_leaks(machines, profile),
    ):
        refuse(findings, where)
    return machines


def find_future(machines: Sequence[Recorded], cut: datetime) -> Iterator[str]:
    """Machines with windows from after the cut."""
    for machine in machines:
        last = float(machine.times_s.max())
        if last > cut.timestamp():
            stamp = datetime.fromtimestamp(last, UTC).isoformat(timespec="seconds")
            yield (
                f"machine {machine.machine}: its last window ends at {stamp}, after the cut, "
                f"{cut.isoformat(timespec='seconds')}: a timestamp from the future"
            )


def find_silent(machines: Sequence[Recorded]) -> Iterator[str]:
    """Channels that hold no number at all."""
    for machine in machines:
        for sensor, extremes in machine.channels.items():
            if np.isnan(extremes).all():
                yield f"channel {sensor} of machine {machine.machine} holds no number in all its windows"


def find_ranges_left(machines: Sequence[Recorded], ranges: Mapping[str, Range]) -> Iterator[str]:
    """Channels that leave the range of the curated schema in most windows: most likely another unit."""
    for machine in machines:
        for sensor, extremes in machine.channels.items():
            low, high = np.nanmedian(extremes, axis=0)
            for column, found in ((f"{LOW}{sensor}", low), (f"{HIGH}{sensor}", high)):
                agreed = ranges.get(column)
                if agreed and not agreed.low <= found <= agreed.high:
                    allowed = f"{agreed.low:g} to {agreed.high:g} {agreed.unit}".rstrip()
                    yield (
                        f"channel {sensor} of machine {machine.machine} holds {found:g} as a rule, and the "
                        f"schema says {allowed}: is it in another unit?"
                    )


def find_leaks(machines: Sequence[Recorded], profile: MachineProfile) -> Iterator[str]:
    """Features that tell the end of machines as no measurement can, where their ends are known."""
    ended = [each for each in machines if each.end_s is not None and len(each.times_s) > 1]
    if not ended:
        return
    starts = [each.times_s[0] for each in ended]
    ages = [each.times_s - start for each, start in zip(ended, starts, strict=True)]
    ends = [(each.end_s or 0.0) - start for each, start in zip(ended, starts, strict=True)]
    rows = np.concatenate([[vector.values for vector in each.vectors.vectors] for each in ended])
    columns = {name: rows[:, number] for number, name in enumerate(feature_columns(profile))}
    yield from faults.find_telling(Tale(ages, ends), columns.items())
