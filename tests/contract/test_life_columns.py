"""Lives survive their columns, and columns that lives cannot have are refused by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import DataError
from contract.life_columns import (
    INSTALLED,
    Column,
    ColumnKind,
    column_kinds,
    require_distinct,
    to_columns,
    to_lives,
)
from contract.lives import EventKind, LifeEvent, LifeSpec
from contract.snapshot import key_of
from tests.contract.life_strategies import SPEC, lives, pump, specs, told

EVENT = LifeEvent(1.0, EventKind.ERROR, "overheated")
MOMENT = datetime(2026, 3, 1, 6, 30, 0, 250_000, tzinfo=UTC)
Columns = dict[str, Column]


@given(st.data(), specs())
def test_lives_survive_their_columns(data: st.DataObject, spec: LifeSpec) -> None:
    several = data.draw(st.lists(lives(spec), max_size=4))
    back, installed = to_lives(to_columns(several, spec, {}), spec)
    assert [told(life) for life in back] == [told(life) for life in several]
    assert installed == {}


def test_dates_survive_their_column() -> None:
    several = [pump("a"), pump("b")]
    moments = {key_of(several[1]): MOMENT}
    columns = to_columns(several, SPEC, moments)
    assert np.isnan(columns[INSTALLED].values[0])
    assert to_lives(columns, SPEC)[1] == moments


def test_the_columns_are_those_that_files_have_had_from_the_start() -> None:
    assert {name: str(kind) for name, kind in column_kinds(SPEC).items()} == {
        "machine": "text",
        "component": "text",
        "number": "whole number",
        "group": "text",
        "end": "text",
        "end_age": "number",
        "installed_s": "number",
        "age": "list of ages",
        "setting_speed": "list of numbers",
        "sensor_temp": "list of numbers",
        "sensor_noise": "list of numbers",
        "event_age": "list of ages",
        "event_kind": "list of texts",
        "event_code": "list of texts",
    }


@given(specs())
def test_columns_come_in_the_order_of_their_kinds(spec: LifeSpec) -> None:
    columns = to_columns([], spec, {})
    assert {name: column.kind for name, column in columns.items()} == column_kinds(spec)
    assert list(columns) == list(column_kinds(spec))
    assert all((column.offsets is not None) == column.kind.is_list for column in columns.values())


def test_a_life_of_another_type_has_no_columns() -> None:
    with pytest.raises(DataError, match=r"'p1'.*other sensors"):
        to_columns([pump(sensors=np.zeros((5, 3), np.float32))], SPEC, {})


def change(name: str, **changes: Any) -> Callable[[Columns], None]:
    def apply(columns: Columns) -> None:
        columns[name] = replace(columns[name], **changes)

    return apply


def drop(name: str) -> Callable[[Columns], None]:
    return lambda columns: columns.__delitem__(name)


def add(name: str) -> Callable[[Columns], None]:
    return lambda columns: columns.__setitem__(name, columns["machine"])


SHORTER = np.array([0, 5, 8], np.int32)
DEFECTS = {
    "missing": (drop("sensor_temp"), "column sensor_temp is missing"),
    "unknown": (add("customer"), "column customer is not in the manifest"),
    "kind": (change("sensor_temp", kind=ColumnKind.AGES), "column sensor_temp: holds list of ages, not list"),
    "lengths": (
        change("sensor_temp", offsets=SHORTER),
        "column sensor_temp: machine 'b': 3 values for 5 ages",
    ),
    "infinite": (
        change("setting_speed", values=np.full(10, math.inf, np.float32)),
        "column setting_speed: machine 'a': holds an infinite",
    ),
    "component": (
        change("component", values=["seal", "rotor"]),
        "column component: machine 'b': 'rotor' is none of seal, bearing",
    ),
    "end": (change("end", values=["failed", "lost"]), "column end: machine 'b': 'lost' is none of failed"),
    "code": (change("event_code", values=["burnt"]), "column event_code: machine 'a': 'burnt' is unknown"),
    "event kind": (
        change("event_kind", values=["party"]),
        "column event_kind: machine 'a': 'party' is unknown",
    ),
    "event lengths": (
        change("event_code", values=[], offsets=np.array([0, 0, 0], np.int32)),
        "column event_code: machine 'a': 0 values for 1 ages",
    ),
    "event age": (change("event_age", values=np.array([math.nan])), "event_age: machine 'a': .*not finite"),
    "late event": (change("event_age", values=np.array([4.5])), "life 'a': an event lies outside its rows"),
    "ages fall": (change("age", values=np.arange(10.0)[::-1].copy()), "life 'a': ages must"),
    "early end": (change("end_age", values=np.array([5.0, 2.0])), "life 'b': ends at 2"),
    "no end": (change("end_age", values=np.array([math.nan, 5.0])), "life 'a': ends at nan"),
    "date": (
        change(INSTALLED, values=np.array([1e300, 0.0])),
        "column installed_s: machine 'a': 1e.300 is no time",
    ),
    "id": (change("machine", values=["a", "Müller & Co"]), "life 'Müller & Co': ids are"),
    "fewer": (change("group", values=[""]), "column group: has not one entry for each of the 2"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_named(defect: str) -> None:
    columns = to_columns([pump("a", events=(EVENT,)), pump("b")], SPEC, {})
    spoil, why = DEFECTS[defect]
    spoil(columns)
    with pytest.raises(DataError, match=why) as caught:
        to_lives(columns, SPEC)
    assert "\n" not in str(caught.value)


def test_columns_of_another_type_are_refused() -> None:
    columns = to_columns([pump()], SPEC, {})
    with pytest.raises(DataError, match="column sensor_noise is not in the manifest"):
        to_lives(columns, replace(SPEC, sensors=("temp",)))


@pytest.mark.parametrize("name", ["machine", "number", "end_age"])
def test_only_lists_have_a_list_for_each_life(name: str) -> None:
    with pytest.raises(ValueError, match="one value"):
        to_columns([pump()], SPEC, {})[name].list_of(0)


def test_the_same_life_twice_is_refused() -> None:
    require_distinct([pump(), pump(number=1), pump("p2"), pump(component="bearing")])
    with pytest.raises(DataError, match="machine p1: seal 1 stands there twice"):
        require_distinct([pump(number=1), pump(), pump(number=1)])
