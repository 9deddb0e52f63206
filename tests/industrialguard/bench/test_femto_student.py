"""Networks that have not seen whom they judge."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from contract.features import feature_specs
from contract.profiles import AlarmSpec, WarmupSpec
from industrialguard.bench.femto_course import Course, OwnWarmup, ShareOfLife
from industrialguard.bench.femto_rule import Rule, judge_bearings
from industrialguard.bench.femto_student import (
    TAUGHT,
    BearingFleet,
    Network,
    NetworkContender,
    Teach,
    table_profile,
    teach_variants,
    to_machine,
    trainings_needed,
)
from industrialguard.bench.no_network import NO_NETWORK, NoNetwork
from models.config import FitConfig
from models.dataset import LEAST_LOG_SPREAD, Contexts
from models.variants import SHIPS
from tests.industrialguard.bench.bearings import LOUD_FROM, WINDOWS, make_bearing

WARMUP = OwnWarmup(60, 30)
RULE = Rule(WARMUP, (AlarmSpec(k=6, n=8),), 0.05)
COLUMNS = ("h_rms", "h_kurt", "v_rms", "v_kurt")
AXES = (0, 0, 1, 1)
FLEET = [make_bearing(seed) for seed in range(5)]
HEADS = [bearing.head(bearing.early) for bearing in FLEET[1:]]


def teach_nothing(
    learning: Sequence[Contexts], held_out: Sequence[Contexts], config: FitConfig
) -> Mapping[str, Network]:
    return {}


def fleet_of(teach: Teach, fit: FitConfig | None = None) -> BearingFleet:
    profile = table_profile(COLUMNS, WarmupSpec(60, 30), AlarmSpec(k=6, n=8))
    return BearingFleet(profile, AXES, teach, fit or FitConfig())


def test_a_profile_of_columns() -> None:
    profile = table_profile(COLUMNS, WarmupSpec(60, 30), AlarmSpec(k=6, n=8))
    assert [spec.sensor for spec in feature_specs(profile)] == list(COLUMNS)


def test_rows_become_windows_of_a_device() -> None:
    bearing = make_bearing(1)
    bearing.rows[3, 1] = np.nan
    machine = to_machine(bearing)
    assert len(machine.vectors) == WINDOWS
    assert machine.vectors[3].confidence == pytest.approx(0.75)
    assert machine.vectors[0].values == pytest.approx(bearing.rows[0], abs=1e-6)
    later = to_machine(bearing, first=100)
    assert later.vectors[0].event_time_s == machine.vectors[100].event_time_s


def test_every_network_is_a_stranger_to_whom_it_scores() -> None:
    taught: list[frozenset[str]] = []
    lengths: set[int] = set()

    def teach(
        learning: Sequence[Contexts], held_out: Sequence[Contexts], config: FitConfig
    ) -> Mapping[str, Network]:
        taught.append(frozenset(c.machine_id for c in (*learning, *held_out)))
        lengths.update(len(c.standardised) for c in (*learning, *held_out))
        return {}

    fleet = fleet_of(teach)
    for warmup in (WARMUP, ShareOfLife(0.05, 0.125, 0.15)):  # the same networks serve both
        judge_bearings(NetworkContender(NO_NETWORK, fleet, warmup), FLEET, RULE, 0)
    names = frozenset(b.name for b in FLEET)
    left_out = [names - known for known in taught]
    assert len(taught) == trainings_needed(5) == 10
    assert len(set(left_out)) == 10  # each set once
    assert {len(out) for out in left_out} == {2}
    assert max(lengths) <= WINDOWS // 4  # and from first quarters alone


def test_without_a_network_the_deviation_itself_is_judged() -> None:
    contender = NetworkContender(NO_NETWORK, fleet_of(teach_nothing), WARMUP)
    for finding in judge_bearings(contender, FLEET, RULE, 0):
        assert finding.alarm_at is not None
        assert LOUD_FROM <= finding.alarm_at < LOUD_FROM + 12


def test_contexts_begin_with_the_level() -> None:
    fleet = fleet_of(teach_nothing)
    wander = fleet.strangers(FLEET[0], FLEET[0], HEADS, 0).wander
    contexts, windows = fleet.contexts(FLEET[0], Course(40, 100, 110), wander)
    assert windows[-1] == WINDOWS - 1
    assert windows[0] < 60  # a context needs half of its 16 windows
    assert windows[0] >= 40
    restless = make_bearing(0)
    restless.rows[:40] += 3.0
    other = type(restless).whole("restless", restless.times_s, restless.rows)
    assert np.array_equal(
        fleet.contexts(other, Course(40, 100, 110), wander)[0].standardised, contexts.standardised
    )


def test_later_windows_change_no_earlier_score() -> None:
    contender = NetworkContender(NO_NETWORK, fleet_of(teach_nothing), WARMUP)
    whole = contender.score(FLEET[0], FLEET[0], HEADS, 0)
    part = contender.score(FLEET[0], FLEET[0].head(300), HEADS, 0)
    assert np.isnan(whole[:60]).all()
    assert part[60:] == pytest.approx(whole[60:300])


def test_a_score_is_computed_once() -> None:
    contender = NetworkContender(NO_NETWORK, fleet_of(teach_nothing), WARMUP)
    first = contender.score(FLEET[0], FLEET[0], HEADS, 0)
    assert contender.score(FLEET[0], FLEET[0], HEADS, 0) is first


def test_a_spread_is_not_believed_below_the_floor_of_logarithms() -> None:
    taught = fleet_of(teach_nothing).strangers(FLEET[0], FLEET[0], HEADS, 0)
    assert taught.wander.spread.min() >= LEAST_LOG_SPREAD
    assert isinstance(taught.networks[NO_NETWORK], NoNetwork)


@pytest.mark.slow
@pytest.mark.long
def test_what_ships_grows_with_damage() -> None:
    fleet = fleet_of(teach_variants, FitConfig(epochs=2, patience=2, tuning_epochs=1))
    assert set(fleet.strangers(FLEET[0], FLEET[0], HEADS, 0).networks) == {*TAUGHT, NO_NETWORK}
    scores = NetworkContender(SHIPS, fleet, WARMUP).score(FLEET[0], FLEET[0], HEADS, 0)
    assert np.isnan(scores[:60]).all()
    assert np.nanmedian(scores[LOUD_FROM + 10 :]) > np.nanmedian(scores[100:LOUD_FROM]) + 0.5
