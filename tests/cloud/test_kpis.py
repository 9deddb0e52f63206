"""Figures: what counts, what does not, and how sure one can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.kpis import (
    WARNS,
    Avoided,
    CaseFacts,
    Facts,
    Failure,
    Period,
    Rate,
    Share,
    Spread,
    Watch,
    count,
)
from contract.labels import ComponentEnd, Verdict

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PERIOD = Period(NOW - 100 * DAY, NOW)
ALWAYS = Watch("p", NOW - 400 * DAY, NOW)


def ago(days: float) -> datetime:
    return NOW - days * DAY


def case(
    opened: float, closed: float | None = None, verdict: Verdict | None = None, **changes: object
) -> CaseFacts:
    over = None if closed is None else ago(closed)
    facts: dict[str, object] = {"closed_at": over, "verdict": verdict, "end": ComponentEnd.RUNS_ON} | changes
    return CaseFacts("p", ago(opened), ago(opened), **facts)  # type: ignore[arg-type]


def facts(*cases: CaseFacts, failed: float | None = None, **changes: object) -> Facts:
    failures = () if failed is None else (Failure("p", ago(failed)),)
    given_: dict[str, object] = {"cases": cases, "failures": failures, "watches": (ALWAYS,)} | changes
    return Facts(**given_)  # type: ignore[arg-type]


def test_what_nobody_checked_counts_neither_way() -> None:
    kpis = count(
        facts(
            case(9, 8, Verdict.TRUE),
            case(9, 8, Verdict.EARLY),
            case(9, 8, Verdict.FALSE_ALARM),
            case(9, 8, Verdict.NOT_CHECKED),
            case(9),
            case(190, 180, Verdict.FALSE_ALARM),
        ),
        PERIOD,
    )
    assert (kpis.precision, kpis.not_checked) == (Share(2, 3), 1)
    assert kpis.nuisance == Rate(1, 2400.0)


@pytest.mark.parametrize(
    ("warning", "is_warned"),
    [
        (case(15), True),
        (case(15, 10, Verdict.TRUE), True),
        (case(15, 12, Verdict.TRUE), True),
        (case(15, 12, Verdict.NOT_CHECKED), True),
        (case(15, 12, Verdict.FALSE_ALARM), False),
        (case(15, 8, Verdict.FALSE_ALARM), True),
        (case(9), False),
        (case(10), False),
        (case(10 + WARNS.days + 1), False),
        (case(15, is_about_machine=False), False),
    ],
    ids=[
        "open",
        "closed-then",
        "closed-before",
        "not-checked",
        "called-false-before",
        "called-false-after",
        "after",
        "at-once",
        "long-ago",
        "sensor",
    ],
)
def test_a_failure_was_warned_of_by_a_case_that_nobody_had_called_false(
    warning: CaseFacts, is_warned: bool
) -> None:
    kpis = count(facts(warning, failed=10), PERIOD)
    assert kpis.recall == Share(int(is_warned), 1)
    assert kpis.forewarning.missing == int(not is_warned)


def test_the_first_case_counts_and_none_of_the_part_before() -> None:
    failure = Failure("p", ago(10), installed_at=ago(40))
    kpis = count(facts(case(60), case(30), case(20), failures=(failure,)), PERIOD)
    assert kpis.forewarning == Spread((20 * 24.0,))


def test_another_machine_s_case_warns_of_nothing() -> None:
    other = CaseFacts("q", ago(15), ago(15))
    assert count(facts(other, failed=10), PERIOD).recall == Share(0, 1)


def test_failures_of_machines_that_nobody_watched_are_told_apart() -> None:
    late, gone = Watch("p", ago(5), NOW), Watch("p", ago(300), ago(20))
    for watch in (late, gone):
        kpis = count(facts(failed=10, watches=(watch,)), PERIOD)
        assert (kpis.recall, kpis.unwatched, kpis.failures.events) == (Share(0, 0), 1, 0)


def test_time_without_failure_counts_in_full() -> None:
    watches = (ALWAYS, Watch("q", ago(50), NOW), Watch("r", ago(900), ago(500)))
    kpis = count(facts(failed=10, watches=watches), PERIOD)
    assert kpis.failures == Rate(1, 150 * 24.0)
    assert kpis.failures.between_h == 150 * 24.0


def test_who_waits_still_is_not_in_the_median() -> None:
    seen = [case(9, seen_at=ago(9) + timedelta(hours=hours)) for hours in (1, 2, 3)]
    kpis = count(facts(*seen, case(2)), PERIOD)
    assert kpis.acknowledging == Spread((1.0, 2.0, 3.0), 1)


def test_downtime_is_avoided_only_by_a_confirmed_finding_and_only_where_all_of_it_is_known() -> None:
    saved = case(9, 8, Verdict.TRUE, end=ComponentEnd.REPLACED)
    repaired = Failure("p", ago(20), repaired_at=ago(19))
    known = facts(saved, case(9, 8, Verdict.TRUE), failures=(repaired,), planned_h=(3.0, 5.0))
    assert count(known, PERIOD).avoided == Avoided(1, 24.0, 4.0)
    assert count(known, PERIOD).avoided.hours == 20.0
    for lacking in (Avoided(0, 24.0, 4.0), Avoided(1, None, 4.0), Avoided(1, 24.0, None)):
        assert lacking.hours is None


def test_of_nothing_there_are_no_figures() -> None:
    kpis = count(Facts(), PERIOD)
    unknown = (
        kpis.precision.value,
        kpis.precision.interval,
        kpis.failures.between_h,
        kpis.nuisance.per_year,
        kpis.forewarning.quartiles,
        kpis.repair.mean,
        kpis.avoided.hours,
    )
    assert unknown == (None,) * len(unknown)


@given(st.integers(0, 300), st.integers(1, 300))
def test_a_share_lies_in_its_interval_and_more_cases_make_that_narrower(hits: int, more: int) -> None:
    share = Share(hits, hits + more)
    low, high = share.interval or (1.0, 0.0)
    assert 0 <= low <= (share.value or 0.0) <= high <= 1
    wider_low, wider_high = Share(4 * hits, 4 * (hits + more)).interval or (0.0, 1.0)
    assert wider_high - wider_low < high - low


@given(st.integers(0, 500))
def test_the_bounds_of_a_count_hold_it(events: int) -> None:
    low, high = Rate(events, 1.0).bounds
    assert 0 <= low <= events < high


# Exact Poisson limits, from D. Garwood, "Fiducial limits for the Poisson distribution", Biometrika, 1936.
@pytest.mark.parametrize(("events", "low", "high"), [(1, 0.03, 5.57), (5, 1.62, 11.67), (20, 12.22, 30.89)])
def test_the_approximation_is_close_to_the_exact_bounds(events: int, low: float, high: float) -> None:
    assert Rate(events, 1.0).bounds == pytest.approx((low, high), rel=0.02, abs=0.15)
