"""Every simulated profile has a kind of machine; a profile of one's own gets its own bearing and speed."""

from dataclasses import replace

from contract.profiles import BearingGeometry, load_profile
from simulators.kinds import BEARING_RIG, KINDS, PUMP, machine_kind


def test_the_profiles_bearing_and_speed_are_put_in() -> None:
    profile = load_profile("bearing-rig")
    kind = machine_kind(profile)
    assert kind.vibration.bearing == profile.bearing
    assert kind.vibration.nominal_hz == 30.0
    assert kind.slow.speed_rpm == 1800.0
    assert kind.vibration.modes == BEARING_RIG.vibration.modes


def test_an_unknown_profile_is_a_general_rotating_machine_at_its_own_speed() -> None:
    bearing = BearingGeometry(balls=12, ball_diameter_mm=5, pitch_diameter_mm=40, nominal_speed_rpm=600)
    kind = machine_kind(replace(load_profile("pump"), name="my-fan", bearing=bearing))
    assert kind.vibration.nominal_hz == 10.0
    assert kind.vibration.bearing == bearing
    assert kind.vibration.modes == PUMP.vibration.modes


def test_a_profile_without_bearing_has_none() -> None:
    assert machine_kind(load_profile("pump-loop")).vibration.bearing is None


def test_speeds_agree_and_modes_fit_under_half_the_sample_rate() -> None:
    for name, kind in KINDS.items():
        profile = load_profile(name)
        assert abs(kind.slow.speed_rpm - 60 * kind.vibration.nominal_hz) < 1
        for sensor in profile.waveforms:
            assert all(m.frequency_hz < sensor.rate_hz / 2 for axis in kind.vibration.modes for m in axis)
