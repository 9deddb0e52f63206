"""Hints say what physics allows, and nothing more certain."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.diagnosis import (
    LineLevels,
    Symptoms,
    feature_facts,
    find_hints,
    line_facts,
    shaft_frequency,
)
from contract.explanation import Hint, HintCode, HintFact, HintStrength
from contract.features import feature_specs
from contract.profiles import MachineProfile, load_profile

PUMP = load_profile("pump")
LOOP = load_profile("pump-loop")
RIG = load_profile("cwru-bearing")
WEAK, MODERATE, STRONG = HintStrength.WEAK, HintStrength.MODERATE, HintStrength.STRONG
SHAFT_HZ = 49.2
NORMAL_LINES = (1.0, 0.3, 0.2)


def symptoms(
    deviations: dict[str, float],
    lines: tuple[float, float, float] = NORMAL_LINES,
    values: dict[str, float] | None = None,
    profile: MachineProfile = PUMP,
    shares: dict[str, float] | None = None,
) -> Symptoms:
    """A machine that is normal but for some features (`vib_` means every waveform) and its shaft's lines."""
    facts = {}
    for spec in feature_specs(profile):
        kind = spec.name.removeprefix(f"{spec.sensor}_")
        own = deviations.get(spec.name, deviations.get(f"vib_{kind}", 0.0) if "vib" in spec.sensor else 0.0)
        value = (values or {}).get(kind, 1.0)
        facts[spec.sensor, kind] = HintFact(spec.name, spec.sensor, spec.unit, value, 1.0, own)
    levels = LineLevels(np.array(lines), np.array(NORMAL_LINES))
    facts |= line_facts({spec.name: levels for spec in profile.waveforms}, SHAFT_HZ)
    return Symptoms(profile, facts, shares or {})


def codes(found: Symptoms) -> list[tuple[str, HintStrength]]:
    return [(hint.code, hint.strength) for hint in find_hints(found)]


def test_a_machine_that_is_normal_looks_like_nothing() -> None:
    assert find_hints(symptoms({})) == ()


@pytest.mark.parametrize(
    ("defect", "code"),
    [
        ("bpfo", HintCode.BEARING_OUTER_RACE),
        ("bpfi", HintCode.BEARING_INNER_RACE),
        ("bsf", HintCode.BEARING_ROLLING_ELEMENT),
    ],
)
@pytest.mark.parametrize(
    ("deviation", "value", "kurtosis", "strength"),
    [(4.0, 4.0, 2.0, STRONG), (2.0, 2.0, 0.0, MODERATE), (1.2, 1.4, 1.2, WEAK)],
)
def test_a_bearing_speaks_at_its_elements_frequency(
    defect: str, code: HintCode, deviation: float, value: float, kurtosis: float, strength: HintStrength
) -> None:
    found = symptoms(
        {f"vib_env_{defect}": deviation, "vib_kurtosis": kurtosis}, values={f"env_{defect}": value}
    )
    assert codes(found)[0] == (code, strength)


@pytest.mark.parametrize(
    ("deviations", "value"),
    [
        ({"vib_env_bpfo": 5.0, "vib_env_bpfi": 4.5, "vib_env_bsf": 4.5}, 4.0),
        ({"vib_env_bpfo": 5.0}, 1.1),
        ({"vib_env_bpfo": 0.9, "vib_kurtosis": 1.5}, 4.0),
        ({"vib_env_bpfo": 1.4, "vib_kurtosis": 0.0}, 4.0),
    ],
    ids=["all of them rise", "no more than chance", "hardly above the baseline", "faint and without knocks"],
)
def test_no_element_is_named_that_does_not_stand_out(deviations: dict[str, float], value: float) -> None:
    found = symptoms(deviations, values={"env_bpfo": value})
    assert not [code for code, _ in codes(found) if code.startswith("bearing")]


def test_knocks_without_an_element_are_said_as_that() -> None:
    found = symptoms({"vib_kurtosis": 5.0, "vib_crest": 3.0, "vib_rms": 3.0})
    assert codes(found) == [(HintCode.IMPACTS, MODERATE)]
    assert codes(symptoms({"vib_kurtosis": 2.5, "vib_rms": 2.0})) == [(HintCode.IMPACTS, WEAK)]


