"""The comparison of alarms halts what is worse and keeps its promise about what is not."""

from __future__ import annotations

import random

from ota.evidence import Watched, evidence

FALSE_HALT = 0.05


def worst_evidence(rng: random.Random, ratio: float, n_updated: int = 20, n_others: int = 80) -> float:
    """The largest e-value that somebody who looks after every alarm ever sees, over a hundred days."""
    rate = 0.02
    lives = []
    for number in range(n_updated + n_others):
        is_updated = number < n_updated
        start = rng.uniform(0, 30) if is_updated else 0.0
        when = start + rng.expovariate(rate * (ratio if is_updated else 1.0))
        lives.append((start, when, is_updated))
    worst = 0.0
    for look in sorted(when for _, when, _ in lives if when <= 100):
        seen = [
            Watched(start, look, when if when <= look else None, is_updated)
            for start, when, is_updated in lives
            if start < look
        ]
        worst = max(worst, evidence(seen))
    return worst


def test_nothing_seen_says_nothing() -> None:
    assert evidence([]) == 1.0
    assert evidence([Watched(0, 10, None, is_updated=True)]) == 1.0


def test_without_anybody_to_compare_with_alarms_say_nothing() -> None:
    alone = [Watched(0, 100, 5.0 + n, is_updated=True) for n in range(20)]
    assert abs(evidence(alone) - 1.0) < 1e-9


def test_looking_all_the_time_halts_a_release_that_changes_nothing_no_oftener_than_promised() -> None:
    rng = random.Random(7)
    halts = sum(worst_evidence(rng, 1.0) >= 1 / FALSE_HALT for _ in range(300))
    assert halts <= 300 * FALSE_HALT


def test_a_release_that_makes_five_times_the_alarms_is_found() -> None:
    rng = random.Random(8)
    assert sum(worst_evidence(rng, 5.0) >= 1 / FALSE_HALT for _ in range(50)) >= 40


def test_fewer_alarms_are_no_evidence_against_it() -> None:
    rng = random.Random(9)
    assert all(worst_evidence(rng, 0.2) < 1 / FALSE_HALT for _ in range(20))


def test_many_alarms_at_one_moment_stay_a_number() -> None:
    crowd = [Watched(0, 10, 5.0, is_updated=True) for _ in range(3000)]
    crowd += [Watched(0, 10, None, is_updated=False) for _ in range(30_000)]
    assert evidence(crowd) > 1e100
