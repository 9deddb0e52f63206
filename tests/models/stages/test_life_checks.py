"""Bad lives of each kind stop with their sentence; sound ones go through."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from contract.errors import DataError
from contract.lives import Life
from models.stages.life_checks import accept_lives
from models.stages.life_schema import draft_schema
from models.stages.records import encode_row
from tests.models.stages.fleet import CUT, SPEC, UNITS, as_row, encode, installed, make_sides, with_sensor

WHERE = "span 7, train"


@pytest.fixture
def lives() -> list[Life]:
    return make_sides()["train"]


@pytest.fixture(scope="module")
def schema() -> Any:
    return draft_schema(make_sides()["train"], SPEC, UNITS)


def accept(records: Sequence[bytes], schema: Any, cut: datetime = CUT) -> list[Life]:
    return accept_lives(records, schema, cut, WHERE)


def test_sound_lives_go_through(lives: list[Life], schema: Any) -> None:
    assert [life.machine for life in accept(encode(lives, installed(lives)), schema)] == [
        life.machine for life in lives
    ]


def test_a_wrong_unit(lives: list[Life], schema: Any) -> None:
    tenths = with_sensor(lives, 0, [life.sensors[:, 0] * 10 for life in lives])
    with pytest.raises(DataError, match=r"^span 7, train: column sensor_heat holds \d+.* degC: is it in"):
        accept(encode(tenths), schema)


def test_a_leaked_label(lives: list[Life], schema: Any) -> None:
    leaking = with_sensor(lives, 2, [(life.end_age - life.age) / 120 for life in lives])
    with pytest.raises(DataError, match=r"^span 7, train: column sensor_flow tells the RUL of 13 lives"):
        accept(encode(leaking), schema)


def test_a_label_by_its_name_is_refused_even_when_the_schema_names_it(lives: list[Life], schema: Any) -> None:
    named = type(schema)()
    named.CopyFrom(schema)
    next(each for each in named.feature if each.name == "sensor_flow").name = "sensor_rul"
    rows = [{name.replace("_flow", "_rul"): value for name, value in as_row(life).items()} for life in lives]
    with pytest.raises(DataError, match="column sensor_rul is named like a label"):
        accept([encode_row(row) for row in rows], named)


def test_a_timestamp_of_the_future(lives: list[Life], schema: Any) -> None:
    late = encode(lives, installed(lives, CUT + timedelta(hours=2)))
    with pytest.raises(DataError, match=r"^span 7, train: machine press-000, bearing 0: .* from the future$"):
        accept(late, schema)


def test_a_row_after_the_end_is_told_with_its_place(lives: list[Life], schema: Any) -> None:
    row = as_row(lives[3]) | {"end_age": 1.0}
    with pytest.raises(DataError, match=r"^span 7, train: life 'press-003': ends at 1, before its last row"):
        accept([encode_row(row)], schema)


def test_unknown_sensors_are_no_defect(lives: list[Life], schema: Any) -> None:
    unknown = with_sensor(lives, 2, [np.full(len(life.age), np.nan) for life in lives])
    assert len(accept(encode(unknown), schema)) == len(lives)
