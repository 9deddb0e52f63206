"""A schema is drafted wide, edited by a person, and gives the machine type back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contract.errors import ConfigError, DataError
from contract.life_columns import column_kinds
from models.stages.life_schema import draft_schema, spec_of
from models.stages.schema import ranges_of, read_schema, write_schema
from tests.models.stages.fleet import SPEC, UNITS, make_sides, write_fleet_schema


def test_the_file_gives_the_machine_type_back(tmp_path: Path) -> None:
    schema = read_schema(write_fleet_schema(tmp_path / "press.pbtxt"))
    assert spec_of(schema) == SPEC
    assert [feature.name for feature in schema.feature] == list(column_kinds(SPEC))


def test_ranges_are_wider_than_what_was_seen_and_short_to_read(tmp_path: Path) -> None:
    lives = make_sides()["train"]
    ranges = ranges_of(draft_schema(lives, SPEC, UNITS))
    assert set(ranges) == {"setting_load", "sensor_heat", "sensor_shake", "sensor_flow"}
    assert (ranges["setting_load"].low, ranges["setting_load"].high) == (0.0, 50.0)
    assert ranges["setting_load"].unit == "kN"
    assert ranges["sensor_flow"].unit == ""
    for index, name in enumerate(SPEC.sensors):
        seen = [float(value) for life in lives for value in life.sensors[:, index]]
        found = ranges[f"sensor_{name}"]
        assert found.low <= max(min(seen) - (max(seen) - min(seen)), 0)
        assert (found.low < 0) == (min(seen) < 0)
        assert found.high >= max(seen) + (max(seen) - min(seen))
        assert found.high == float(f"{found.high:.2g}")


def test_words_are_the_types_own(tmp_path: Path) -> None:
    features = {each.name: each for each in draft_schema(make_sides()["train"], SPEC, {}).feature}
    assert list(features["event_code"].string_domain.value) == ["greased"]
    assert list(features["end"].string_domain.value) == ["failed", "replaced", "running"]
    assert list(features["component"].string_domain.value) == ["bearing"]


def test_components_are_those_of_the_type_in_its_order() -> None:
    spec = replace(SPEC, components=("rotor", "bearing"))
    schema = draft_schema(make_sides()["train"], spec, {})
    assert spec_of(schema).components == ("rotor", "bearing")
    (feature,) = (each for each in schema.feature if each.name == "component")
    feature.ClearField("string_domain")
    with pytest.raises(ConfigError, match="needs a component"):
        spec_of(schema)


def test_only_what_may_be_absent_may_be_absent() -> None:
    schema = draft_schema(make_sides()["train"], SPEC, {})
    absent = {each.name for each in schema.feature if each.presence.min_fraction < 1}
    assert absent == {"installed_s", "event_age", "event_kind", "event_code"}


def test_no_lives_give_no_schema() -> None:
    with pytest.raises(DataError, match="cannot be drafted from no lives"):
        draft_schema([], SPEC, {})


def test_an_absent_file_and_a_broken_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_schema(tmp_path / "none.pbtxt")
    (tmp_path / "broken.pbtxt").write_text("feature { nam")
    with pytest.raises(ConfigError, match=r"broken\.pbtxt: "):
        read_schema(tmp_path / "broken.pbtxt")


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        ("machine_type", "machine_type=…. } is missing|machine_type=…"),
        ("horizon", "horizon=…"),
    ],
)
def test_a_tag_that_is_missing_is_named(tmp_path: Path, cut: str, message: str) -> None:
    schema = draft_schema(make_sides()["train"], SPEC, {})
    kept = [tag for tag in schema.annotation.tag if not tag.startswith(cut)]
    del schema.annotation.tag[:]
    schema.annotation.tag.extend(kept)
    with pytest.raises(ConfigError, match=message):
        spec_of(schema)


def test_a_column_that_every_life_has_must_stand_there(tmp_path: Path) -> None:
    schema = draft_schema(make_sides()["train"], SPEC, {})
    kept = [each for each in schema.feature if each.name != "end_age"]
    del schema.feature[:]
    schema.feature.extend(kept)
    write_schema(tmp_path / "short.pbtxt", schema)
    with pytest.raises(ConfigError, match="feature end_age is missing"):
        spec_of(read_schema(tmp_path / "short.pbtxt"))


def test_a_horizon_that_is_no_number_is_refused() -> None:
    schema = draft_schema(make_sides()["train"], SPEC, {})
    schema.annotation.tag[2] = "horizon=far"
    with pytest.raises(ConfigError, match="schema: "):
        spec_of(schema)
