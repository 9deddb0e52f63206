"""When to train again: each trigger, what holds it back, and what no sequence of events can bring about."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from contract.errors import ConfigError
from models.continuous import (
    MAX_REASON,
    USED_UP,
    Cause,
    Evidence,
    InCharge,
    Live,
    Newest,
    PastRun,
    Policy,
    Result,
    Trigger,
    Wait,
    decide,
    read_policy,
)
from models.continuous_journal import Journal

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = Policy()
CHAMPION = InCharge("3-abc", NOW - timedelta(days=10), "pump-old", failures=50, rmse=12.0)
QUIET = Evidence(Newest("pump-new", 60), CHAMPION, (), Live(13.0, 30))
DRIFTED = replace(QUIET, drifted=("sensor_heat",))
WRONG = replace(QUIET, live=Live(24.0, 7))


def past_run(hours_ago: float, result: Result | None = Result.BLESSED, snapshot: str = "pump-old") -> PastRun:
    ended = NOW - timedelta(hours=hours_ago)
    run = PastRun(ended - timedelta(hours=1), "me@here", Cause.DRIFT, "why", snapshot)
    return replace(run, ended=ended, result=result) if result else run


def cause_of(evidence: Evidence, policy: Policy = POLICY, *past: PastRun) -> Cause | str:
    decision = decide(policy, evidence, past, NOW)
    return decision.cause if isinstance(decision, Trigger) else decision.reason


def test_nothing_asks_for_it() -> None:
    assert cause_of(QUIET) == "nothing asks for it"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"in_charge": None}, "first model: no model is in charge"),
        ({"live": Live(24.0, 7)}, "live error: 24 over 7 failures, 2 times what 3-abc had"),
        (
            {"drifted": ("sensor_heat", "sensor_flow")},
            "drift: 2 columns went too far, first of all sensor_heat, sensor_flow",
        ),
        ({"snapshot": Newest("pump-new", 70)}, "new labels: 20 more failures than 3-abc learned from"),
        (
            {"in_charge": replace(CHAMPION, published=NOW - timedelta(days=30))},
            "schedule: 3-abc is 30.0 days old",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_each_trigger_gives_its_numbers(changes: dict[str, Any], told: str) -> None:
    assert str(decide(POLICY, replace(QUIET, **changes), (), NOW)) == told


@pytest.mark.parametrize(
    "changes",
    [
        {"live": Live(18.0, 7)},
        {"live": Live(90.0, 4)},
        {"live": None},
        {"live": Live(90.0, 9), "in_charge": replace(CHAMPION, rmse=None)},
        {"snapshot": Newest("pump-new", 69)},
        {"snapshot": Newest("pump-new", 900), "in_charge": replace(CHAMPION, failures=None)},
        {"in_charge": replace(CHAMPION, published=NOW - timedelta(days=29.9))},
    ],
)
def test_what_is_below_its_limit_or_unknown_asks_for_nothing(changes: dict[str, Any]) -> None:
    assert cause_of(replace(QUIET, **changes)) == "nothing asks for it"


@pytest.mark.parametrize(
    ("limit", "changes"),
    [
        ("max_age_days", {"in_charge": replace(CHAMPION, published=NOW - timedelta(days=900))}),
        ("new_failures", {"snapshot": Newest("pump-new", 900)}),
        ("drifted_columns", {"drifted": ("a", "b")}),
        ("live_error_factor", {"live": Live(900.0, 90)}),
    ],
)
def test_a_limit_of_0_switches_its_trigger_off(limit: str, changes: dict[str, Any]) -> None:
    evidence = replace(QUIET, **changes)
    assert cause_of(evidence) != "nothing asks for it"
    assert cause_of(evidence, replace(POLICY, **{limit: 0})) == "nothing asks for it"


def test_of_several_the_gravest_is_told() -> None:
    assert cause_of(replace(WRONG, drifted=("a",), snapshot=Newest("pump-new", 900))) is Cause.LIVE_ERROR


@pytest.mark.parametrize("result", list(Result))
def test_after_any_run_it_cools_down(result: Result) -> None:
    waits = cause_of(DRIFTED, POLICY, past_run(23.9, result))
    assert waits == f"the last run was {result}; the cool-down lasts until 2026-03-01T12:06:00+00:00"
    assert cause_of(DRIFTED, POLICY, past_run(24.0, result)) is Cause.DRIFT


def test_a_clock_that_went_back_waits_too() -> None:
    assert "the cool-down lasts" in cause_of(DRIFTED, POLICY, past_run(-5))


def test_a_run_under_way_is_waited_for() -> None:
    assert "a run is under way since 2026-02-20T" in cause_of(DRIFTED, POLICY, past_run(212, None))


@pytest.mark.parametrize("result", list(Result))
def test_a_snapshot_is_trained_on_once_unless_the_run_broke(result: Result) -> None:
    found = cause_of(DRIFTED, POLICY, past_run(99, result, "pump-new"), past_run(30))
    if result in USED_UP:
        assert found == f"snapshot pump-new was trained on ({result}); take a newer one"
    else:
        assert found is Cause.DRIFT


def test_what_the_model_in_charge_learned_from_is_not_new() -> None:
    evidence = replace(DRIFTED, in_charge=replace(CHAMPION, snapshot="pump-new"))
    assert "pump-new was trained on (blessed)" in cause_of(evidence)


def test_without_a_snapshot_there_is_nothing_to_train_on() -> None:
    assert cause_of(Evidence()) == "there is no snapshot to train on"


def test_a_reason_fits_the_registry() -> None:
    assert len(str(Trigger(Cause.DRIFT, "x" * 900))) == MAX_REASON


def test_a_policy_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("new_failures = 5\ncool_down_h = 1\n")
    assert read_policy(path) == Policy(new_failures=5, cool_down_h=1.0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("speed = 1", "unknown key 'speed'"),
        ("new_failures = 1.5", "must be a whole number"),
        ("cool_down_h = 0", "cool_down_h must be larger than 0"),
        ("max_age_days = -1", "max_age_days must be a number from 0"),
        ("period_s = nan", "period_s must be a number from 0"),
        ("live_error_factor = 0.5", "live_error_factor must be 1 or more"),
        ("[", "not valid TOML"),
    ],
)
def test_a_policy_that_makes_no_sense(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"policy.toml: .*{why}"):
        read_policy(path)


def test_a_policy_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        read_policy(tmp_path / "none.toml")


class Years(RuleBasedStateMachine):
    """Looks at all hours, with any evidence, runs that end in any way, and processes that die."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.journal = Journal(Path(self.folder.name), "pump")
        self.now, self.crashes, self.ran = NOW, 0, 0

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(
        hours=st.floats(0, 60),
        number=st.integers(0, 4),
        failures=st.integers(0, 200),
        drifted=st.lists(st.sampled_from(["heat", "flow"]), unique=True),
        age_days=st.floats(0, 60),
        end=st.sampled_from([*Result, None]),
        is_first=st.booleans(),
    )
    def look(self, hours: float, number: int, end: Result | None, is_first: bool, **found: Any) -> None:
        self.now += timedelta(hours=hours)
        published = self.now - timedelta(days=found["age_days"])
        champion = None if is_first else InCharge("1-a", published, "", 50, 12.0)
        evidence = Evidence(Newest(f"pump-{number}", found["failures"]), champion, found["drifted"])
        with self.journal.alone(self.now) as is_alone:
            assert is_alone
            decision = decide(POLICY, evidence, self.journal.runs(), self.now)
            if isinstance(decision, Wait):
                assert decision.reason
                return
            self.journal.begin(self.now, "me@here", decision, f"pump-{number}")
            self.ran += 1
            if end is None:
                self.crashes += 1
                return
            self.now += timedelta(minutes=20)
            self.journal.end(self.now, end, "1-a")

    @invariant()
    def every_run_is_recorded_with_its_reason(self) -> None:
        runs = self.journal.runs()
        assert len(runs) == self.ran
        assert all(run.reason and run.who and run.snapshot for run in runs)

    @invariant()
    def two_runs_lie_a_cool_down_apart(self) -> None:
        runs = self.journal.runs()
        for before, after in pairwise(runs):
            assert before.ended is not None
            assert after.began - before.ended >= POLICY.cool_down

    @invariant()
    def only_the_last_run_may_be_open_and_no_snapshot_is_used_twice(self) -> None:
        runs = self.journal.runs()
        assert all(run.result for run in runs[:-1])
        used = [run.snapshot for run in runs if run.result in USED_UP]
        assert len(used) == len(set(used))

    @invariant()
    def a_run_that_died_is_said_to_be_lost(self) -> None:
        runs = self.journal.runs()
        open_runs = sum(run.ended is None for run in runs)
        assert (
            sum(run.detail == "its process died before it ended" for run in runs) == self.crashes - open_runs
        )


Years.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestYears = Years.TestCase
