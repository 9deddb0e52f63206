"""What an asset and a planned stop can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.assets import Asset, Place, PlannedStop, count_by_place, read_class, read_components
from contract.errors import DataError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CODES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,5}[A-Za-z0-9])?", fullmatch=True)
PLACES = st.one_of(
    st.builds(Place, CODES),
    st.builds(Place, CODES, CODES),
    st.builds(Place, CODES, CODES, CODES),
)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"site": ""}, "which site"),
        ({"site": "no/slash"}, "site 'no/slash'"),
        ({"site": "x" * 41}, "1 to 40"),
        ({"site": "north", "line": "3"}, "belongs to an area"),
        ({"site": "north\n"}, "site"),
    ],
    ids=range(5),
)
def test_a_place_that_cannot_be(values: dict[str, str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Place(**values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"tag": "P 101"}, "tag 'P 101'"),
        ({"tag": "../etc"}, "tag"),
        ({"name": "x" * 121}, "name: one line"),
        ({"name": "two\nlines"}, "name: one line"),
        ({"components": ("Bearing",)}, "component 'Bearing'"),
        ({"components": ("seal", "seal")}, "twice"),
        ({"components": tuple(f"c{n}" for n in range(21))}, "at most 20"),
        ({"device_id": "pump/7"}, "no device id"),
    ],
    ids=range(8),
)
def test_an_asset_that_cannot_be(values: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Asset(**{"tag": "P-101", "place": Place("north"), **values})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"ends_at": NOON}, "ends after it begins"),
        ({"tag": "P-101"}, "of a place or of one machine"),
        ({"place": None}, "of a place or of one machine"),
        ({"starts_at": NOON.replace(tzinfo=None)}, "time zone"),
        ({"note": "a\tb"}, "one line"),
    ],
    ids=range(5),
)
def test_a_stop_that_cannot_be(values: dict[str, Any], said: str) -> None:
    whole: dict[str, Any] = {"starts_at": NOON, "ends_at": NOON + timedelta(hours=8), "place": Place("north")}
    with pytest.raises(DataError, match=said):
        PlannedStop(**whole | values)


@given(PLACES, PLACES, PLACES)
def test_what_holds_what_is_an_order(a: Place, b: Place, c: Place) -> None:
    assert a.holds(a) and Place(a.site).holds(a)
    if a.holds(b) and b.holds(a):
        assert a == b
    if a.holds(b) and b.holds(c):
        assert a.holds(c)


@given(st.lists(PLACES, max_size=20), PLACES)
def test_a_stop_stops_what_lies_in_its_place(places: list[Place], stopped: Place) -> None:
    stop = PlannedStop(NOON, NOON + timedelta(hours=8), stopped)
    for number, place in enumerate(places):
        assert stop.stops(Asset(f"A{number}", place)) == stopped.holds(place)


@given(st.lists(PLACES, max_size=30))
def test_counts_add_up(places: list[Place]) -> None:
    counts = count_by_place(Asset(f"A{number}", place) for number, place in enumerate(places))
    assert all(count == sum(place.holds(other) for other in places) for place, count in counts.items())
    assert sum(n for place, n in counts.items() if place == Place(place.site)) == len(places)


def test_words_are_read_as_people_write_them() -> None:
    assert read_components(" bearing;seal ; ") == ("bearing", "seal")
    with pytest.raises(DataError, match="kind 'pompe' is not one of PU"):
        read_class("pompe")