def test_once_a_turn_is_imbalance_and_never_strong() -> None:
    assert codes(symptoms({}, (8.0, 0.4, 0.2))) == [(HintCode.IMBALANCE, MODERATE)]
    one_axis = symptoms({}, (8.0, 0.4, 0.2), profile=RIG)
    assert codes(one_axis) == [(HintCode.IMBALANCE, WEAK)], "one axis cannot tell it from a resonance"
    assert codes(symptoms({}, (1.6, 0.3, 0.2))) == [(HintCode.IMBALANCE, WEAK)], "4 dB is little"


def test_twice_a_turn_is_misalignment() -> None:
    assert codes(symptoms({}, (1.3, 1.6, 0.6))) == [(HintCode.MISALIGNMENT, MODERATE)]


def test_twice_a_turn_at_the_motors_hum_alone_is_weak() -> None:
    """98 Hz and 100 Hz are one line for a burst of 0.16 s."""
    assert codes(symptoms({}, (1.0, 1.6, 0.2))) == [(HintCode.MISALIGNMENT, WEAK)]
    assert codes(symptoms({}, (0.9, 0.5, 0.2))) == [], "they beat with each other"
    unsteady = symptoms({"current_spread": 3.0, "current_level": 4.0}, (1.0, 1.6, 0.2))
    assert [code for code, _ in codes(unsteady)] == [HintCode.MOTOR_ELECTRICAL]


@pytest.mark.parametrize(
    ("lines", "deviations", "values"),
    [
        ((1.3, 0.3, 0.2), {}, {}),
        ((4.0, 1.2, 0.8), {}, {}),
        ((8.0, 0.4, 0.2), {"vib_kurtosis": 3.0}, {}),
        ((8.0, 0.4, 0.2), {}, {"rms": 20.0}),
        ((0.9, 1.6, 0.2), {"current_spread": 3.0}, {}),
    ],
    ids=[
        "hardly more than usual",
        "all orders alike",
        "knocks",
        "the noise has risen more",
        "an unsteady current",
    ],
)
def test_no_order_is_named_that_does_not_stand_out(
    lines: tuple[float, float, float], deviations: dict[str, float], values: dict[str, float]
) -> None:
    named = [code for code, _ in codes(symptoms(deviations, lines, values))]
    assert HintCode.IMBALANCE not in named and HintCode.MISALIGNMENT not in named


def test_a_line_too_small_to_matter_is_not_named() -> None:
    tiny = LineLevels(np.array([0.1, 0.01, 0.01]), np.array([0.01, 0.01, 0.01]))
    facts = {**symptoms({}).facts, **line_facts({"vib_h": tiny, "vib_v": tiny}, SHAFT_HZ)}
    assert find_hints(Symptoms(PUMP, facts)) == ()


def test_steady_noise_is_lubrication_when_warm_and_cavitation_when_pressure_falls() -> None:
    noise = {"vib_band8": 3.5, "vib_rms": 2.5}
    assert codes(symptoms(noise)) == [], "noise alone has too many causes"
    assert codes(symptoms(noise | {"temperature_level": 6.0})) == [(HintCode.LUBRICATION, MODERATE)]
    low = noise | {"pressure_level": -2.5, "pressure_spread": 2.0}
    assert codes(symptoms(low)) == [(HintCode.CAVITATION, MODERATE)]
    assert codes(symptoms(noise | {"pressure_level": -2.5})) == [(HintCode.CAVITATION, WEAK)]
    faint = {"pressure_level": -1.2, "pressure_spread": 1.2}
    assert codes(symptoms(noise | faint)) == [(HintCode.CAVITATION, WEAK)], "two faint signs are one weak one"
    assert codes(symptoms(noise | {"pressure_level": -1.2})) == []


