"""Devices on simulated machines try releases; the figures say what became of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contract.bundle import load_bundle
from edge_agent.slot_state import Reason, Result
from industrialguard.bench.ota.spoils import deaf, renamed, without_code
from industrialguard.bench.ota.trial import figures, report_trials, simulate_courses, try_all
from industrialguard.bench.ota.trial_machines import HEALTHY, LATER, SelfTests, Trial
from industrialguard.bench.report import Role, Run


@pytest.mark.slow
def test_a_good_release_stays_and_spoiled_ones_do_not() -> None:
    old = load_bundle("pump")
    courses = [each for each in simulate_courses(old, seed=4, per_kind=1) if each[0] in (HEALTHY, LATER)]
    releases = {
        "nothing released": None,
        "retrained": renamed(old, "again"),
        "deaf": deaf(old),
        "no code": without_code(old),
    }
    found = dict(try_all(courses, old, releases, SelfTests(old.profile)))
    assert {t.result for trials in found["nothing released"].values() for t in trials} == {Result.NONE}
    for kind in (HEALTHY, LATER):
        good, silent, broken = (found[name][kind][0] for name in ("retrained", "deaf", "no code"))
        assert good.result is Result.CONFIRMED and good.was_in_charge
        assert (silent.result, silent.reason, silent.was_in_charge) == (Result.REFUSED, Reason.DEAF, False)
        assert (broken.result, broken.was_in_charge) == (Result.REFUSED, False)
    worn = found["retrained"][LATER][0]
    assert worn.lead is not None and worn.lead > 0
    assert found["nothing released"][HEALTHY][0].lead is None


def trial(result: Result, lead: float | None = None, windows: int = 10) -> Trial:
    return Trial(result, Reason.NONE, windows, result is Result.CONFIRMED, 1, lead)


def test_figures_are_shares_of_the_machines() -> None:
    results = (Result.CONFIRMED, Result.REFUSED, Result.ROLLED_BACK, Result.NONE)
    found = figures([trial(result) for result in results])
    assert {found[f"{name}_pct"] for name in ("confirmed", "refused", "rolled_back", "undecided")} == {25.0}
    assert (found["missed"], found["lead_pct"], found["false_per_machine"]) == (None, None, 1.0)


def test_a_machine_that_failed_without_an_alarm_was_missed() -> None:
    found = figures([trial(Result.CONFIRMED, lead) for lead in (0.0, 0.5, 1.0)])
    assert (found["missed"], found["lead_pct"]) == (1.0, 50.0)


def test_what_was_retrained_is_what_ships() -> None:
    trials = {"nothing released": [trial(Result.NONE)], "retrained": [trial(Result.CONFIRMED)]}
    report = report_trials(HEALTHY, trials, (1,), Run.since(datetime.now(UTC)))
    assert [row.is_main for row in report.rows] == [False, True]
    assert [row.role for row in report.rows] == [Role.BASELINE, Role.OURS]
