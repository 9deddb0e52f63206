"""Words and units: nothing of the machine's language reaches a person."""

from __future__ import annotations

import doctest

import pytest

from cloud import words
from cloud.alerts import AlertStatus
from cloud.health import Health
from cloud.web import plots, views
from contract.features import feature_specs
from contract.messages import Contribution
from contract.profiles import load_profile, profile_names
from contract.signals import UCUM_UNITS, QualityFlag, Quantity

PUMP = load_profile("pump")


@pytest.mark.parametrize("module", [words, plots, views])
def test_examples_in_the_docstrings_hold(module: object) -> None:
    results = doctest.testmod(module)  # type: ignore[arg-type]
    assert results.attempted > 0 and results.failed == 0


def test_every_state_status_quantity_and_flag_has_words() -> None:
    assert set(words.STATES) == set(Health)
    assert set(words.STATUSES) == set(AlertStatus)
    assert set(words.QUANTITIES) == set(Quantity)
    for flag in QualityFlag:
        assert flag.name is None or "_" not in words.flag_words([flag.name.lower()])


def test_states_rank_as_the_store_ranks_them() -> None:
    assert sorted(words.STATES, key=lambda h: words.STATES[h].rank) == list(Health)


def test_a_machine_that_is_never_steady_says_what_to_do_next() -> None:
    word = words.STATES[Health.UNSTEADY]
    assert word.label == "Never steady"
    assert "neither learned nor judged" in word.meaning.lower() and "check steady_within" in word.meaning


def test_no_unit_shows_its_ucum_brackets() -> None:
    for unit in [u for units in UCUM_UNITS.values() for u in units]:
        for code in (unit, f"{unit}/min"):
            shown = words.unit_words(code)
            assert "[" not in shown and not shown.startswith("/m"), code
    assert words.unit_words("mm/s") == "mm/s"
    assert words.unit_words("[lb_av]/s") == "lb/s"
    assert words.unit_words("L/min") == "L/min"


@pytest.mark.parametrize("name", profile_names())
def test_every_feature_of_every_profile_reads_as_words(name: str) -> None:
    profile = load_profile(name)
    for spec in feature_specs(profile):
        shown = words.feature_words(spec.name, spec.sensor, profile)
        assert shown and "_" not in shown and "band" not in shown, spec.name
        assert "_" not in words.sensor_label(spec.sensor, profile)


def test_a_band_is_named_by_its_frequencies() -> None:
    assert words.feature_words("vib_h_band7", "vib_h", PUMP) == "vibration, 1600–3200 Hz"
    assert words.feature_words("vib_h_band7", "vib_h", None) == "vibration in band 7"
    assert words.feature_words("vib_h_band99", "vib_h", PUMP) == "vibration in band 99"


def test_what_is_not_known_is_still_readable() -> None:
    assert words.feature_words("mixer_torque_ripple", "mixer", PUMP) == "torque ripple"
    assert words.sensor_label("mixer_arm", PUMP) == "mixer arm"
    assert words.sensor_label("vib_h", None) == "vib h"


@pytest.mark.parametrize(
    ("feature", "sensor", "deviation", "expected"),
    [
        ("vib_h_env_bpfo", "vib_h", 8.0, "Looks like bearing damage at the outer race"),
        ("vib_h_env_bpfo", "vib_h", -2.0, "Impacts, bearing outer race: less than usual"),
        ("vib_h_velocity_rms", "vib_h", 5.0, "Shakes more than usual: imbalance, misalignment or looseness"),
        ("temperature_level", "temperature", 4.0, "Temperature higher than usual"),
        ("pressure_level", "pressure", -4.0, "Pressure lower than usual"),
        ("pressure_spread", "pressure", 4.0, "Pressure more unsteady than usual"),
        ("current_slope", "current", -1.0, "Current falls faster than usual"),
        ("vib_h_band7", "vib_h", 3.0, "Vibration, 1600–3200 Hz: more than usual"),
        ("mixer_level", "mixer", 3.0, "Mixer higher than usual"),
    ],
)
def test_a_symptom_says_what_to_look_for(feature: str, sensor: str, deviation: float, expected: str) -> None:
    assert words.symptom_words(Contribution(feature, sensor, 0.5, deviation), PUMP) == expected


def test_an_alert_is_titled_by_what_contributes_most() -> None:
    kurtosis = Contribution("vib_h_kurtosis", "vib_h", 0.3, 6.0)
    inner_race = Contribution("vib_h_env_bpfi", "vib_h", 0.5, 8.0)
    assert words.alert_words((kurtosis, inner_race), PUMP) == "Looks like bearing damage at the inner race"
    assert words.alert_words((kurtosis,), PUMP) == words.symptom_words(kurtosis, PUMP)
    assert words.alert_words((), PUMP) == words.alert_words((), None) == "Behaves unlike itself"