@pytest.mark.parametrize(
    ("noise", "falls", "unsteady", "found"),
    [
        (1.2, 2.5, 1.2, [(HintCode.CAVITATION, WEAK)]),
        (1.2, 1.2, 2.5, [(HintCode.CAVITATION, WEAK)]),
        (1.2, 6.0, 5.0, [(HintCode.CAVITATION, WEAK)]),
        (1.2, 3.0, 0.5, []),
        (1.2, 1.4, 1.4, []),
        (0.8, 6.0, 5.0, []),
    ],
    ids=[
        "falls",
        "unsteady",
        "faint noise is never more than weak",
        "one sign",
        "two faint signs",
        "no noise",
    ],
)
def test_faint_noise_needs_a_pressure_that_shows_both_signs(
    noise: float, falls: float, unsteady: float, found: list[tuple[str, HintStrength]]
) -> None:
    pressure = {"pressure_level": -falls, "pressure_spread": unsteady}
    assert codes(symptoms({"vib_band8": noise} | pressure)) == found


def test_a_pressure_that_hardly_falls_leaves_a_hot_and_noisy_bearing_without_lubricant() -> None:
    hot = {"vib_band8": 4.5, "vib_rms": 3.5, "temperature_level": 5.5}
    assert codes(symptoms(hot | {"pressure_level": -1.8})) == [
        (HintCode.LUBRICATION, MODERATE),
        (HintCode.CAVITATION, WEAK),
    ]
    assert HintCode.LUBRICATION not in [c for c, _ in codes(symptoms(hot | {"pressure_level": -2.5}))]


def test_on_the_way_to_another_speed_nothing_is_said_of_the_process() -> None:
    ramp = {"speed_level": -4.0, "vib_band8": 3.0, "temperature_level": 4.0}
    assert codes(symptoms(ramp)) == []
    assert codes(symptoms(ramp | {"pressure_level": -4.0, "pressure_spread": 4.0})) == []
    assert codes(symptoms({"speed_level": 3.0, "current_level": 6.0, "current_spread": 4.0})) == []


def test_a_hot_motor_with_an_unsteady_current_is_electrical() -> None:
    found = symptoms({"current_level": 7.0, "current_spread": 3.0, "temperature_level": 6.0})
    assert codes(found) == [(HintCode.MOTOR_ELECTRICAL, MODERATE)]
    cooler = symptoms({"current_level": 7.0, "current_spread": 3.0, "temperature_level": 2.4})
    assert codes(cooler) == [(HintCode.MOTOR_ELECTRICAL, MODERATE)]
    as_always = symptoms({"current_level": 7.0, "current_spread": 3.0, "temperature_level": 1.6})
    assert codes(as_always) == [(HintCode.MOTOR_ELECTRICAL, WEAK)], "a warm day is no sign"
    assert codes(symptoms({"current_level": 2.5})) == []
    assert codes(symptoms({"current_level": 4.0})) == [(HintCode.MOTOR_ELECTRICAL, WEAK)]
    assert codes(symptoms({"current_level": 4.0, "vib_rms": 3.0})) == [], "it may simply work harder"


def test_two_signs_of_a_current_are_a_weak_one() -> None:
    assert codes(symptoms({"current_level": 2.3, "current_spread": 1.2})) == [
        (HintCode.MOTOR_ELECTRICAL, WEAK)
    ]
    assert codes(symptoms({"current_level": 2.3, "current_spread": 0.8})) == []
    assert codes(symptoms({"current_level": 1.5, "current_spread": 1.5})) == []


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_current_that_goes_with_slip_and_pressure_is_the_loads(side: float) -> None:
    loaded = {"current_level": 5.0 * side, "speed_level": -1.1 * side, "pressure_level": -1.1 * side}
    alone = {"current": 0.9}
    assert codes(symptoms(loaded, shares=alone)) == [], "neither the motor's fault nor the sensor's"
    by_itself = symptoms({"current_level": 5.0 * side}, shares=alone)
    assert (HintCode.SENSOR_FAULT, WEAK) in codes(by_itself)
    unsteady = symptoms(loaded | {"current_spread": 3.0}, shares=alone)
    assert codes(unsteady) == [(HintCode.MOTOR_ELECTRICAL, WEAK)], "no load makes a current unsteady"


