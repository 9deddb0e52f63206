"""Every doubtful sample is marked, with its reason, and no other."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import DataError
from contract.profiles import MachineProfile
from contract.quality import CheckedReading, QualityCheck
from contract.signals import Quality, QualityFlag, Reading, Samples
from tests.contract.machines import START_S, in_order, machine, reading, scalar, stream, waveform

GOOD, UNCERTAIN, BAD = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD
NAN, INF = math.nan, math.inf


def check(profile: MachineProfile, *readings: Reading) -> list[CheckedReading]:
    quality = QualityCheck(profile)
    return [c for r in readings if (c := quality.check(r)) is not None]


def noise(count: int, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, 1, count).astype(np.float32)


def test_good_samples_are_good_and_untouched() -> None:
    values = noise(10)
    (only,) = check(machine(scalar()), reading("level", 0, values))
    assert only.quality.tolist() == [GOOD] * 10
    assert only.flags == QualityFlag.NONE
    assert only.event_time_s == START_S
    np.testing.assert_array_equal(only.values, values)


def test_no_number_and_out_of_range_are_bad() -> None:
    (only,) = check(
        machine(scalar(limits=(0, 10))), reading("level", 0, [1, NAN, INF, -INF, 11, -0.1, 10, 0])
    )
    assert only.quality.tolist() == [GOOD, BAD, BAD, BAD, BAD, BAD, GOOD, GOOD]
    nan, high = QualityFlag.NOT_A_NUMBER, QualityFlag.OUT_OF_RANGE
    assert only.sample_flags.tolist() == [0, nan, nan, nan, high, high, 0, 0]
    assert only.flags == nan | high
    assert math.isnan(only.values[1]), "a bad value is reported, not replaced"


def test_infinity_is_no_number_even_where_the_range_is_open() -> None:
    (only,) = check(machine(scalar()), reading("level", 0, [INF]))
    assert only.flags == QualityFlag.NOT_A_NUMBER


def test_a_limit_that_32_bits_cannot_hold_is_compared_in_32_bits() -> None:
    (only,) = check(machine(scalar(limits=(0.1, 50.1))), reading("level", 0, [50.1, 0.1]))
    assert only.flags == QualityFlag.NONE


@pytest.mark.parametrize("pieces", [[1], [3], [100], [1, 7]])
def test_stuck_counts_across_readings(pieces: list[int]) -> None:
    spec = scalar(stuck_after_s=5.0)
    values = np.array([1, 2] + [3] * 10 + [4, 4], np.float32)
    flags = np.concatenate([c.sample_flags for c in check(machine(spec), *stream(spec, values, pieces))])
    # The first 3 stands at second 2; it is believed up to second 7.
    assert flags.tolist() == [0] * 8 + [QualityFlag.STUCK] * 4 + [0, 0]


def test_a_number_that_was_held_long_is_stuck_with_the_next_reading() -> None:
    spec = scalar(stuck_after_s=5.0)
    held = check(machine(spec), reading("level", 0, [1, 2, 2, 2]), reading("level", 4, [2, 2, 2, 2, 3]))
    # The first 2 stands at second 1; it is believed up to second 6.
    assert [c.sample_flags.tolist() for c in held] == [[0] * 4, [0, 0, 0, QualityFlag.STUCK, 0]]


def test_what_is_held_is_remembered_past_a_sample_out_of_range() -> None:
    spec = scalar(stuck_after_s=2.0, limits=(0, 10))
    rows = [[5, 5], [99], [5, 5, 5, 5]]
    readings = [reading("level", at_s, row) for at_s, row in zip([0, 2, 3], rows, strict=True)]
    flags = [c.sample_flags.tolist() for c in check(machine(spec), *readings)]
    assert flags == [[0, 0], [QualityFlag.OUT_OF_RANGE], [0, 0, 0, QualityFlag.STUCK]]


@pytest.mark.parametrize("stuck_after_s", [4.0, INF])
@pytest.mark.parametrize("row", [[INF, -INF], [1.0, NAN, 2.0], [3.4e38] * 8])
def test_extremes_that_cancel_or_add_up_are_judged_one_by_one(row: list[float], stuck_after_s: float) -> None:
    (only,) = check(machine(scalar(stuck_after_s=stuck_after_s)), reading("level", 0, row))
    is_number = np.isfinite(row)
    is_late = (np.arange(len(row)) > stuck_after_s) & is_number
    expected = np.where(is_number, 0, int(QualityFlag.NOT_A_NUMBER)) + is_late * int(QualityFlag.STUCK)
    assert only.sample_flags.tolist() == expected.tolist()


def test_stuck_forgets_over_a_gap() -> None:
    spec = scalar(stuck_after_s=5.0)
    again = check(machine(spec), reading("level", 0, [1, 1, 1]), reading("level", 100, [1, 1]))[1]
    assert again.sample_flags.tolist() == [QualityFlag.GAP, 0]


def test_a_flat_burst_is_stuck() -> None:
    (only,) = check(machine(waveform()), reading("vib", 0, np.full(2048, 0.25)))
    assert set(only.quality.tolist()) == {BAD}
    assert only.flags == QualityFlag.STUCK


def test_a_burst_of_nothing_but_nan_is_bad() -> None:
    (only,) = check(machine(waveform()), reading("vib", 0, np.full(2048, NAN)))
    assert only.flags == QualityFlag.NOT_A_NUMBER


@pytest.mark.parametrize("sign", [1, -1])
def test_a_saturated_burst_is_clipped_where_it_saturates(sign: int) -> None:
    burst = np.clip(noise(2048) * 4, -9.8, 9.8) * sign
    (only,) = check(machine(waveform(limit=10.0)), reading("vib", 0, burst))
    assert only.flags == QualityFlag.CLIPPED
    is_clipped = np.abs(burst.astype(np.float32)) == np.float32(9.8)
    np.testing.assert_array_equal(only.quality == UNCERTAIN, is_clipped)
    assert set(only.quality[~is_clipped].tolist()) == {GOOD}


def test_one_sample_on_the_limit_is_clipped() -> None:
    burst = noise(2048)
    burst[100] = 10.0
    (only,) = check(machine(waveform(limit=10.0)), reading("vib", 0, burst))
    assert np.flatnonzero(only.quality).tolist() == [100]


def test_two_samples_near_the_limit_may_be_true() -> None:
    burst = noise(2048)
    burst[[100, 200]] = 9.9
    (only,) = check(machine(waveform(limit=10.0)), reading("vib", 0, burst))
    assert only.flags == QualityFlag.NONE


def test_a_coarse_converter_far_from_its_limits_is_not_clipped() -> None:
    burst = np.clip(np.round(noise(2048)), -2, 2)
    (only,) = check(machine(waveform(limit=10.0)), reading("vib", 0, burst))
    assert only.flags == QualityFlag.NONE


def test_a_gap_marks_the_first_sample_after_it() -> None:
    one, two, three = check(
        machine(scalar()),
        reading("level", 0, [1, 2]),
        reading("level", 2.4, [3]),
        reading("level", 4, [4, 5]),
    )
    assert two.flags == QualityFlag.NONE, "1.4 periods are jitter"
    assert three.sample_flags.tolist() == [QualityFlag.GAP, 0]
    assert three.quality.tolist() == [UNCERTAIN, GOOD]
    assert one.flags == QualityFlag.NONE, "nothing can be missing before the first"


def test_every_second_burst_is_no_gap_but_every_third_is() -> None:
    profile = machine(waveform(), hop_s=10.0, length_s=10.0)
    every_second = check(profile, *(reading("vib", 20.0 * i, noise(2048, i)) for i in range(3)))
    assert [c.flags for c in every_second] == [QualityFlag.NONE] * 3
    every_third = check(profile, *(reading("vib", 30.0 * i, noise(2048, i)) for i in range(3)))
    assert [c.flags for c in every_third] == [QualityFlag.NONE, QualityFlag.GAP, QualityFlag.GAP]


def test_a_second_delivery_disappears() -> None:
    first = reading("level", 0, [1, 2, 3])
    kept = check(machine(scalar()), first, first, reading("level", 1, [2, 3]), reading("level", 3, [4]))
    assert [c.values.tolist() for c in kept] == [[1, 2, 3], [4]]


def test_an_overlap_is_cut_off_and_marked() -> None:
    _, second = check(machine(scalar()), reading("level", 0, [1, 2, 3]), reading("level", 1, [2, 3, 4, 5]))
    assert second.values.tolist() == [4, 5]
    assert second.event_time_s == START_S + 3
    assert second.sample_flags.tolist() == [QualityFlag.DUPLICATE, 0]


def test_a_burst_stamped_hours_ago_keeps_its_place() -> None:
    # A recorded glitch of the PRONOSTIA rig: one stamp 21,233 s in the past, the order goes on.
    profile = machine(waveform(), hop_s=10.0, length_s=10.0)
    readings = [reading("vib", 10.0 * i, noise(2048, i)) for i in range(6)]
    glitch = readings[3]
    readings[3] = Reading("vib", glitch.event_time_s - 21_233, glitch.monotonic_s, glitch.values)
    kept = check(profile, *readings)
    assert [c.event_time_s - START_S for c in kept] == [0, 10, 20, 30, 40, 50]
    jump = QualityFlag.CLOCK_JUMP
    assert [c.flags for c in kept] == [0, 0, 0, jump, jump, 0]
    assert [int(np.count_nonzero(c.quality)) for c in kept] == [0, 0, 0, 1, 1, 0]


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 2.1, -2.1])
def test_a_jump_of_the_wall_clock_is_flagged_once_and_ignored(step_s: float) -> None:
    readings = [reading("level", i + (step_s if i >= 5 else 0), [i], monotonic_s=i) for i in range(10)]
    kept = check(machine(scalar()), *readings)
    assert [c.event_time_s - START_S for c in kept] == list(range(10))
    assert [c.flags for c in kept] == [0] * 5 + [QualityFlag.CLOCK_JUMP] + [0] * 4


def test_each_sensor_flags_a_jump_of_the_shared_clock() -> None:
    profile = machine(scalar("a"), scalar("b"))
    readings = [
        reading(name, i + (60 if i >= 3 else 0), [i], monotonic_s=i) for i in range(6) for name in ("a", "b")
    ]
    kept = check(profile, *readings)
    assert [c.sensor for c in kept if c.flags == QualityFlag.CLOCK_JUMP] == ["a", "b"]
    assert {c.event_time_s - START_S for c in kept if c.sensor == "b"} == set(range(6))


def test_drift_is_followed_slowly() -> None:
    drifting = [reading("level", i * 1.0001, [i], monotonic_s=i) for i in range(5000)]
    kept = check(machine(scalar()), *drifting)
    assert all(c.flags == QualityFlag.NONE for c in kept)
    assert abs(kept[-1].event_time_s - drifting[-1].event_time_s) < 0.01


def test_a_late_correction_under_the_tolerance_is_slewed_not_jumped() -> None:
    readings = [reading("level", i + (1.5 if i >= 10 else 0), [i], monotonic_s=i) for i in range(1000)]
    times = np.array([c.event_time_s for c in check(machine(scalar()), *readings)])
    steps = np.diff(times)
    assert steps.min() > 0.99 and steps.max() < 1.01
    assert abs(times[-1] - readings[-1].event_time_s) < 1e-3


def test_a_monotonic_clock_that_stands_still_is_survived() -> None:
    kept = check(machine(scalar()), *(reading("level", i, [i], monotonic_s=0) for i in range(5)))
    assert [c.event_time_s - START_S for c in kept] == [0, 1, 2, 3, 4]
    assert [c.flags for c in kept] == [QualityFlag.NONE] + [QualityFlag.CLOCK_JUMP] * 4


def test_a_monotonic_clock_that_begins_anew_is_survived() -> None:
    readings = [reading("level", i, [i], monotonic_s=i if i < 5 else i - 90) for i in range(10)]
    kept = check(machine(scalar()), *readings)
    assert [c.event_time_s - START_S for c in kept] == list(range(10))
    assert kept[5].flags == QualityFlag.CLOCK_JUMP
    assert all(c.flags == QualityFlag.NONE for c in kept[6:])


def test_an_empty_reading_is_nothing() -> None:
    assert check(machine(scalar()), reading("level", 0, [])) == []


@pytest.mark.parametrize(
    "wrong",
    [
        reading("other", 0, [1]),
        Reading("level", math.nan, 0.0, np.ones(1, np.float32)),
        Reading("level", 0.0, math.inf, np.ones(1, np.float32)),
        Reading("level", 0.0, 0.0, np.ones((2, 2), np.float32)),
    ],
)
def test_what_is_no_reading_of_this_machine_is_an_error(wrong: Reading) -> None:
    with pytest.raises(DataError):
        QualityCheck(machine(scalar())).check(wrong)


@given(
    st.lists(st.sampled_from([0.0, 1.0, 1.0, 1.0, 99.0, NAN]), min_size=1, max_size=60),
    st.lists(st.integers(1, 12), min_size=1, max_size=4),
)
def test_verdicts_do_not_depend_on_how_samples_are_cut(values: list[float], pieces: list[int]) -> None:
    spec = scalar(stuck_after_s=4.0, limits=(-10, 10))
    row = np.array(values, np.float32)
    whole = check(machine(spec), *stream(spec, row, [row.size]))
    parts = check(machine(spec), *stream(spec, row, pieces))
    np.testing.assert_array_equal(whole[0].sample_flags, np.concatenate([c.sample_flags for c in parts]))
    np.testing.assert_array_equal(whole[0].quality, np.concatenate([c.quality for c in parts]))


clocks = st.tuples(st.floats(-50, 50), st.floats(-5, 50))


@given(st.lists(st.tuples(st.sampled_from("ab"), clocks, st.integers(1, 5)), max_size=40))
def test_times_rise_per_sensor_whatever_the_clocks_do(
    steps: list[tuple[str, tuple[float, float], int]],
) -> None:
    quality = QualityCheck(machine(scalar("a"), scalar("b", rate_hz=2.0)))
    wall_s = monotonic_s = 0.0
    newest = {"a": -INF, "b": -INF}
    for name, (wall_step_s, monotonic_step_s), count in steps:
        wall_s, monotonic_s = wall_s + wall_step_s, monotonic_s + monotonic_step_s
        kept = quality.check(reading(name, wall_s, noise(count), monotonic_s))
        if kept is None:
            continue
        assert kept.values.size == kept.quality.size == kept.sample_flags.size > 0
        assert kept.event_time_s > newest[name]
        newest[name] = kept.event_time_s + (kept.values.size - 1) * (1.0 if name == "a" else 0.5)


def test_memory_does_not_grow() -> None:
    quality = QualityCheck(machine(scalar(stuck_after_s=10)))

    def run(first: int, count: int) -> None:
        for i in range(first, first + count):
            quality.check(reading("level", i, [i % 3]))

    run(0, 2000)
    tracemalloc.start()
    run(2000, 100)
    before = tracemalloc.get_traced_memory()[0]
    run(2100, 5000)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 10_000


def test_two_devices_do_not_know_each_other() -> None:
    profile = machine(scalar())
    one, two = QualityCheck(profile), QualityCheck(profile)
    first = reading("level", 0, [1])
    assert one.check(first) is not None
    assert two.check(first) is not None
    assert in_order([first]) == [first]
