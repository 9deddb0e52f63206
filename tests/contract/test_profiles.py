"""A profile is right as a whole, or refused with one line that says why."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigError
from contract.profiles import (
    FEATURE_VERSION,
    AlarmSpec,
    BearingGeometry,
    MachineProfile,
    RegimeSpec,
    WarmupSpec,
    WindowSpec,
    format_profile,
    load_profile,
    parse_profile,
    profile_names,
)
from contract.signals import UCUM_UNITS, Quantity, ScalarFeature, SensorKind, SensorSpec
from tests.contract.strategies import names

GOOD = """
name = "press"
version = 1
summary_interval_s = 20.0
envelope_band_hz = [1000.0, 4000.0]

[window]
length_s = 5.0
hop_s = 5.0
context = 8

[warmup]
baseline_windows = 24

[alarm]
threshold = 0.5

[regime]
sensor = "speed"
edges = [300.0, 1200.0]
names = ["standstill", "part_load", "full_load"]
off = ["standstill"]

[bearing]
balls = 9
ball_diameter_mm = 7.94
pitch_diameter_mm = 38.5
speed_sensor = "speed"

[[sensor]]
name = "vib"
quantity = "acceleration"
unit = "m/s2"
kind = "waveform"
rate_hz = 12800.0
burst_samples = 2048

