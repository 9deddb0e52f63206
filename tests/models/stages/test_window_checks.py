"""Bad windows of each kind stop with their sentence; sound ones go through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from contract.errors import DataError
from models.dataset import MachineVectors
from models.recorded import Recorded, to_row
from models.stages.records import encode_row
from models.stages.window_checks import accept_windows, find_leaks
from models.stages.window_schema import draft_window_schema
from tests.models.stages.fans import CUT, KELVIN, PROFILE, START_S, Odd, encode, make_fan, with_channel

WHERE = "span 7, train"
SHORT = Odd(seconds=60)
SCHEMA = draft_window_schema(PROFILE)


@pytest.fixture(scope="module")
def fans() -> list[Recorded]:
    return [make_fan(number, SHORT) for number in range(6)]


def accept(machines: Sequence[Recorded], cut: datetime = CUT) -> list[Recorded]:
    return accept_windows(encode(machines), SCHEMA, cut, WHERE)


def test_sound_windows_go_through(fans: list[Recorded]) -> None:
    assert [fan.machine for fan in accept(fans)] == [fan.machine for fan in fans]


def test_another_unit_is_told_with_the_channel_and_the_machine(fans: list[Recorded]) -> None:
    kelvin = make_fan(3, replace(SHORT, heat_offset=KELVIN))
    message = (
        r"^span 7, train: channel heat of machine fan-03 holds 31\d\S* as a rule, and the schema says -40 to "
        r"150 Cel: is it in another unit\?$"
    )
    with pytest.raises(DataError, match=message):
        accept([*fans[:3], kelvin])


def test_a_single_sample_out_of_range_is_a_devices_everyday_business(fans: list[Recorded]) -> None:
    channels = {name: extremes.copy() for name, extremes in fans[0].channels.items()}
    channels["heat"][4] = -999.0
    assert len(accept([replace(fans[0], channels=channels)])) == 1


def test_a_channel_without_a_number(fans: list[Recorded]) -> None:
    silent = with_channel(fans[2], "amps", np.nan, np.nan)
    with pytest.raises(
        DataError, match=r"^span 7, train: channel amps of machine fan-02 holds no number in all"
    ):
        accept([*fans[:2], silent])


def test_a_timestamp_of_the_future(fans: list[Recorded]) -> None:
    early = datetime.fromtimestamp(START_S + 30, UTC)
    message = r"^span 7, train: machine fan-00: its last window ends at 2025-.*: a timestamp from the future$"
    with pytest.raises(DataError, match=message):
        accept(fans, early)


def test_a_machine_without_windows_and_a_missing_column(fans: list[Recorded]) -> None:
    row = to_row(fans[0], PROFILE)
    nothing = {name: [] if isinstance(value, list) else value for name, value in row.items()}
    with pytest.raises(DataError, match=r"^span 7, train: machine fan-00: holds no windows$"):
        accept_windows([encode_row(nothing)], SCHEMA, CUT, WHERE)
    del row["gap_before"]
    with pytest.raises(
        DataError, match=r"^span 7, train: column gap_before: machine fan-00 has 0 values for 30"
    ):
        accept_windows([encode_row(row)], SCHEMA, CUT, WHERE)


def test_a_label_by_its_name_is_refused_even_when_the_schema_names_it(fans: list[Recorded]) -> None:
    named = type(SCHEMA)()
    named.CopyFrom(SCHEMA)
    named.feature.add(name="feature_anomaly_level")
    with pytest.raises(DataError, match="column feature_anomaly_level is named like a label"):
        accept_windows(encode(fans), named, CUT, WHERE)


def leaking(fans: Sequence[Recorded], answer: Any) -> list[Recorded]:
    """Fans with known ends, one of whose features is made of the time and the end."""
    changed = []
    for number, fan in enumerate(fans):
        end_s = START_S + 100.0 + 13.0 * number
        vectors = []
        for vector in fan.vectors.vectors:
            values = vector.values.copy()
            values[4] = answer(vector.event_time_s - START_S, end_s - START_S, values[4])
            vectors.append(replace(vector, values=values))
        changed.append(replace(fan, vectors=MachineVectors(fan.machine, tuple(vectors)), end_s=end_s))
    return changed


def test_a_leaked_label(fans: list[Recorded]) -> None:
    telling = leaking(fans, lambda age, end, _: end - age)
    with pytest.raises(DataError, match="column feature_amps_level tells the RUL of 6 lives"):
        accept(telling)


@pytest.mark.parametrize("answer", [lambda age, end, value: value, lambda age, end, value: 2 * age])
def test_a_measurement_and_a_counter_of_hours_are_no_leaks(fans: list[Recorded], answer: Any) -> None:
    assert len(accept(leaking(fans, answer))) == len(fans)


def test_machines_that_did_not_end_tell_nothing(fans: list[Recorded]) -> None:
    assert list(find_leaks(fans, PROFILE)) == []
