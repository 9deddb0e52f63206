"""Nobody works on two machines at once."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.year.settings import CrewSpec, StopSpec
from simulators.year.workshop import Booking, Crew, Stops, Window

SPEC = CrewSpec(2, start_h=6.0, hours=8.0, call_out_h=2.0, overtime_factor=1.5, desk_h=7.0)
wishes = st.lists(
    st.tuples(st.floats(-200, 400), st.floats(0.5, 8), st.booleans(), st.booleans()), min_size=1, max_size=40
)


@given(wishes)
def test_no_technician_is_in_two_places(asked: list[tuple[float, float, bool, bool]]) -> None:
    crew = Crew(SPEC)
    held: list[Booking] = []
    for machine, (earliest_h, hours, is_urgent, gives_back) in enumerate(asked):
        windows = crew.any_time(earliest_h) if is_urgent else crew.shifts(earliest_h)
        booking = crew.book(machine, windows, hours)
        assert booking is not None and booking.start_h >= earliest_h
        assert booking.hours == pytest.approx(hours)
        if not is_urgent:
            assert crew.is_working(booking.start_h)
            assert crew.is_working(booking.end_h - 1e-6)
        if gives_back:
            crew.cancel(booking)
        else:
            held.append(booking)
    for technician in range(SPEC.technicians):
        own = sorted((b.start_h, b.end_h) for b in held if b.technician == technician)
        assert all(first[1] <= second[0] + 1e-9 for first, second in pairwise(own))


def test_a_window_without_room_is_left_for_the_next() -> None:
    crew = Crew(SPEC)
    windows = [Window(0.0, 4.0), Window(10.0, 20.0)]
    found = [crew.book(machine, windows, 3.0) for machine in range(5)]
    starts = [booking.start_h for booking in found if booking is not None]
    assert starts == [0.0, 0.0, 10.0, 10.0, 13.0]
    assert crew.book(9, windows[:1], 3.0) is None


def test_lines_take_turns() -> None:
    stops = Stops(StopSpec(every_days=28, hours=12.0, horizon_days=21), lines=2)
    first, second = (next(stops.of(line, 0.0)) for line in (0, 1))
    assert second.start_h - first.start_h == 14 * 24
    assert (first.start_h // 24) % 7 == 5, "a Saturday"
    assert next(stops.of(0, first.start_h + 1)).start_h == first.start_h + 28 * 24
    assert next(stops.of(0, -5000.0)).start_h >= -5000.0