[[sensor]]
name = "speed"
quantity = "speed"
unit = "/min"
rate_hz = 1.0
range_min = 0
features = ["level"]
"""

# What is replaced by what, and a word that the one line of the error must hold.
MALFORMED: dict[str, tuple[str, str, str]] = {
    "no TOML": ('name = "press"', "name = press", "not valid TOML"),
    "an open table": ("[window]", "[window", "not valid TOML"),
    "a key twice": ("version = 1", "version = 1\nversion = 2", "not valid TOML"),
    "no name": ('name = "press"', "", "name is missing"),
    "a number as name": ('name = "press"', "name = 5", "must be text"),
    "a name that breaks topics": ('name = "press"', 'name = "a/b"', "a-z"),
    "a name with a line break": ('name = "press"', r'name = "a\nb"', "a-z"),
    "no version": ("version = 1", "", "version is missing"),
    "version zero": ("version = 1", "version = 0", "version"),
    "version as float": ("version = 1", "version = 1.5", "whole number"),
    "version as truth": ("version = 1", "version = true", "whole number"),
    "a huge version": ("version = 1", "version = 99999999999", "version"),
    "another feature version": (
        "version = 1",
        "version = 1\nfeature_version = 9",
        f"version {FEATURE_VERSION}",
    ),
    "an unknown key": ("version = 1", "version = 1\ncolour = 3", "unknown key 'colour'"),
    "an unknown key of two lines": ("version = 1", 'version = 1\n"a\\nb" = 3', r"unknown key 'a\\nb'"),
    "an unknown section": ("[warmup]", "[cooldown]", "unknown key 'cooldown'"),
    "an unknown key in a section": ("context = 8", "contxt = 8", "window: unknown key 'contxt'"),
    "a section as a number": ("[warmup]\nbaseline_windows = 24", "", ""),
    "sensors by another word": ("[[sensor]]", "[[sensors]]", "write sensors as"),
    "one sensor as table": ('[[sensor]]\nname = "vib"', '[sensor]\nname = "vib"', "not valid TOML"),
    "a context of 7": ("context = 8", "context = 7", "context"),
    "a context of 10": ("context = 8", "context = 10", "multiple of 4"),
    "a context of 4096": ("context = 8", "context = 4096", "context"),
    "no window length": ("length_s = 5.0", "", "length_s is missing"),
    "hop above length": ("hop_s = 5.0", "hop_s = 6.0", "hop_s <= length_s"),
    "hop zero": ("hop_s = 5.0", "hop_s = 0", "hop_s"),
    "hop negative": ("hop_s = 5.0", "hop_s = -5", "hop_s"),
    "hop nan": ("hop_s = 5.0", "hop_s = nan", "hop_s"),
    "length infinite": ("length_s = 5.0", "length_s = inf", "length_s"),
    "a hop of a microsecond": ("hop_s = 5.0", "hop_s = 1e-6", "hop_s"),
    "a thousandth as hop": ("hop_s = 5.0", "hop_s = 0.004", "1000 hops"),
    "length as text": ("length_s = 5.0", 'length_s = "5"', "must be a number"),
    "a number beyond floats": ("length_s = 5.0", f"length_s = {10**400}", "too large"),
    "a number of 5000 digits": ("length_s = 5.0", f"length_s = {'9' * 5000}", "TOML"),
    "summary no multiple": ("summary_interval_s = 20.0", "summary_interval_s = 22.0", "multiple"),
    "summary below the hop": ("summary_interval_s = 20.0", "summary_interval_s = 1.0", "one hop"),
    "summary nan": ("summary_interval_s = 20.0", "summary_interval_s = nan", "summary_interval_s"),
    "summary infinite": ("summary_interval_s = 20.0", "summary_interval_s = inf", "summary_interval_s"),
    "a warm-up of 2": ("baseline_windows = 24", "baseline_windows = 2", "baseline_windows"),
    "an endless warm-up": ("baseline_windows = 24", "baseline_windows = 1000000", "baseline_windows"),
    "a calibration of 2": ("baseline_windows = 24", "calibration_windows = 2", "calibration_windows"),
    "threshold above one": ("threshold = 0.5", "threshold = 1.5", "threshold"),
    "threshold nan": ("threshold = 0.5", "threshold = nan", "threshold"),
    "a threshold of one": ("threshold = 0.5", "threshold = 1.0", "threshold"),
    "a negative threshold": ("threshold = 0.5", "threshold = -0.1", "threshold"),
    "clear above threshold": ("threshold = 0.5", "threshold = 0.5\nclear_below = 0.6", "clear_below"),
    "clear below nothing": ("threshold = 0.5", "clear_below = 0", "clear_below"),
    "clear above a derived threshold": ("threshold = 0.5", "clear_below = 1.1", "clear_below"),
    "no false alarm ever": ("threshold = 0.5", "false_alarms_per_day = 0", "false_alarms_per_day"),
    "nothing but false alarms": ("threshold = 0.5", "false_alarms_per_day = 100", "false_alarms_per_day"),
    "false alarms nan": ("threshold = 0.5", "false_alarms_per_day = nan", "false_alarms_per_day"),
    "k above n": ("threshold = 0.5", "k = 9", "k <= n"),
    "no clear_after": ("threshold = 0.5", "clear_after = 0", "clear_after"),
    "a regime of no sensor": ('sensor = "speed"', 'sensor = "sped"', "no sensor 'sped'"),
    "a regime of a waveform": ('sensor = "speed"', 'sensor = "vib"', "must be a scalar"),
    "a name too few": ('"part_load", ', "", "one name more"),
    "a regime named unknown": ('"part_load"', '"unknown"', "mean something else"),
    "a regime named transition": ('"part_load"', '"transition"', "mean something else"),
    "a regime that is never steady": ("edges =", "steady_within = 0\nedges =", "steady_within"),
    "steady within nan": ("edges =", "steady_within = nan\nedges =", "steady_within"),
    "falling edges": ("[300.0, 1200.0]", "[1200.0, 300.0]", "rise"),
    "an edge nan": ("[300.0, 1200.0]", "[300.0, nan]", "finite"),
    "an edge as text": ("[300.0, 1200.0]", '[300.0, "x"]', r"edges\[1\] must be a number"),
    "edges as a number": ("[300.0, 1200.0]", "300.0", "must be a list"),
    "names twice": ('"part_load", ', '"full_load", ', "differ"),
    "names in capitals": ('"part_load", ', '"Part load", ', "a-z"),
    "an unknown off": ('off = ["standstill"]', 'off = ["stop"]', "off"),
    "all off": ('off = ["standstill"]', 'off = ["standstill", "part_load", "full_load"]', "not all"),
    "two balls": ("balls = 9", "balls = 2", "balls"),
    "a ball too large": ("ball_diameter_mm = 7.94", "ball_diameter_mm = 40", "ball_diameter_mm"),
    "a ball nan": ("ball_diameter_mm = 7.94", "ball_diameter_mm = nan", "ball_diameter_mm"),
    "an endless pitch": ("pitch_diameter_mm = 38.5", "pitch_diameter_mm = inf", "pitch_diameter_mm"),
    "an angle of 90": ("balls = 9", "balls = 9\ncontact_angle_deg = 90", "contact_angle_deg"),
    "no speed": ('speed_sensor = "speed"', "", "speed_sensor or nominal_speed_rpm"),
    "a negative speed": ('speed_sensor = "speed"', "nominal_speed_rpm = -1", "nominal_speed_rpm"),
    "speed of a vibration": ('speed_sensor = "speed"', 'speed_sensor = "vib"', "/min or Hz"),
    "an envelope above Nyquist": ("[1000.0, 4000.0]", "[1000.0, 6401.0]", "6400.0"),
    "an envelope upside down": ("[1000.0, 4000.0]", "[4000.0, 1000.0]", "envelope_band_hz"),
    "an envelope of three": ("[1000.0, 4000.0]", "[1000.0, 2000.0, 3000.0]", "2 values"),
    "an envelope nan": ("[1000.0, 4000.0]", "[nan, 4000.0]", "envelope_band_hz"),
    "a negative envelope": ("[1000.0, 4000.0]", "[-1.0, 4000.0]", "envelope_band_hz"),
    "a sensor in capitals": ('name = "vib"', 'name = "Vib"', "a-z"),
    "two sensors of a name": ('name = "vib"', 'name = "speed"', "differ"),
    "no rate": ("rate_hz = 12800.0", "", "rate_hz is missing"),
    "a rate of zero": ("rate_hz = 12800.0", "rate_hz = 0", "rate_hz"),
    "a rate nan": ("rate_hz = 12800.0", "rate_hz = nan", "rate_hz"),
    "a rate infinite": ("rate_hz = 12800.0", "rate_hz = inf", "rate_hz"),
    "a rate as date": ("rate_hz = 12800.0", "rate_hz = 2024-05-17", "must be a number"),
    "an unknown quantity": ('quantity = "acceleration"', 'quantity = "noise"', "none of acceleration"),
    "a quantity in a list": (
        'quantity = "acceleration"',
        'quantity = ["acceleration"]',
        "none of acceleration",
    ),
    "a unit of another quantity": ('unit = "m/s2"', 'unit = "bar"', "use one of m/s2"),
    "an unknown kind": ('kind = "waveform"', 'kind = "wave"', "none of scalar"),
    "a waveform of a speed": (
        'unit = "/min"',
        'unit = "/min"\nkind = "waveform"\nburst_samples = 64',
        "acceleration",
    ),
    "a burst of 10": ("burst_samples = 2048", "burst_samples = 10", "at least|64 to"),
    "an endless burst": ("burst_samples = 2048", "burst_samples = 100000000", "64 to"),
    "a burst longer than a hop": ("burst_samples = 2048", "burst_samples = 100000", "one hop"),
    "a burst of a scalar": ("range_min = 0", "burst_samples = 64", "waveforms only"),
    "a range upside down": ("range_min = 0", "range_min = 5\nrange_max = 4", "range_min"),
    "a range nan": ("range_min = 0", "range_min = nan", "range_min"),
    "a range beyond 32 bits": ("range_min = 0", "range_min = -1e300", "32 bits"),
    "stuck after nothing": ("range_min = 0", "stuck_after_s = 0", "stuck_after_s"),
    "no features": ('features = ["level"]', "features = []", "at least one"),
    "an unknown feature": ('features = ["level"]', 'features = ["mean"]', "none of level"),
    "a feature twice": ('features = ["level"]', 'features = ["level", "level"]', "differ"),
    "a sensor slower than windows": ("rate_hz = 1.0", "rate_hz = 0.1", "at least one of its samples"),
}
del MALFORMED["a section as a number"]


@pytest.mark.parametrize("case", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_profile_is_one_clear_line(case: tuple[str, str, str]) -> None:
    old, new, match = case
    assert old in GOOD
    with pytest.raises(ConfigError, match=match) as caught:
        parse_profile(GOOD.replace(old, new, 1), "press.toml")
    message = str(caught.value)
    assert message.startswith("press.toml: ")
    assert "\n" not in message
    assert len(message) < 500
    assert caught.value.exit_code == 2


def test_there_are_enough_ways_to_be_wrong() -> None:
    assert len(MALFORMED) >= 40


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sensor = 5",
        "sensor = [1, 2]",
        "window = 5",
        "regime = []",
        "[[window]]\nlength_s = 1",
        "a = " + "[" * 5000,
        "\x00",
    ],
)
def test_a_text_that_is_no_profile_is_one_clear_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"x\.toml: ") as caught:
        parse_profile(text, "x.toml")
    assert "\n" not in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_a_profile_or_a_config_error(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_profile(text)


lines = GOOD.splitlines()
odd = st.sampled_from(
    ["nan", "-1", "1e400", '"x"', "[]", "true", "{}", "0", "99999999999999999999", "[[1]]", "1979-05-27"]
)


@given(st.integers(0, len(lines) - 1), odd)
def test_any_value_in_any_place_is_right_or_a_config_error(index: int, value: str) -> None:
    changed = list(lines)
    if "=" in changed[index]:
        changed[index] = changed[index].split("=")[0] + f"= {value}"
    try:
        profile = parse_profile("\n".join(changed))
    except ConfigError as error:
        assert "\n" not in str(error)
    else:
        assert parse_profile(format_profile(profile)) == profile


def test_a_good_profile_is_read() -> None:
    profile = parse_profile(GOOD)
    assert profile.window == WindowSpec(5.0, 5.0, 8)
    assert profile.warmup == WarmupSpec(24, 24)
    assert profile.alarm == AlarmSpec(threshold=0.5)
    assert profile.envelope_band_hz == (1000.0, 4000.0)
    assert profile.sensor("speed").range_min == 0.0
    assert isinstance(profile.sensor("speed").range_min, float)
    assert profile.sensor("speed").features == (ScalarFeature.LEVEL,)
    assert [s.name for s in profile.waveforms] == ["vib"]
    assert profile.sensor("vib").burst_s == 0.16


@pytest.mark.parametrize("name", profile_names())
def test_shipped_profiles_are_right(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert profile.description
    assert parse_profile(format_profile(profile)) == profile


def test_a_profile_is_loaded_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    assert load_profile(str(path)) == parse_profile(GOOD)


@pytest.mark.parametrize("name", ["nothing", "", "pump.yaml", "./x", "a\nb"])
def test_an_unknown_name_lists_what_there_is(name: str) -> None:
    with pytest.raises(ConfigError, match="pump-loop") as caught:
        load_profile(name)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "noise.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder.toml").mkdir()
    for name in ("missing.toml", "noise.toml", "folder.toml", "nul\0.toml"):
        with pytest.raises(ConfigError, match="cannot be read") as caught:
            load_profile(str(tmp_path / name))
        assert "\n" not in str(caught.value)


def test_a_sensor_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="no sensor 'x'; it has vib, speed"):
        parse_profile(GOOD).sensor("x")


def test_equal_profiles_are_one_key_and_different_ones_two() -> None:
    one, two = parse_profile(GOOD), parse_profile(f"{GOOD}\n# the same, written differently\n")
    other = parse_profile(GOOD.replace("context = 8", "context = 12"))
    assert one is not two
    assert len({one: 1, two: 2}) == 1
    assert len({one: 1, other: 2}) == 2


def test_too_many_features_are_refused() -> None:
    spec = SensorSpec("a", Quantity.ACCELERATION, "[g]", 1000.0, SensorKind.WAVEFORM, burst_samples=64)
    sensors = tuple(
        SensorSpec(f"a{i}", spec.quantity, spec.unit, 1000.0, spec.kind, burst_samples=64) for i in range(33)
    )
    with pytest.raises(ConfigError, match="at most 512 features, this makes 528"):
        MachineProfile("x", 1, sensors, WindowSpec(1.0, 1.0))
    with pytest.raises(ConfigError, match="1 to 64 sensors"):
        MachineProfile("x", 1, (), WindowSpec(1.0, 1.0))


def test_defect_frequencies_of_a_known_bearing() -> None:
    # 6205-2RS: orders as published with the Case Western Reserve recordings, for both geometries to 1 %.
    orders = BearingGeometry(9, 7.94, 39.04, nominal_speed_rpm=1797).defect_orders()
    assert orders["bpfo"] == pytest.approx(3.5848, rel=0.01)
    assert orders["bpfi"] == pytest.approx(5.4152, rel=0.01)
    assert orders["ftf"] == pytest.approx(0.39828, rel=0.01)
    assert 2 * orders["bsf"] == pytest.approx(4.7135, rel=0.01)
    assert orders["bpfo"] + orders["bpfi"] == pytest.approx(9)


def test_a_text_is_read_once_and_a_wrong_one_names_its_origin_each_time() -> None:
    assert parse_profile(GOOD) is parse_profile(GOOD, "elsewhere")
    for origin in ("first.toml", "second.toml"):
        with pytest.raises(ConfigError, match=origin):
            parse_profile("nonsense", origin)


@st.composite
def sensors(draw: st.DrawFn) -> SensorSpec:
    quantity = draw(st.sampled_from(Quantity))
    low, high = sorted(draw(st.tuples(st.floats(-1e30, 1e30), st.floats(-1e30, 1e30))))
    return SensorSpec(
        name=draw(names),
        quantity=quantity,
        unit=draw(st.sampled_from(UCUM_UNITS[quantity])),
        rate_hz=draw(st.floats(1, 1e5)),
        axis=draw(st.text(st.characters(codec="utf-8"), max_size=20)),
        range_min=draw(st.just(-math.inf) | st.just(min(low, 0.0))),
        range_max=draw(st.just(math.inf) | st.just(max(high, 1.0))),
        stuck_after_s=draw(st.just(math.inf) | st.floats(0.1, 1e6)),
        features=tuple(draw(st.lists(st.sampled_from(ScalarFeature), min_size=1, unique=True))),
    )


@st.composite
def profiles(draw: st.DrawFn) -> MachineProfile:
    hop_s = draw(st.sampled_from([1.0, 2.5, 10.0]))
    rows = draw(st.lists(sensors(), min_size=1, max_size=4, unique_by=lambda s: s.name))
    regime = RegimeSpec(rows[0].name, (1.5,), ("low", "high"), ("low",)) if draw(st.booleans()) else None
    return MachineProfile(
        name="any-machine",
        version=draw(st.integers(1, 10**6)),
        sensors=tuple(rows),
        window=WindowSpec(hop_s * draw(st.integers(1, 4)), hop_s, 4 * draw(st.integers(2, 32))),
        description=draw(st.text(st.characters(codec="utf-8"), max_size=40)),
        summary_interval_s=hop_s * draw(st.integers(1, 100)),
        regime=regime,
        bearing=draw(st.none() | st.just(BearingGeometry(7, 1.0, 10.0, 15.0, nominal_speed_rpm=50.0))),
    )


@given(profiles())
def test_every_profile_survives_toml(profile: MachineProfile) -> None:
    text = format_profile(profile)
    assert parse_profile(text) == profile
    assert format_profile(parse_profile(text)) == text


def test_a_misused_builder_says_so() -> None:
    wrong: Any = {"name": "x"}
    with pytest.raises(ConfigError):
        parse_profile("\n".join(f"{k} = {v!r}" for k, v in wrong.items()))
