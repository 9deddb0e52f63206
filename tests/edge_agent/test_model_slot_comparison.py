from __future__ import annotations

import dataclasses
import math

import pytest

from contract.bundle import Bundle
from contract.messages import MachineState
from edge_agent.comparison import Comparison
from edge_agent.scorer import Verdict
from edge_agent.slot_state import Reason
from tests.edge_agent.releases import rig_bundle

WINDOWS = 60
BUNDLE = rig_bundle()


def verdict(n: int, score: float | None, error: float = 1.0) -> Verdict:
    return Verdict(float(n), MachineState.WATCHING, score, 1.0, "running", error + n % 5 / 10)


def compared(*spans: tuple[int, float | None, float | None], is_alarming: bool = False) -> Comparison:
    """Windows, new score, old score."""
    comparison = Comparison(BUNDLE, BUNDLE, WINDOWS)
    n = 0
    for windows, new, old in spans:
        for _ in range(windows):
            n += 1
            comparison.add(verdict(n, new), verdict(n, old), 1e-4, is_alarming)
    return comparison


def reason_of(comparison: Comparison) -> Reason:
    assert comparison.failure is not None and comparison.failure.sentence
    assert not comparison.is_passed
    return comparison.failure.reason


def test_models_that_agree_pass_after_as_many_windows_as_were_asked_for() -> None:
    assert not compared((WINDOWS - 1, 0.04, 0.05)).is_passed
    assert compared((WINDOWS, 0.04, 0.05)).is_passed


def test_windows_that_one_of_them_did_not_score_do_not_count() -> None:
    assert compared((WINDOWS, None, 0.05), (WINDOWS, 0.05, None)).compared == 0


def test_while_the_machine_alarms_nothing_counts() -> None:
    assert compared((WINDOWS, 0.9, 0.9), is_alarming=True).compared == 0


def test_all_anomalous_is_found_long_before_the_end() -> None:
    comparison = compared((20, 1.0, 0.04))
    assert reason_of(comparison) is Reason.ALL_ANOMALOUS and comparison.compared < 20


def test_scores_that_lie_far_apart_are_found() -> None:
    assert reason_of(compared((WINDOWS, 0.4, 0.04))) is Reason.DISAGREES


def test_only_one_of_the_two_alarms() -> None:
    patience = BUNDLE.profile.alarm.n + BUNDLE.profile.alarm.clear_after
    deaf = compared((10, 0.04, 0.04), (patience + 4, 0.04, 0.6))
    assert reason_of(deaf) is Reason.DISAGREES and deaf.failure is not None
    assert "stays silent" in deaf.failure.sentence
    assert compared((10, 0.04, 0.04), (patience - 1, 0.04, 0.6)).failure is None, "the other may follow"


def test_no_number() -> None:
    comparison = Comparison(BUNDLE, BUNDLE, WINDOWS)
    comparison.add(verdict(1, None, math.nan), verdict(1, 0.04), 1e-4, False)
    assert reason_of(comparison) is Reason.NOT_A_NUMBER


def test_the_same_error_on_every_window() -> None:
    comparison = Comparison(BUNDLE, BUNDLE, WINDOWS)
    for n in range(WINDOWS):
        new = dataclasses.replace(verdict(n, 0.04), error=1.0)
        comparison.add(new, verdict(n, 0.05), 1e-4, False)
    assert reason_of(comparison) is Reason.CONSTANT


def test_a_slow_model() -> None:
    comparison = Comparison(BUNDLE, BUNDLE, WINDOWS)
    for n in range(WINDOWS):
        comparison.add(verdict(n, 0.04), verdict(n, 0.04), 0.2 * (n % 2), False)
    assert reason_of(comparison) is Reason.SLOW


def test_without_an_old_model_windows_count_all_the_same() -> None:
    comparison = Comparison(BUNDLE, BUNDLE, WINDOWS)
    for n in range(WINDOWS):
        comparison.add(verdict(n, 0.04), None, 1e-4, False)
    assert comparison.is_passed


def unfamiliar(bundle: Bundle) -> Bundle:
    manifest = dataclasses.replace(bundle.manifest, fleet_error_location=-3.0)
    return dataclasses.replace(bundle, manifest=manifest)


@pytest.mark.parametrize("is_old_too", [False, True])
def test_a_model_that_does_not_know_this_machine(is_old_too: bool) -> None:
    """Its own calibration would hide it: the scores are calm."""
    new = unfamiliar(BUNDLE)
    comparison = Comparison(new, new if is_old_too else BUNDLE, WINDOWS)
    for n in range(WINDOWS):
        comparison.add(verdict(n, 0.04), verdict(n, 0.04), 1e-4, False)
    assert comparison.is_passed == is_old_too
