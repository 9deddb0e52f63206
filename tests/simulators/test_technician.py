"""A technician finds what is there, more surely the worse it is, and never what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.labels import ComponentEnd, Verdict
from simulators.degradation import FailureMode
from simulators.technician import (
    SHOWS_AS,
    component_replaced,
    inspect,
    nothing_found,
    seeing_chance,
    sensor_replaced,
)
from simulators.year.settings import read_settings

SPEC = read_settings().technician
NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)


@given(st.floats(0, 1), st.floats(0, 1))
def test_worse_is_seen_more_surely_and_a_hint_helps(first: float, second: float) -> None:
    low, high = sorted((first, second))
    plain = [seeing_chance(wear, False, SPEC) for wear in (low, high)]
    hinted = [seeing_chance(wear, True, SPEC) for wear in (low, high)]
    assert plain == sorted(plain) and hinted == sorted(hinted)
    assert all(0 <= a <= b <= SPEC.at_best for a, b in zip(plain, hinted, strict=True))


@given(st.integers(0, 10_000))
def test_nobody_finds_what_is_not_there(seed: int) -> None:
    assert inspect({0: 0.0, 1: 0.04}, (0, 1), SPEC, np.random.default_rng(seed)).place is None


def test_now_and_then_a_sound_component_is_named() -> None:
    found = [inspect({0: 1.0, 1: 0.0}, (), SPEC, np.random.default_rng(n)).place for n in range(2000)]
    assert found.count(0) > 1700 and 20 < found.count(1) < 120 and found.count(None) > 40
    sure = replace(SPEC, mistaken=0.0)
    assert 1 not in [inspect({0: 1.0, 1: 0.0}, (), sure, np.random.default_rng(n)).place for n in range(500)]


def test_the_worst_is_named_and_read_off_roughly() -> None:
    spec = replace(SPEC, at_best=1.0, mistaken=0.0)
    sights = [inspect({0: 0.5, 1: 0.8}, (), spec, np.random.default_rng(n)) for n in range(400)]
    assert {sight.place for sight in sights} == {1}
    assert np.mean([sight.reading for sight in sights]) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("mode", FailureMode, ids=str)
@pytest.mark.parametrize("has_failed", [False, True], ids=["replaced", "failed"])
def test_a_finding_is_one_that_the_cloud_takes(mode: FailureMode, has_failed: bool) -> None:
    finding = component_replaced(NOW, "bearing", mode, has_failed)
    assert finding.verdict is Verdict.TRUE and finding.component == "bearing"
    assert finding.end is (ComponentEnd.FAILED if has_failed else ComponentEnd.REPLACED)
    assert mode in SHOWS_AS


def test_a_sensor_and_nothing_are_findings_too() -> None:
    assert nothing_found(NOW).verdict is Verdict.FALSE_ALARM
    assert sensor_replaced(NOW, "vib_h").end is ComponentEnd.RUNS_ON
