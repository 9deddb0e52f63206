"""What a window holds depends on samples and times alone."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import DataError
from contract.signals import QualityFlag, Reading, Samples
from contract.windows import Window, Windower
from tests.contract.machines import (
    START_S,
    checked,
    in_order,
    machine,
    reading,
    scalar,
    stream,
    waveform,
    windows_of,
)

MISSING = QualityFlag.MISSING


def ramp(count: int, first: int = 0) -> Samples:
    return np.arange(first, first + count, dtype=np.float32)


def bursts(count: int, every_s: float, samples: int = 2048, phase_s: float = 0.0) -> list[Reading]:
    rng = np.random.default_rng(0)
    return [reading("vib", phase_s + i * every_s, rng.normal(0, 1, samples)) for i in range(count)]


def assert_same(one: Window, two: Window) -> None:
    assert one.start_s == pytest.approx(two.start_s, abs=1e-5)
    assert one.end_s == pytest.approx(two.end_s, abs=1e-5)
    assert (one.counts, one.flags, one.gap_before) == (two.counts, two.flags, two.gap_before)
    for name in one.values:
        np.testing.assert_array_equal(one.values[name], two.values[name])
    for name in one.offsets_s:
        np.testing.assert_allclose(one.offsets_s[name], two.offsets_s[name], atol=1e-5)


def test_the_grid_puts_the_slowest_samples_in_the_middle() -> None:
    profile = machine(scalar(), waveform(), length_s=5.0, hop_s=5.0)
    readings = in_order(stream(profile.sensors[0], ramp(30), [1]), bursts(6, 5.0))
    windows = windows_of(profile, readings)
    assert [w.start_s - START_S for w in windows[:3]] == [-2.5, 2.5, 7.5]
    assert [w.values["vib"].size for w in windows] == [2048] * len(windows)
    assert windows[1].values["level"].tolist() == [3, 4, 5, 6, 7]
    assert windows[1].offsets_s["level"].tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert windows[1].counts == {"level": (5, 0, 0), "vib": (2048, 0, 0)}


def test_a_window_closes_with_the_last_sample_it_can_get() -> None:
    windower = Windower(machine(scalar()))
    closed_at = [i for i in range(20) if windower.add(checked("level", i, [i]))]
    # Windows end at 4.5, 9.5 …: the samples at 4, 9 … are the last ones in them.
    assert closed_at == [4, 9, 14, 19]


def test_a_burst_closes_its_window_at_once() -> None:
    windower = Windower(machine(waveform(), hop_s=10.0, length_s=10.0))
    assert [len(windower.add(checked("vib", 10.0 * i, np.ones(2048)))) for i in range(4)] == [1, 1, 1, 1]


def test_overlapping_windows_share_samples() -> None:
    windows = windows_of(machine(scalar(), length_s=10.0, hop_s=5.0), stream(scalar(), ramp(40), [1]))
    assert [w.values["level"][0] for w in windows] == [5 * i for i in range(len(windows))]
    assert {w.values["level"].size for w in windows} == {10}
    assert len(windows) == 7


def test_a_sample_on_a_border_belongs_to_the_window_that_starts_there() -> None:
    fast = scalar("fast", rate_hz=10.0)
    readings = in_order(stream(scalar(), ramp(20), [1]), stream(fast, ramp(200), [7]))
    windows = windows_of(machine(scalar(), fast), readings)
    # Borders lie at 4.5, 9.5 …; the first window starts before the first sample.
    assert [w.values["fast"][0] for w in windows] == [0, 45, 95, 145]
    assert windows[1].offsets_s["fast"][0] == pytest.approx(0, abs=1e-6)


def test_a_long_reading_is_split() -> None:
    windows = windows_of(machine(scalar()), [reading("level", 0, ramp(1000))])
    assert len(windows) == 200
    np.testing.assert_array_equal(np.concatenate([w.values["level"] for w in windows]), ramp(1000))


def test_a_dead_sensor_is_missing_and_holds_windows_back_by_one_hop_only() -> None:
    profile = machine(scalar("alive"), scalar("dead"))
    windower = Windower(profile)
    windows = [(i, w) for i in range(30) for w in windower.add(checked("alive", i, [i]))]
    assert [i - (w.end_s - START_S) for i, w in windows] == [5.5] * len(windows)
    assert all(w.flags == {"alive": QualityFlag.NONE, "dead": MISSING} for _, w in windows)
    assert all(w.values["dead"].size == 0 for _, w in windows)


def test_fewer_than_half_of_the_samples_is_missing() -> None:
    profile = machine(scalar("steady"), scalar("poor"))
    poor = [reading("poor", i, [i]) for i in (0, 5, 6, 10, 11, 12)]
    windows = windows_of(profile, in_order(stream(scalar("steady"), ramp(30), [1]), poor))
    assert [MISSING in w.flags["poor"] for w in windows[:4]] == [True, True, False, True]


def test_bad_samples_are_left_out_and_counted() -> None:
    stuck, gap = QualityFlag.STUCK, QualityFlag.GAP
    windower = Windower(machine(scalar()))
    (window,) = windower.add(checked("level", 0, [0, 1, 2, 3, 4], [gap, 0, stuck, 0, 0]))
    assert window.values["level"].tolist() == [0, 1, 3, 4]
    assert window.offsets_s["level"].tolist() == [0.5, 1.5, 3.5, 4.5]
    assert window.counts["level"] == (3, 1, 1)
    assert window.flags["level"] == stuck | gap


def test_flags_belong_to_the_window_of_their_sample() -> None:
    flags = [0] * 10
    flags[7] = int(QualityFlag.OUT_OF_RANGE)
    windows = Windower(machine(scalar())).add(checked("level", 0, ramp(10), flags))
    assert [w.flags["level"] for w in windows] == [QualityFlag.NONE, QualityFlag.OUT_OF_RANGE]


def test_a_burst_with_a_bad_sample_gives_its_longest_whole_run() -> None:
    flags = [0] * 2048
    flags[500] = int(QualityFlag.NOT_A_NUMBER)
    (window,) = Windower(machine(waveform())).add(checked("vib", 0, ramp(2048), flags))
    np.testing.assert_array_equal(window.values["vib"], ramp(1547, 501))
    assert window.counts["vib"] == (2047, 0, 1)


def test_a_burst_torn_to_pieces_gives_nothing() -> None:
    flags = np.zeros(2048, int)
    flags[::100] = int(QualityFlag.NOT_A_NUMBER)
    (window,) = Windower(machine(waveform())).add(checked("vib", 0, ramp(2048), flags.tolist()))
    assert window.values["vib"].size == 0
    assert window.counts["vib"] == (2027, 0, 21)


def test_a_truncated_burst_counts_from_half_its_length() -> None:
    for samples, is_usable in ((2047, True), (1024, True), (1023, False)):
        (window,) = Windower(machine(waveform())).add(checked("vib", 0, ramp(samples)))
        assert (window.values["vib"].size == samples) is is_usable
        assert (MISSING in window.flags["vib"]) is not is_usable


def test_the_newest_of_several_bursts_is_used() -> None:
    profile = machine(waveform("vib", 10_000.0, 1000), length_s=1.0, hop_s=1.0)
    (window,) = Windower(profile).add(checked("vib", 0, ramp(3000)))
    np.testing.assert_array_equal(window.values["vib"], ramp(1000, 2000))
    assert window.counts["vib"] == (3000, 0, 0)


def test_every_second_burst_leaves_empty_windows_between() -> None:
    windows = windows_of(machine(waveform(), hop_s=10.0, length_s=10.0), bursts(5, 20.0))
    assert [w.values["vib"].size for w in windows] == [2048, 0] * 4 + [2048]
    assert [w.flags["vib"] for w in windows[:2]] == [QualityFlag.NONE, MISSING]
    assert not any(w.gap_before for w in windows)


def test_silence_is_skipped_and_said() -> None:
    spec = scalar()
    readings = stream(spec, ramp(20), [1]) + stream(spec, ramp(20, 100), [1], start_s=1_000_003.0)
    windows = windows_of(machine(spec), readings)
    after = [w for w in windows if w.gap_before]
    assert len(after) == 1
    assert after[0].start_s - START_S == 999_999.5, "the grid goes on"
    assert after[0].values["level"].tolist() == [100, 101]
    assert len(windows) == 8
    assert sum(w.values["level"].size for w in windows) == 20 + 17, "the last window is still open"


def test_a_short_silence_is_not_skipped() -> None:
    spec = scalar()
    readings = stream(spec, ramp(20), [1]) + stream(spec, ramp(20), [1], start_s=33.0)
    windows = windows_of(machine(spec), readings)
    assert [w.values["level"].size for w in windows] == [5] * 4 + [0, 0, 2] + [5] * 3
    assert [w.flags["level"] for w in windows[4:6]] == [MISSING] * 2
    assert not any(w.gap_before for w in windows)


def test_a_silence_of_one_sensor_is_no_gap() -> None:
    profile = machine(scalar("a"), scalar("b"))
    b = stream(scalar("b"), ramp(10), [1]) + stream(scalar("b"), ramp(10), [1], start_s=80.0)
    windows = windows_of(profile, in_order(stream(scalar("a"), ramp(100), [1]), b))
    assert not any(w.gap_before for w in windows)
    assert [w.values["a"].size for w in windows] == [5] * len(windows)


def test_what_comes_too_late_is_ignored() -> None:
    windower = Windower(machine(scalar("a"), scalar("b")))
    for i in range(40):
        windower.add(checked("a", i, [i]))
    assert windower.add(checked("b", 3.0, ramp(5))) == []
    windows = windower.add(checked("a", 40.0, ramp(10)))
    assert all(w.values["b"].size == 0 for w in windows)


def test_of_a_reading_that_is_partly_too_late_the_rest_counts() -> None:
    profile = machine(scalar("a"), scalar("b"))
    windower = Windower(profile)
    windower.add(checked("a", 0, ramp(5)))
    (first,) = windower.add(checked("b", 0, ramp(5)))
    assert windower.add(checked("a", 5, ramp(5, 5))) == []
    (second,) = windower.add(checked("b", 3, ramp(7, 3)))
    assert first.values["b"].tolist() == [0, 1, 2, 3, 4]
    assert second.values["b"].tolist() == [5, 6, 7, 8, 9]
    assert second.offsets_s["b"].tolist() == second.offsets_s["a"].tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]


def test_a_window_does_not_change_with_what_comes_later() -> None:
    windower = Windower(machine(scalar("a", rate_hz=10.0)))
    (kept,) = windower.add(checked("a", 0, ramp(50)))
    for turn in range(1, 40):
        windower.add(checked("a", 5 * turn, np.full(50, -1.0)))
    np.testing.assert_array_equal(kept.values["a"], ramp(50))
    np.testing.assert_allclose(kept.offsets_s["a"], 0.05 + np.arange(50) / 10.0, atol=1e-6)


def test_doubt_is_over_with_the_samples_that_were_doubted() -> None:
    clean, dirty = [0] * 5, [0, 0, int(QualityFlag.OUT_OF_RANGE), 0, 0]
    windower = Windower(machine(scalar("a"), length_s=10.0, hop_s=5.0))
    flags = [
        window.flags["a"]
        for turn, marks in enumerate([clean, clean, dirty, clean, clean, clean])
        for window in windower.add(checked("a", 5 * turn, ramp(5), marks))
    ]
    out, none = QualityFlag.OUT_OF_RANGE, QualityFlag.NONE
    assert flags == [none, out, out, none, none]


def test_a_sensor_of_another_machine_is_an_error() -> None:
    with pytest.raises(DataError, match="other"):
        Windower(machine(scalar())).add(checked("other", 0, [1]))


rows = st.integers(1, 120)
cuts = st.lists(st.integers(1, 40), min_size=1, max_size=4)
rates = st.sampled_from([0.5, 1.0, 2.0, 10.0, 128.0])
phases = st.floats(0, 4.9)
grids = st.sampled_from([(5.0, 5.0), (10.0, 5.0), (10.0, 10.0), (6.0, 4.0), (2.0, 2.0)])


@given(st.lists(cuts, min_size=4, max_size=4), grids, rates, phases, st.sampled_from([60.0, 75.0, 1000.0]))
def test_windows_do_not_depend_on_how_samples_are_cut(
    pieces: list[list[int]], grid: tuple[float, float], rate_hz: float, phase_s: float, late_s: float
) -> None:
    a, b = scalar("a", rate_hz=1.0), scalar("b", rate_hz=rate_hz)
    profile = machine(a, b, length_s=grid[0], hop_s=grid[1])

    def run(cut_a: list[int], cut_b: list[int]) -> list[Window]:
        parts = [stream(a, ramp(60), cut_a), stream(a, ramp(60), cut_a, late_s)]
        size = int(60 * rate_hz)
        parts += [
            stream(b, ramp(size), cut_b, phase_s),
            stream(b, ramp(size), cut_b, late_s + phase_s),
        ]
        return windows_of(profile, in_order(*parts))

    one, two = run(pieces[0], pieces[1]), run(pieces[2], pieces[3])
    # Only when the very last windows close depends on the cutting: one sensor ends a little before the other.
    assert min(len(one), len(two)) * grid[1] > 90
    assert abs(len(one) - len(two)) * grid[1] < 10
    for first, second in zip(one, two, strict=False):
        assert_same(first, second)


@given(rows, cuts, rates, phases)
def test_no_sample_is_lost_or_doubled(count: int, pieces: list[int], rate_hz: float, phase_s: float) -> None:
    spec = scalar("a", rate_hz=rate_hz)
    profile = machine(scalar("clock"), spec)
    samples = stream(spec, ramp(count), pieces, phase_s)
    clock = stream(scalar("clock"), ramp(300), [1])
    windows = windows_of(profile, in_order(clock, samples))
    # A sensor that falls silent does not hold the others up; all its samples are in.
    expected = ramp(count)[: sum(w.values["a"].size for w in windows)]
    np.testing.assert_array_equal(np.concatenate([w.values["a"] for w in windows]), expected)
    span_s = phase_s + count / rate_hz
    assert expected.size == count or span_s > 280


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0.1, 60), st.integers(1, 30)), max_size=60))
def test_windows_come_in_order_and_on_one_grid(steps: list[tuple[str, float, int]]) -> None:
    profile = machine(scalar("a"), scalar("b", rate_hz=3.0), length_s=10.0, hop_s=5.0)
    at_s, readings = 0.0, []
    for name, step_s, count in steps:
        at_s += step_s
        readings.append(reading(name, at_s, ramp(count)))
    starts = np.array([w.start_s for w in windows_of(profile, readings)])
    assert np.all(np.diff(starts) > 0)
    hops = (starts - starts[0]) / 5.0 if starts.size else starts
    np.testing.assert_allclose(hops, np.round(hops), atol=1e-6)


@pytest.mark.parametrize("is_dead", [True, False])
def test_memory_does_not_grow(is_dead: bool) -> None:
    windower = Windower(machine(scalar("a"), scalar("b"), waveform(samples=64)))

    def run(first: int, count: int) -> None:
        for i in range(first, first + count):
            windower.add(checked("a", i, [i]))
            if not is_dead:
                windower.add(checked("b", i, [i]))
                windower.add(checked("vib", i, np.ones(64)))

    run(0, 300)
    tracemalloc.start()
    run(300, 100)
    before = tracemalloc.get_traced_memory()[0]
    run(400, 2000)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 20_000
