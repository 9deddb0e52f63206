"""A life that could not be true cannot be built, and cutting one never shows what came later."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import DataError
from contract.lives import MAX_NAMES, End, EventKind, Life, LifeEvent, LifeSpec, require_fit
from tests.contract.life_strategies import SPEC, lives, pump, told

GREASED = EventKind.MAINTENANCE, "greased"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"machine_type": "Pump"}, "'Pump'"),
        ({"time_unit": ""}, "''"),
        ({"sensors": ("temp", "Temp °C")}, "°C"),
        ({"settings": ("9lives",)}, "9lives"),
        ({"events": ("a-b",)}, "a-b"),
        ({"sensors": ("temp", "temp")}, "sensors: .*all different"),
        ({"events": tuple(f"e{n}" for n in range(MAX_NAMES + 1))}, f"events: at most {MAX_NAMES}"),
        ({"components": ("Seal 1",)}, "'Seal 1'"),
        ({"components": ("seal", "seal")}, "components: .*all different"),
        ({"components": ()}, "needs a component"),
        ({"sensors": (), "events": ()}, "a sensor or an event"),
        ({"horizon": 0.0}, "horizon"),
        ({"horizon": math.nan}, "horizon"),
        ({"horizon": math.inf}, "horizon"),
    ],
)
def test_a_type_that_cannot_be_is_refused(changes: dict[str, Any], why: str) -> None:
    values: dict[str, Any] = {
        "machine_type": "pump",
        "time_unit": "h",
        "horizon": 10.0,
        "components": ("seal",),
        "sensors": ("temp",),
    }
    with pytest.raises(DataError, match=why) as caught:
        LifeSpec(**values | changes)
    assert "\n" not in str(caught.value)


def test_a_type_may_be_told_by_events_alone() -> None:
    assert LifeSpec("pump", "h", 10.0, events=("overheated",), components=("seal",)).sensors == ()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"machine": "a/b"}, "ids are"),
        ({"machine": ""}, "ids are"),
        ({"component": "Seal 1"}, "component 'Seal 1'"),
        ({"number": -1}, "seal -1: lives are counted from 0"),
        ({"group": "Müller & Sons, hall 3"}, "group 'Müller"),
        ({"group": "g" * 65}, "groups are up to 64"),
        ({"age": np.arange(5, dtype=np.float32)}, "ages must be float64, not float32"),
        ({"settings": np.zeros((5, 1))}, "settings must be float32, not float64"),
        ({"sensors": np.zeros((5, 2), np.int32)}, "sensors must be float32, not int32"),
        ({"age": np.zeros((5, 1))}, "one age for each row"),
        ({"age": np.array([0.0, 1, 2, 3, math.nan])}, "finite"),
        ({"age": np.array([0.0, 1, 1, 3, 4])}, "rise strictly"),
        ({"age": np.array([0.0, 2, 1, 3, 4])}, "rise strictly"),
        ({"age": np.array([-1.0, 1, 2, 3, 4])}, "not negative"),
        ({"settings": np.zeros((4, 1), np.float32)}, "settings need 5 rows"),
        ({"sensors": np.zeros(5, np.float32)}, "sensors need 5 rows"),
        ({"sensors": np.full((5, 2), math.inf, np.float32)}, "infinite"),
        ({"end_age": 3.9}, "before its last row"),
        ({"end_age": math.nan}, "before its last row"),
        ({"end_age": math.inf}, "ends at inf"),
        ({"events": (LifeEvent(3, *GREASED), LifeEvent(1, *GREASED))}, "in order of age"),
        ({"events": (LifeEvent(4.5, *GREASED),)}, "outside its rows"),
        ({"events": (LifeEvent(-1, *GREASED),)}, "outside its rows"),
        ({"events": (LifeEvent(math.nan, *GREASED),)}, "outside its rows"),
        ({"events": tuple(LifeEvent(age, *GREASED) for age in (1, math.nan, 2))}, "outside its rows"),
    ],
)
def test_a_life_that_cannot_be_is_refused_by_name(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(DataError, match=why) as caught:
        pump(**changes)
    assert str(caught.value).startswith(f"life {changes.get('machine', 'p1')!r}")


def test_a_life_without_rows_is_none() -> None:
    with pytest.raises(DataError, match="and a row"):
        pump(n_rows=0)


def test_unknown_numbers_are_part_of_a_life() -> None:
    assert np.isnan(pump(sensors=np.full((5, 2), math.nan, np.float32)).sensors).all()


@given(lives(), st.data())
def test_a_cut_shows_the_past_whole_and_nothing_later(life: Life, data: st.DataObject) -> None:
    n_rows = data.draw(st.integers(1, len(life.age)))
    part = life.cut(n_rows)
    last = float(life.age[n_rows - 1])
    assert part.age.tolist() == life.age[:n_rows].tolist()
    assert told(part)[-1][1:] == told_rows(life, n_rows)
    assert list(part.events) == [event for event in life.events if event.age <= last]
    assert (part.end, part.end_age) == (life.end, life.end_age), "how it ended is the label"
    assert part.remaining == pytest.approx(life.end_age - last)


def told_rows(life: Life, n_rows: int) -> tuple[Any, ...]:
    parts = life.settings[:n_rows], life.sensors[:n_rows]
    return tuple((rows.dtype.str, rows.shape, repr(rows.tolist())) for rows in parts)


@given(lives(), st.data())
def test_a_cut_does_not_depend_on_what_came_later(life: Life, data: st.DataObject) -> None:
    """Whatever the rows and events after it had been, the cut would be the same."""
    n_rows = data.draw(st.integers(1, len(life.age)))
    sensors = life.sensors.copy()
    sensors[n_rows:] = 1e9
    last = float(life.age[n_rows - 1])
    other = pump(
        machine=life.machine,
        component=life.component,
        number=life.number,
        age=life.age,
        settings=life.settings,
        sensors=sensors,
        end=life.end,
        end_age=life.end_age,
        events=tuple(event for event in life.events if event.age <= last),
        group=life.group,
    )
    assert told(other.cut(n_rows)) == told(life.cut(n_rows))


@given(lives(), st.data())
def test_cutting_twice_is_cutting_once(life: Life, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, len(life.age)))
    second = data.draw(st.integers(1, first))
    assert told(life.cut(first).cut(second)) == told(life.cut(second))


@pytest.mark.parametrize("n_rows", [0, -1, 6])
def test_rows_that_are_not_there_cannot_be_kept(n_rows: int) -> None:
    with pytest.raises(ValueError, match=f"keep {n_rows} of 5"):
        pump().cut(n_rows)


@pytest.mark.parametrize(
    ("end", "is_censored"), [(End.FAILED, False), (End.REPLACED, True), (End.RUNNING, True)]
)
def test_only_a_failure_tells_the_whole_life(end: End, is_censored: bool) -> None:
    assert pump(end=end).is_censored is is_censored


@given(lives())
def test_a_life_fits_its_own_type(life: Life) -> None:
    require_fit(life, SPEC)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"settings": np.zeros((5, 2), np.float32)}, "other settings"),
        ({"sensors": np.zeros((5, 1), np.float32)}, "other sensors"),
        ({"component": "rotor"}, "rotor is no component of pump"),
        ({"events": (LifeEvent(1, EventKind.ERROR, "burnt"),)}, "event burnt"),
    ],
)
def test_a_life_of_another_type_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(DataError, match=f"'p1'.*{why}"):
        require_fit(pump(**changes), SPEC)
