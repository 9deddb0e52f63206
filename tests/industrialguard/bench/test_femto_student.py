"""Networks that have not seen whom they judge."""

from collections.abc import Sequence

import numpy as np
import pytest

from contract.features import feature_specs
from contract.profiles import AlarmSpec, WarmupSpec
from industrialguard.bench.femto_rows import Bearing, Rule, judge_bearings
from industrialguard.bench.femto_student import (
    Network,
    NoNetwork,
    StudentContender,
    networks_needed,
    table_profile,
    teach_nothing,
    teach_student,
    to_machine,
)
from models.config import FitConfig
from models.dataset import LEAST_LOG_SPREAD, Contexts
from tests.industrialguard.bench.bearings import LOUD_FROM, WINDOWS, make_rows

WARMUP, ALARM = WarmupSpec(60, 30), AlarmSpec(k=6, n=8)
COLUMNS = ("h_rms", "h_kurt", "v_rms", "v_kurt")
AXES = (0, 0, 1, 1)


def fleet(count: int = 5) -> list[Bearing]:
    return [
        Bearing(f"b{seed}", 10.0 * np.arange(WINDOWS), make_rows(seed, len(COLUMNS))) for seed in range(count)
    ]


def test_a_profile_of_columns() -> None:
    profile = table_profile(COLUMNS, WARMUP, ALARM)
    assert [spec.sensor for spec in feature_specs(profile)] == list(COLUMNS)


def test_rows_become_windows_of_a_device() -> None:
    rows = make_rows(1, 4)
    rows[3, 1] = np.nan
    machine = to_machine(Bearing("b", 10.0 * np.arange(WINDOWS), rows))
    assert len(machine.vectors) == WINDOWS
    assert machine.vectors[3].confidence == pytest.approx(0.75)
    assert machine.vectors[0].values == pytest.approx(rows[0], abs=1e-6)


def test_every_network_is_a_stranger_to_whom_it_scores() -> None:
    taught: list[frozenset[str]] = []

    def teach(learning: Sequence[Contexts], held_out: Sequence[Contexts], config: FitConfig) -> Network:
        taught.append(frozenset(c.machine_id for c in (*learning, *held_out)))
        return NoNetwork()

    bearings = fleet()
    contender = StudentContender("s", table_profile(COLUMNS, WARMUP, ALARM), AXES, teach)
    judge_bearings(contender, bearings, Rule(WARMUP, ALARM, 1.333), 0)
    names = frozenset(b.name for b in bearings)
    left_out = [names - known for known in taught]
    assert len(taught) == networks_needed(5) == 15
    assert len(set(left_out)) == 15  # each set once
    assert {len(out) for out in left_out} == {1, 2}


def test_without_a_network_the_deviation_itself_is_judged() -> None:
    contender = StudentContender("s", table_profile(COLUMNS, WARMUP, ALARM), AXES, teach_nothing)
    for finding in judge_bearings(contender, fleet(), Rule(WARMUP, ALARM, 1.333), 0):
        assert finding.alarm_at is not None
        assert LOUD_FROM <= finding.alarm_at < LOUD_FROM + 12


def test_a_spread_is_not_believed_below_the_floor_of_logarithms() -> None:
    contender = StudentContender("s", table_profile(COLUMNS, WARMUP, ALARM), AXES, teach_nothing)
    bearings = fleet()
    heads = [b.head(b.early) for b in bearings[1:]]
    trained = contender._without(bearings[0], bearings[0], heads, 0)
    assert trained.wander.spread.min() >= LEAST_LOG_SPREAD


@pytest.mark.slow
def test_a_student_in_int8_gives_back_what_it_sees() -> None:
    contender = StudentContender(
        "s", table_profile(COLUMNS, WARMUP, ALARM), AXES, teach_student, FitConfig(epochs=2)
    )
    bearings = fleet()
    heads = [b.head(b.early) for b in bearings[1:]]
    scores = contender.score(bearings[0], bearings[0], heads, 0)
    assert np.isnan(scores[:60]).all()
    assert np.nanmedian(scores[LOUD_FROM + 10 :]) > np.nanmedian(scores[100:LOUD_FROM]) + 0.5
