"""What bare stages allow together: the machine's cores, or the busiest single thread."""

from __future__ import annotations

import pytest

from industrialguard.bench.ingest.ceilings import Ceiling, Ceilings

SHOWN = (
    Ceiling("pass", 400.0, {"generator": 0.4, "broker": 0.1, "ingest": 0.2}),
    Ceiling("produce", 300.0, {"ingest": 0.1, "Kafka": 0.2}),
    Ceiling("another way", 10.0, {"ingest": 5.0}, is_counted=False),
)


def ceilings(cores: int, servers: frozenset[str] = frozenset({"broker", "Kafka"})) -> Ceilings:
    return Ceilings(SHOWN, cores, servers)


def test_all_at_once_are_bounded_by_the_cores() -> None:
    together = ceilings(cores=1).together({}, {})
    assert together is not None
    assert together.cpu_s_per_1000 == pytest.approx(1.0)
    assert together.messages_per_s == pytest.approx(1000.0)


@pytest.mark.parametrize(("processes", "expected"), [(1, 1000 / 0.3), (2, 2000 / 0.3)], ids=str)
def test_where_cores_abound_a_stage_of_one_thread_bounds_them(processes: int, expected: float) -> None:
    together = ceilings(cores=64).together({"ingest": processes, "sink": 1}, {})
    assert together is not None
    assert together.messages_per_s == pytest.approx(expected)


def test_the_cheaper_of_two_ways_counts() -> None:
    together = ceilings(cores=1).together({}, {"generator": 0.1, "ingest": 9.0})
    assert together is not None
    assert together.cpu_s_per_1000 == pytest.approx(0.7)


def test_without_a_servers_cost_there_is_no_sum() -> None:
    assert ceilings(1, frozenset({"broker", "PostgreSQL"})).together({}, {}) is None
    assert Ceilings().together({}, {}) is None


def test_the_slowest_and_the_cost_of_a_stage_leave_other_ways_out() -> None:
    found = ceilings(1)
    assert found.slowest is SHOWN[1]
    assert found.bare_cost("ingest") == pytest.approx(0.3)
    assert found.bare_cost("PostgreSQL") is None
