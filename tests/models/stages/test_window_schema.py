"""A profile gives its schema, and the schema gives the profile back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from contract.errors import ConfigError
from contract.features import feature_specs
from contract.profiles import load_profile, profile_names
from models.recorded import fingerprint, to_row
from models.stages.schema import ranges_of, read_schema, write_schema
from models.stages.window_schema import draft_window_schema, profile_of
from tests.models.stages.fans import PROFILE, Odd, make_fan


def named(schema: Any) -> dict[str, Any]:
    return {feature.name: feature for feature in schema.feature}


@pytest.mark.parametrize("name", sorted(profile_names()))
def test_the_file_gives_every_shipped_profile_back(name: str, tmp_path: Path) -> None:
    profile = load_profile(name)
    write_schema(tmp_path / "x.pbtxt", draft_window_schema(profile))
    assert profile_of(read_schema(tmp_path / "x.pbtxt")) == profile


def test_it_names_every_column_of_a_row_and_no_other() -> None:
    row = to_row(make_fan(1, Odd(seconds=20)), PROFILE)
    assert set(named(draft_window_schema(PROFILE))) == set(row)


def test_channels_have_units_and_ranges_and_features_are_compared() -> None:
    schema = draft_window_schema(PROFILE)
    ranges = ranges_of(schema)
    assert set(ranges) == {f"{side}_{name}" for side in ("low", "high") for name in ("shake", "heat", "amps")}
    heat = ranges["low_heat"]
    assert (heat.low, heat.high, heat.unit) == (-40.0, 150.0, "Cel")
    features = [named(schema)[f"feature_{spec.name}"] for spec in feature_specs(PROFILE)]
    assert all(each.drift_comparator.jensen_shannon_divergence.threshold > 0 for each in features)
    assert list(named(schema)["profile"].string_domain.value) == [fingerprint(PROFILE)]


def test_data_draw_the_ranges_closer_but_never_wider() -> None:
    fans = [make_fan(number, Odd(seconds=20)) for number in range(3)]
    ranges = ranges_of(draft_window_schema(PROFILE, fans))
    assert ranges["low_heat"].low > 0
    assert 50 < ranges["high_heat"].high < 150
    hot = [make_fan(1, Odd(seconds=20, heat_offset=100.0))]
    assert ranges_of(draft_window_schema(PROFILE, hot))["high_heat"].high == 150


def test_regimes_are_words_of_the_profile() -> None:
    regime = named(draft_window_schema(load_profile("pump")))["regime"]
    assert list(regime.string_domain.value) == [
        "standstill",
        "part_load",
        "full_load",
        "unknown",
        "transition",
    ]
    assert not named(draft_window_schema(PROFILE))["regime"].string_domain.value


def test_only_the_end_may_be_absent() -> None:
    absent = [each.name for each in draft_window_schema(PROFILE).feature if each.presence.min_fraction < 1]
    assert absent == ["end_us"]


def test_a_schema_without_a_profile_or_a_column_is_refused() -> None:
    with pytest.raises(ConfigError, match="holds no profile of an edge model"):
        profile_of(schema_pb2.Schema())
    schema = draft_window_schema(PROFILE)
    kept = [each for each in schema.feature if each.name != "high_amps"]
    del schema.feature[:]
    schema.feature.extend(kept)
    with pytest.raises(ConfigError, match="feature high_amps is missing; every machine of small-fan has it"):
        profile_of(schema)
    schema.annotation.comment[0] = "name = 3"
    with pytest.raises(ConfigError, match=r"^schema: "):
        profile_of(schema)


def test_another_state_of_a_profile_is_another_schema() -> None:
    other = replace(PROFILE, version=3)
    assert draft_window_schema(other) != draft_window_schema(PROFILE)