def test_a_flow_that_has_moved_tells_of_another_load_too() -> None:
    assert codes(symptoms({"current_level": 4.0}, profile=LOOP)) == [(HintCode.MOTOR_ELECTRICAL, WEAK)]
    more = symptoms({"current_level": 4.0, "flow_level": 1.3, "pressure_level": -0.9}, profile=LOOP)
    assert codes(more) == []


def test_one_sensor_alone_may_be_the_sensor() -> None:
    found = symptoms({"temperature_level": 6.0}, shares={"temperature": 0.95, "vib_h": 0.05})
    assert codes(found) == [(HintCode.OVERHEATING, WEAK), (HintCode.SENSOR_FAULT, WEAK)]
    twin = symptoms({"vib_h_rms": 6.0}, shares={"vib_h": 0.95, "vib_v": 0.05})
    assert (HintCode.SENSOR_FAULT, MODERATE) in codes(twin), "its twin on the same bearing feels nothing"
    heard = symptoms({"pressure_level": -6.0, "vib_band8": 1.3}, shares={"pressure": 0.9})
    assert codes(heard) == [], "the accelerometers feel it, too"
    quiet = symptoms({"pressure_level": -6.0, "vib_band8": 0.3}, shares={"pressure": 0.9})
    assert codes(quiet) == [(HintCode.SENSOR_FAULT, WEAK)]
    together = symptoms({"vib_h_rms": 6.0, "vib_v_rms": 3.0}, shares={"vib_h": 0.95, "vib_v": 0.05})
    assert HintCode.SENSOR_FAULT not in [code for code, _ in codes(together)]


def test_less_flow_against_more_pressure_is_a_blocked_flow() -> None:
    found = symptoms({"flow_level": -4.0, "pressure_level": 3.0}, profile=LOOP)
    assert codes(found) == [(HintCode.BLOCKED_FLOW, WEAK)]
    assert codes(symptoms({"flow_level": -4.0, "pressure_level": -3.0}, profile=LOOP)) == []


def test_every_hint_has_its_numbers() -> None:
    (hint,) = find_hints(symptoms({}, (8.0, 0.4, 0.2)))
    first = hint.facts[0]
    assert (first.measure, first.unit, first.value, first.baseline) == ("line_1x", "mm/s", 8.0, 1.0)
    assert first.frequency_hz == pytest.approx(SHAFT_HZ)


@given(
    st.dictionaries(st.sampled_from([s.name for s in feature_specs(PUMP)]), st.floats(-8, 8), max_size=12),
    st.tuples(*[st.floats(1e-3, 50)] * 3),
)
def test_whatever_is_measured_there_are_at_most_three_hints_strongest_first(
    deviations: dict[str, float], lines: tuple[float, float, float]
) -> None:
    found: tuple[Hint, ...] = find_hints(symptoms(deviations, lines, shares={"pressure": 0.9}))
    assert len(found) <= 3
    assert [h.strength for h in found] == sorted((h.strength for h in found), reverse=True)
    assert len({h.code for h in found}) == len(found)


def test_the_shafts_frequency_comes_from_the_sensor_or_the_name_plate() -> None:
    values = [1.0] * len(feature_specs(PUMP))
    values[-1] = 2952.0
    assert feature_specs(PUMP)[-1].name == "speed_level"
    assert shaft_frequency(PUMP, values) == pytest.approx(49.2)
    assert shaft_frequency(RIG, [1.0] * len(feature_specs(RIG))) == pytest.approx(1797 / 60)
    assert math.isnan(shaft_frequency(LOOP, [1.0] * len(feature_specs(LOOP))))


def test_facts_are_known_features_with_their_frequency() -> None:
    count = len(feature_specs(PUMP))
    values = [1.0] * (count - 1) + [3000.0]
    deviations = [math.nan] + [2.0] * (count - 1)
    facts = feature_facts(PUMP, values, [1.0] * count, deviations)
    assert ("vib_h", "rms") not in facts and ("vib_v", "rms") in facts
    assert PUMP.bearing is not None
    at_hz = PUMP.bearing.defect_orders()["bpfo"] * 50.0
    assert facts["vib_v", "env_bpfo"].frequency_hz == pytest.approx(at_hz)
    assert facts["pressure", "level"].frequency_hz == 0.0
