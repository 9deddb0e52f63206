"""The geometry of small pictures."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.web import plots
from contract.messages import Spectrum
from contract.profiles import load_profile

START = datetime(2026, 3, 1, tzinfo=UTC)
BEARING = load_profile("pump").bearing


def spectrum(*amplitude: float, start_hz: float = 0.0, step_hz: float = 100.0) -> Spectrum:
    return Spectrum("vib_h", start_hz, step_hz, "m/s2", amplitude)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=80), st.integers(1, 3600))
def test_a_sparkline_stays_in_its_box_and_draws_every_point(values: list[float], step_s: int) -> None:
    points = [(START + timedelta(seconds=i * step_s), v) for i, v in enumerate(values)]
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", plots.sparkline(points))]
    assert len(numbers) == 2 * len(values)
    assert all(0 <= x <= plots.SPARK_WIDTH for x in numbers[::2])
    assert all(0 <= y <= plots.SPARK_HEIGHT for y in numbers[1::2])
    assert numbers[::2] == sorted(numbers[::2])


def test_a_hole_in_the_data_is_a_hole_in_the_line() -> None:
    seconds = [0, 10, 20, 200, 210]
    path = plots.sparkline([(START + timedelta(seconds=s), 0.5) for s in seconds])
    assert path.count("M") == 2 and path.count("L") == 3


def test_less_than_two_points_are_no_line() -> None:
    assert plots.sparkline([]) == plots.sparkline([(START, 0.5)]) == ""


def test_higher_scores_stand_higher() -> None:
    assert plots.spark_y(0.9) < plots.spark_y(0.5) < plots.spark_y(0.0)
    assert plots.spark_y(7.0) == plots.spark_y(1.0)


def test_bars_have_the_heights_of_the_bands() -> None:
    heights = [-float(h) for h in re.findall(r"v(-?[\d.]+)", plots.spectrum_bars(spectrum(1.0, 2.0, 0.0)))]
    assert heights[1] == pytest.approx(2 * heights[0]) and heights[2] == 0
    assert heights[1] <= plots.SPECTRUM_HEIGHT
    assert "nan" not in plots.spectrum_bars(spectrum(0.0, 0.0))


@given(st.floats(0, 5000), st.floats(0.5, 1000), st.integers(1, 64))
def test_ticks_are_few_round_and_in_the_picture(start_hz: float, step_hz: float, bands: int) -> None:
    ticks = plots.spectrum_ticks(spectrum(*([1.0] * bands), start_hz=start_hz, step_hz=step_hz))
    assert 1 <= len(ticks) <= 8
    assert all(-1e-6 <= x <= plots.SPECTRUM_WIDTH + 1e-6 for x, _ in ticks)
    assert len({label for _, label in ticks}) == len(ticks)


def test_tick_labels_change_their_unit_at_one_kilohertz() -> None:
    labels = [label for _, label in plots.spectrum_ticks(spectrum(*([1.0] * 64)))]
    assert labels == ["0 Hz", "2 kHz", "4 kHz", "6 kHz"]


def test_defect_frequencies_are_the_bearing_s_orders_times_the_shaft() -> None:
    assert BEARING is not None
    lines = {line.defect: line for line in plots.defect_lines(spectrum(*([1.0] * 64)), BEARING, 25.0)}
    ratio = 7.94 / 38.5
    assert lines["bpfo"].frequency_hz == pytest.approx(9 / 2 * (1 - ratio) * 25)
    assert lines["bpfi"].frequency_hz == pytest.approx(9 / 2 * (1 + ratio) * 25)


def test_a_line_is_drawn_only_where_the_bands_can_tell() -> None:
    assert BEARING is not None
    coarse = plots.defect_lines(spectrum(*([1.0] * 64), step_hz=100.0), BEARING, 25.0)
    assert not any(line.is_resolved for line in coarse)
    fine = {d.defect: d for d in plots.defect_lines(spectrum(*([1.0] * 64), step_hz=5.0), BEARING, 25.0)}
    assert fine["bpfo"].is_resolved and fine["bpfi"].is_resolved
    assert math.isclose(fine["bpfo"].x, fine["bpfo"].frequency_hz / 320 * plots.SPECTRUM_WIDTH)
    beyond = plots.defect_lines(spectrum(*([1.0] * 8), step_hz=5.0), BEARING, 25.0)
    assert not any(line.is_resolved for line in beyond if line.frequency_hz > 40)
