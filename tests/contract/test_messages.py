"""A message that could not be true cannot be built."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from contract.aggregates import MAX_SENSORS, ChannelQuality, FeatureAggregate, FeatureTable
from contract.checks import MAX_INT63, require_time
from contract.codec import MAX_MESSAGE_BYTES, encode
from contract.errors import InvalidMessageError
from contract.explanation import BandShare, Hint, HintFact, HintStrength, SensorShare
from contract.messages import (
    KIND_OF,
    SEQUENCED,
    Alarm,
    AlarmKind,
    Birth,
    Body,
    BootAck,
    Contribution,
    DeviceStatus,
    Kind,
    Message,
    ScoreSummary,
    Spectrum,
)
from contract.profiles import MachineProfile, WindowSpec, format_profile, parse_profile
from contract.signals import Quantity, ScalarFeature, SensorSpec
from tests.contract.golden_wire import EXAMPLES, EXAMPLES_3, PROFILE

SUMMARY = EXAMPLES["summary"].body
ALARM = EXAMPLES["alarm"].body
STATUS = EXAMPLES["status"].body
BIRTH = EXAMPLES["birth"].body
DEATH = EXAMPLES["death"].body
NAN, INF = math.nan, math.inf
FACT = HintFact("line_1x", "vib_h", "mm/s", 4.0, 1.0)
assert isinstance(SUMMARY, ScoreSummary)


def summary_of(name: str, mean: float, minimum: float, maximum: float) -> ScoreSummary:
    assert isinstance(SUMMARY, ScoreSummary)
    return replace(SUMMARY, features=FeatureTable.of([FeatureAggregate(name, mean, minimum, maximum)]))


def sensor_of(sensor: str, good: int, uncertain: int, bad: int) -> ScoreSummary:
    assert isinstance(SUMMARY, ScoreSummary)
    return replace(SUMMARY, quality=(ChannelQuality(sensor, good, uncertain, bad),))


assert isinstance(ALARM, Alarm)
assert isinstance(STATUS, DeviceStatus)

WRONG: dict[str, tuple[Any, dict[str, Any]]] = {
    "an interval of nothing": (SUMMARY, {"interval_s": 0.0}),
    "an interval nan": (SUMMARY, {"interval_s": NAN}),
    "an interval of a week": (SUMMARY, {"interval_s": 604_800.0}),
    "windows below zero": (SUMMARY, {"window_count": -1}),
    "more scored than closed": (SUMMARY, {"scored_count": 13}),
    "a score of 3": (SUMMARY, {"score_max": 3.0}),
    "a score nan": (SUMMARY, {"score_mean": NAN}),
    "a mean above the maximum": (SUMMARY, {"score_mean": 0.9}),
    "a negative confidence": (SUMMARY, {"confidence": -0.1}),
    "a regime with markup": (SUMMARY, {"regime": "<b>"}),
    "a regime of two lines": (SUMMARY, {"regime": "a\nb"}),
    "too many sensors": (SUMMARY, {"quality": (ChannelQuality("a", 0, 0, 0),) * 65}),
    "alarm zero": (ALARM, {"alarm_id": 0}),
    "an alarm beyond 63 bits": (ALARM, {"alarm_id": MAX_INT63 + 1}),
    "an alarm's score": (ALARM, {"score": 1.01}),
    "an alarm's threshold": (ALARM, {"threshold": -0.01}),
    "since before 2000": (ALARM, {"since": datetime(1999, 12, 31, tzinfo=UTC)}),
    "since without zone": (ALARM, {"since": datetime(2024, 1, 1)}),
    "too many contributions": (ALARM, {"contributions": (Contribution("a", "b", 0, 0),) * 9}),
    "a long profile": (ALARM, {"error_profile": (0.0,) * 129}),
    "a sensor fault without a sensor": (ALARM, {"kind": AlarmKind.SENSOR_FAULT}),
    "a machine alarm that names a sensor": (ALARM, {"sensor": "vib_h"}),
    "a sensor with markup": (ALARM, {"kind": AlarmKind.SENSOR_FAULT, "sensor": "<b>"}),
    "flags below zero": (ALARM, {"flags": -1}),
    "too many sensor shares": (ALARM, {"sensor_shares": (SensorShare("a", 0),) * 65}),
    "too many band shares": (ALARM, {"band_shares": (BandShare("a", 0, 1, 0),) * 65}),
    "too many hints": (ALARM, {"hints": (Hint("a", HintStrength.WEAK, (FACT,)),) * 4}),
    "a profile with nan": (ALARM, {"error_profile": (NAN,)}),
    "negative uptime": (STATUS, {"uptime_s": -1.0}),
    "endless uptime": (STATUS, {"uptime_s": INF}),
    "a cost nan": (STATUS, {"window_cost_us": NAN}),
    "negative samples": (STATUS, {"samples": -1}),
    "bytes beyond 63 bits": (STATUS, {"outbox_bytes": 2**63}),
    "an unknown kind dropped": (STATUS, {"dropped": {"nonsense": 1}}),
    "fewer than none dropped": (STATUS, {"dropped": {"summary": -1}}),
    "an accelerator with markup": (STATUS, {"accelerator": "<b>"}),
    "a reason of two lines": (STATUS, {"accelerator_reason": "no\ndevice"}),
    "a reason with half a character": (STATUS, {"accelerator_reason": "\ud800"}),
    "a reason of 201 letters": (STATUS, {"accelerator_reason": "x" * 201}),
    "a version of 100 letters": (STATUS, {"agent_version": "x" * 100}),
    "no profile": (BIRTH, {"profile": ""}),
    "a profile that is no TOML": (BIRTH, {"profile": "<script>"}),
    "a profile of another feature version": (BIRTH, {"profile": f"feature_version = 2\n{PROFILE}"}),
    "a profile with an unknown key": (BIRTH, {"profile": f"colour = 1\n{PROFILE}"}),
    "a profile named with markup": (BIRTH, {"profile": PROFILE.replace("press", "<b>")}),
    "a profile that ends early": (BIRTH, {"profile": PROFILE[:-30]}),
    "a profile over 32 KiB": (BIRTH, {"profile": PROFILE + "# and so on\n" * 3000}),
    "a profile over 32 KiB in another alphabet": (BIRTH, {"profile": PROFILE + "# größer\n" * 3600}),
    "a profile with a key of 20 kB": (BIRTH, {"profile": PROFILE + "a." * 10_000 + "b = 1\n"}),
    "a profile with half a character": (BIRTH, {"profile": PROFILE + "x = '\ud800'\n"}),
    "a reason with markup": (DEATH, {"reason": "<i>"}),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_a_body_that_could_not_be_true_is_refused(case: tuple[Any, dict[str, Any]]) -> None:
    body, changes = case
    with pytest.raises(InvalidMessageError) as caught:
        replace(body, **changes)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


PARTS: dict[str, Callable[[], object]] = {
    "mean above maximum": lambda: summary_of("a", 3, 0, 2),
    "mean below minimum": lambda: summary_of("a", -1, 0, 2),
    "mean nan": lambda: summary_of("a", NAN, 0, 2),
    "beyond 32 bits": lambda: summary_of("a", 1e39, 1e39, 1e39),
    "feature with markup": lambda: summary_of("<", 0, 0, 0),
    "bad below zero": lambda: sensor_of("a", 0, 0, -1),
    "good beyond 32 bits": lambda: sensor_of("a", 2**32, 0, 0),
    "sensor with markup": lambda: sensor_of("<", 0, 0, 0),
    "too many features": lambda: FeatureTable.of([FeatureAggregate("a", 0, 0, 0)] * 513),
    "a name more than there are numbers": lambda: FeatureTable(("a", "b"), bytes(12)),
    "half a number": lambda: FeatureTable(("a",), bytes(13)),
    "share above one": lambda: Contribution("a", "b", 1.5, 0),
    "deviation infinite": lambda: Contribution("a", "b", 0.5, INF),
    "spectrum of nothing": lambda: Spectrum("a", 0, 1, "1", ()),
    "spectrum of 65": lambda: Spectrum("a", 0, 1, "1", (0.0,) * 65),
    "negative amplitude": lambda: Spectrum("a", 0, 1, "1", (-1.0,)),
    "amplitude nan": lambda: Spectrum("a", 0, 1, "1", (NAN,)),
    "step zero": lambda: Spectrum("a", 0, 0, "1", (1.0,)),
    "step that 32 bits round to zero": lambda: Spectrum("a", 0, 1e-50, "1", (1.0,)),
    "start below zero": lambda: Spectrum("a", -1, 1, "1", (1.0,)),
    "a unit in another alphabet": lambda: Spectrum("a", 0, 1, "m/s²", (1.0,)),
    "a sensor's share above one": lambda: SensorShare("a", 1.01),
    "a band upside down": lambda: BandShare("a", 2, 1, 0),
    "a band below zero": lambda: BandShare("a", -1, 1, 0),
    "a hint without evidence": lambda: Hint("imbalance", HintStrength.STRONG, ()),
    "a hint with too much of it": lambda: Hint("imbalance", HintStrength.STRONG, (FACT,) * 5),
    "a hint with markup": lambda: Hint("<b>", HintStrength.STRONG, (FACT,)),
    "a fact nan": lambda: replace(FACT, value=NAN),
    "a fact at a negative frequency": lambda: replace(FACT, frequency_hz=-1.0),
    "a fact in another alphabet": lambda: replace(FACT, unit="m/s²"),
    "boot zero": lambda: BootAck(0),
    "sequence zero": lambda: BootAck(1, frozenset({0})),
    "sequence beyond 63 bits": lambda: BootAck(1, frozenset(), frozenset({2**63})),
    "stored and rejected": lambda: BootAck(1, frozenset({1}), frozenset({1})),
}


@pytest.mark.parametrize("build", PARTS.values(), ids=PARTS)
def test_a_part_that_could_not_be_true_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(InvalidMessageError):
        build()


@pytest.mark.parametrize(
    "changes",
    [
        {"device_id": ""},
        {"device_id": "a/b"},
        {"device_id": "a+"},
        {"device_id": "-a"},
        {"device_id": "a" * 65},
        {"device_id": "a\n"},
        {"boot_id": 0},
        {"boot_id": 2**63},
        {"sequence": 0},
        {"sequence": -1},
        {"sequence": 2**63},
        {"event_time": datetime(2024, 1, 1)},
        {"event_time": datetime(2100, 1, 1, tzinfo=UTC)},
        {"event_time": datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2)))},
        {"model_version": "a;b"},
    ],
)
def test_an_envelope_that_could_not_be_true_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessageError):
        replace(EXAMPLES["summary"], **changes)


@pytest.mark.parametrize("kind", ["birth", "death"])
def test_presence_has_no_sequence(kind: str) -> None:
    with pytest.raises(InvalidMessageError, match="sequence"):
        replace(EXAMPLES[kind], sequence=1)


def test_every_body_is_of_one_kind() -> None:
    assert set(KIND_OF) == set(Body.__args__)
    assert sorted(KIND_OF.values()) == sorted(Kind)
    newest = {name: message for name, message in EXAMPLES_3.items() if name in list(Kind)}
    assert {kind: m.kind for kind, m in newest.items()} == {str(kind): kind for kind in Kind}
    assert {Kind(name) for name, m in newest.items() if m.sequence} == SEQUENCED


def test_a_mean_may_leave_its_range_by_rounding() -> None:
    (feature,) = summary_of("a", 2.00001, 0, 2).features
    assert feature.mean == pytest.approx(2.00001)


def test_features_are_float32_rows_of_three() -> None:
    rows = [FeatureAggregate("a", 1.5, 1.0, 2.0), FeatureAggregate("b", 0.0, -1.0, 1.0)]
    table = FeatureTable.of(rows)
    assert table.packed == struct.pack("<6f", 1.5, 1.0, 2.0, 0.0, -1.0, 1.0)
    assert table.numbers().tolist() == [[1.5, 1.0, 2.0], [0.0, -1.0, 1.0]]
    assert (list(table), len(table)) == (rows, 2)
    assert FeatureTable.from_columns(table.names, *table.numbers().T) == table


def test_utc_under_another_name_is_utc() -> None:
    require_time(datetime(2024, 1, 1, tzinfo=timezone(timedelta(0), "Zulu")), "x")


def test_the_largest_profile_fits_into_a_birth() -> None:
    spec = SensorSpec(
        "s" * 37,
        Quantity.TEMPERATURE,
        "Cel",
        1.0,
        axis="drive end, horizontal",
        range_min=-1234.5,
        range_max=12345.5,
        features=tuple(ScalarFeature),
    )
    sensors = tuple(replace(spec, name=f"{spec.name}_{number:02d}") for number in range(MAX_SENSORS))
    profile = MachineProfile("largest", 1, sensors, WindowSpec(10.0, 5.0))
    birth = Birth("1.0", format_profile(profile))
    assert parse_profile(birth.profile) == profile
    assert len(encode(Message("d", 1, 0, datetime(2024, 1, 1, tzinfo=UTC), birth))) <= MAX_MESSAGE_BYTES


def test_a_profile_does_not_flood_a_log() -> None:
    assert "gearbox" not in repr(BIRTH)
