"""Who is in a fleet."""

from __future__ import annotations

from simulators.ota.cast import DAY_S, Clock, Hardships, cast


def test_the_same_seed_gives_the_same_fleet_and_another_another() -> None:
    assert cast(50, 3, 5.0) == cast(50, 3, 5.0) != cast(50, 4, 5.0)


def test_shares_are_kept() -> None:
    parts = cast(1000, 1, 8.0)
    assert len({part.device for part in parts}) == 1000
    assert sum(bool(part.away) for part in parts) == 100
    assert sum(part.gone_at_s is not None for part in parts) == 10
    assert sum(part.lies for part in parts) == 1
    assert 50 < sum(part.clock is Clock.NONE for part in parts) < 150
    assert 2000 < sum(len(part.cuts) for part in parts) < 6000
    assert all(part.loss == Hardships().loss for part in parts)


def test_who_is_away_is_back_in_time() -> None:
    for part in cast(200, 2, 8.0):
        assert all(start < end < 6 * DAY_S for start, end in part.away)
        assert all(part.is_away((start + end) / 2) for start, end in part.away)
        assert not part.is_away(7 * DAY_S)
