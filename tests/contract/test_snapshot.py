"""A manifest is read strictly, machines never change sides, and nothing is known before it happened."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigError, DataError
from contract.lives import ID_PATTERN, End, EventKind, Life, LifeEvent
from contract.snapshot import (
    Counts,
    LifeKey,
    Origin,
    SnapshotManifest,
    Split,
    age_at,
    as_known_at,
    count_lives,
    format_manifest,
    key_id_of,
    key_of,
    parse_manifest,
    pseudonym,
    require_known_at,
    split_of,
)
from tests.contract.life_strategies import SPEC, lives, pump, specs, told

CUT = datetime(2026, 3, 1, 6, tzinfo=UTC)
ORIGIN = Origin(CUT, CUT + timedelta(hours=1), "store of plant 3", "4a1b2c3", "0badcafe")
MANIFEST = SnapshotManifest(SPEC, ORIGIN, Counts(3, 2, 40, 5, 1), "ab" * 32)
KEY = b"sixteen byte key"

# the manifest


@given(specs(), st.datetimes(timezones=st.just(UTC)), st.integers(0, 10**6))
def test_a_manifest_reads_back_as_written(spec: Any, cut: datetime, n_events: int) -> None:
    counts = replace(MANIFEST.counts, events=n_events)
    manifest = replace(MANIFEST, spec=spec, origin=replace(ORIGIN, cut=cut, created=cut), counts=counts)
    text = format_manifest(manifest)
    assert parse_manifest(text) == manifest
    assert format_manifest(parse_manifest(text)) == text


def test_times_of_other_zones_are_turned_into_utc() -> None:
    table = json.loads(format_manifest(MANIFEST))
    table["origin"]["cut"] = "2026-03-01T08:00:00+02:00"
    assert parse_manifest(json.dumps(table)) == MANIFEST


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        (("format",), 2, "format 2, not 1"),
        (("format",), None, "format None"),
        (("lives_sha256",), "AB" * 32, "64 hex"),
        (("lives_sha256",), 5, "must be text"),
        (("surprise",), 1, "unknown key 'surprise'"),
        (("spec", "horizon"), -1.0, "horizon"),
        (("spec", "sensors"), ["temp", 5], r"sensors\[1\] must be text"),
        (("spec", "sensors"), ["temp", "temp"], "all different"),
        (("origin", "cut"), "2026-03-01", "needs a time zone"),
        (("origin", "cut"), "soon", "cut is no time"),
        (("origin", "cut"), "2026-03-01T09:00:00+00:00", "later than the snapshot"),
        (("origin", "source"), "two\nlines", "one line"),
        (("origin", "source"), "", "must not be empty"),
        (("counts", "lives"), 0, "empty"),
        (("counts", "rows"), 2, "contradict"),
        (("counts", "failed"), 4, "contradict"),
        (("counts", "failed"), True, "whole number"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(place: tuple[str, ...], value: Any, why: str) -> None:
    table = json.loads(format_manifest(MANIFEST))
    inner = table
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(DataError, match=why) as caught:
        parse_manifest(json.dumps(table))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["spec", "origin", "counts", "lives_sha256"])
def test_a_manifest_with_a_hole_is_refused(key: str) -> None:
    table = json.loads(format_manifest(MANIFEST))
    del table[key]
    with pytest.raises(DataError, match=f"{key} is missing"):
        parse_manifest(json.dumps(table))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '"format"', "\x00", "[" * 100_000])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="manifest"):
        parse_manifest(text)


@pytest.mark.parametrize("zone", [None, timezone(timedelta(hours=2))])
def test_a_cut_is_in_utc(zone: timezone | None) -> None:
    with pytest.raises(DataError, match="cut must be a time in UTC"):
        replace(ORIGIN, cut=CUT.replace(tzinfo=zone))


def test_a_name_says_type_cut_and_content() -> None:
    assert MANIFEST.name == "pump-20260301T060000Z-abababababab"


def test_lives_are_counted() -> None:
    event = LifeEvent(1, EventKind.ERROR, "overheated")
    several = [pump("a", events=(event,)), pump("a", number=1, end=End.REPLACED), pump("b", 7)]
    assert count_lives(several) == Counts(lives=3, machines=2, rows=17, events=1, failed=2)
    with pytest.raises(DataError, match="empty"):
        count_lives([])


# sides


def test_sides_have_their_shares() -> None:
    n = 20_000
    sides = Counter(split_of(f"machine-{number}") for number in range(n))
    shares = {side: sides[side] / n for side in Split}
    wanted = {Split.TRAIN: 0.70, Split.CALIBRATE: 0.15, Split.EVAL: 0.15}
    assert shares == pytest.approx(wanted, abs=4 * math.sqrt(0.7 * 0.3 / n))


@given(lives())
def test_a_side_depends_on_the_machine_alone(life: Life) -> None:
    other = replace(life, component="seal", number=9, end=End.RUNNING, group="elsewhere")
    assert split_of(life.machine) is split_of(other.machine)
    assert split_of(life.machine) is split_of(str(life.machine.encode(), "ascii"))


def test_sides_are_the_same_for_ever() -> None:
    """Written down: a machine that changed sides would have been learned from before it is tested on."""
    known = {"pump-0": "train", "pump-3": "calibrate", "pump-4": "eval", "fd001-train-001": "train"}
    assert {machine: str(split_of(machine)) for machine in known} == known


# pseudonyms

ids = st.text(min_size=1, max_size=80)


@given(ids)
def test_a_pseudonym_is_stable_and_a_machine_id(device_id: str) -> None:
    name = pseudonym(device_id, KEY)
    assert name == pseudonym(device_id, KEY)
    assert ID_PATTERN.fullmatch(name)
    assert device_id not in name or len(device_id) < 4


@given(ids, ids)
def test_devices_and_keys_give_their_own_pseudonyms(left: str, right: str) -> None:
    assert (pseudonym(left, KEY) == pseudonym(right, KEY)) is (left == right)
    assert pseudonym(left, KEY) != pseudonym(left, b"another byte key")


def test_a_pseudonym_is_what_it_was_in_older_snapshots() -> None:
    assert pseudonym("press-07", KEY) == "m-36996e4d441d05c8a43986f8660485a5"
    assert key_id_of(KEY) == "dec4753d"


@pytest.mark.parametrize("key", [b"", b"x" * 15, b"x" * 65])
def test_a_key_of_the_wrong_length_is_refused(key: bytes) -> None:
    with pytest.raises(ConfigError, match=f"16 to 64 bytes, not {len(key)}"):
        pseudonym("a", key)
    with pytest.raises(ConfigError, match=f"16 to 64 bytes, not {len(key)}"):
        key_id_of(key)


def test_a_key_id_tells_keys_apart_and_does_not_show_them() -> None:
    assert key_id_of(KEY) != key_id_of(KEY[::-1])
    assert KEY.hex() not in key_id_of(KEY)
    assert len(key_id_of(KEY)) == 8


# time


def test_an_age_has_a_place_on_the_calendar() -> None:
    day_before = CUT - timedelta(days=1)
    assert age_at(CUT, day_before, "h") == 24
    assert age_at(CUT, day_before, "s") == 86_400
    assert age_at(day_before, CUT, "h") == -24
    with pytest.raises(DataError, match="cycle has no calendar"):
        age_at(CUT, day_before, "cycle")


@given(lives(), st.floats(-10, 20_000))
def test_what_was_known_holds_nothing_later(life: Life, age: float) -> None:
    known = as_known_at(life, age)
    if age < life.age[0]:
        assert known is None
        return
    assert known is not None
    assert known.age.tolist() == [each for each in life.age.tolist() if each <= age]
    assert all(event.age <= age for event in known.events)
    assert known.end_age == min(life.end_age, age)
    assert known.end is (life.end if life.end_age <= age else End.RUNNING)


@given(lives(), st.floats(0, 20_000), st.floats(0, 20_000))
def test_knowing_less_of_less_is_knowing_less(life: Life, one: float, other: float) -> None:
    earlier, later = sorted((one, other))
    at_later = as_known_at(life, later)
    through = None if at_later is None else as_known_at(at_later, earlier)
    direct = as_known_at(life, earlier)
    assert (None if through is None else told(through)) == (None if direct is None else told(direct))


@given(lives(), st.floats(0, 20_000))
def test_what_was_known_at_the_cut_may_be_in_a_snapshot(life: Life, age: float) -> None:
    known = as_known_at(life, age)
    if known is not None:
        require_known_at(known, CUT - timedelta(hours=age), CUT, "h")


@pytest.mark.parametrize("hours", [5.0, 5.1, 1e5])
def test_what_ended_by_the_cut_is_taken(hours: float) -> None:
    require_known_at(pump(end_age=5.0), CUT - timedelta(hours=hours), CUT, "h")


@pytest.mark.parametrize(
    ("hours", "what"), [(4.5, "its end lies 0.5 h after"), (2.0, "its last row lies 2 h after")]
)
def test_a_future_row_or_end_is_refused_by_name(hours: float, what: str) -> None:
    with pytest.raises(DataError, match=f"machine p1, seal 0: {what} the cut, 2026-03-01T06"):
        require_known_at(pump(end_age=5.0), CUT - timedelta(hours=hours), CUT, "h")


def test_a_life_is_known_by_machine_component_and_number() -> None:
    life = pump("a", component="bearing", number=2)
    assert key_of(life) == LifeKey("a", "bearing", 2) == ("a", "bearing", 2)
