"""Lengths of other lives, counted as Kaplan and Meier do, asked through the graph that is exported."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from contract.forecast import LEVELS, InputSpec, assemble
from contract.lives import End, Life, LifeSpec
from models.errors import TooLittleDataError
from models.forecast.lengths import TAIL, Lengths, LengthsForecast, build_network, fit_lengths
from models.forecast.release import build_bundle
from models.forecast.serving import require_golden
from models.forecast.train import AS_SAID, Material, TrainSpec
from models.lives.load_clock import LoadClock, LoadFactor
from tests.models.forecast.lives import SPEC, fleet

PAIR = LifeSpec("press", "h", 100.0, ("load",), ("temp",), components=("seal", "pump"))
ONE = replace(PAIR, components=("seal",))
CUBE = LoadClock((LoadFactor("load", 3.0, 1.0),))
MEDIAN = list(LEVELS).index("p50")


def life(
    name: str, end_age: float, *, load: float = 1.0, end: End = End.FAILED, component: str = "seal"
) -> Life:
    """Rows at 1, 2 and 3."""
    age = np.array([1.0, 2.0, 3.0])
    settings, sensors = np.full((3, 1), load, np.float32), np.zeros((3, 1), np.float32)
    return Life(name, component, 0, age, settings, sensors, end, end_age)


def forecast(lives: Sequence[Life], spec: LifeSpec = ONE, clock: LoadClock = CUBE) -> LengthsForecast:
    """Not calibrated."""
    inputs = InputSpec(spec, n_rows=30, n_events=0)
    return LengthsForecast(inputs, lives, clock, build_network(inputs, lives, clock), AS_SAID, AS_SAID)


def test_without_censoring_every_life_counts_alike_and_one_more_outlasts_them() -> None:
    lengths = Lengths.count([life("a", 9), life("b", 5), life("c", 9)], ONE, CUBE)
    assert lengths.ends[:2].tolist() == [5, 9]
    np.testing.assert_allclose(lengths.shares[0, :2], [1 / 4, 2 / 4])
    np.testing.assert_allclose(lengths.shares[0, 2:], 1 / 4 / TAIL)


def test_what_outlasts_all_fails_at_the_rate_so_far() -> None:
    """A quarter lived to 9, so the rate is log 4 / 9; half of the tail is over after log 2 of its inverse."""
    lengths = Lengths.count([life("a", 9), life("b", 5), life("c", 9)], ONE, CUBE)
    tail = lengths.ends[2:]
    assert (np.diff(lengths.ends) > 0).all()
    middle = (tail[TAIL // 2 - 1] + tail[TAIL // 2]) / 2
    assert middle == pytest.approx(9 + np.log(2) * 9 / np.log(4), rel=0.01)


def test_a_life_that_goes_on_counts_as_long_as_it_was_seen() -> None:
    """By hand: of 5 (4 lives and one more) 1 ends at 5; of the 3 that are seen at 9, 1 does."""
    seen = [life("a", 5), life("b", 9), life("c", 7, end=End.RUNNING), life("d", 20, end=End.REPLACED)]
    lengths = Lengths.count(seen, ONE, CUBE)
    assert lengths.ends[:2].tolist() == [5, 9]
    np.testing.assert_allclose(lengths.shares[0, :2], [1 / 5, 4 / 5 / 3])
    assert lengths.shares.sum() == pytest.approx(1)


def test_a_life_under_light_load_tells_of_one_under_heavy_load() -> None:
    said = forecast([life("light", 80.0)]).answer_lives([life("heavy", 9.0, load=2.0)])
    assert said["quantiles"][0, 0] == pytest.approx((80 - 3 * 8) / 8)


def test_who_has_outlived_a_length_is_not_told_it() -> None:
    said = forecast([life("a", 3), life("b", 13), life("c", 23)]).answer_lives([life("x", 50)])
    levels = dict(zip(LEVELS, said["quantiles"][0].tolist(), strict=True))
    assert [levels[name] for name in ("p05", "p10", "p25", "p50")] == pytest.approx([10, 10, 10, 20])
    assert 20 < levels["p75"] < levels["p90"] < levels["p95"] < 100
    tail = Lengths.count([life("a", 3), life("b", 13), life("c", 23)], ONE, CUBE).ends[3:] - 3
    assert said["mean"][0, 0] == pytest.approx((10 + 20 + tail.mean()) / 3, rel=1e-4)


def test_who_has_outlived_all_goes_on_for_a_while() -> None:
    said = forecast([life("a", 3)]).answer_lives([life("x", 50)])["quantiles"][0]
    assert said[MEDIAN] == pytest.approx(3, rel=0.1), "one of two lived to 3, so half of the rest to 6"


def test_who_has_outlived_whatever_there_was_is_beyond_the_horizon() -> None:
    said = forecast([life("a", 3)]).answer_lives([life("x", 50, load=3.0)])
    assert set(said["quantiles"][0].tolist()) == {100.0}
    assert said["mean"].tolist() == [[100.0]]


def test_a_machine_that_stands_still_lasts() -> None:
    said = forecast([life("a", 60)]).answer_lives([life("x", 50, load=0.0)])
    assert said["quantiles"][0].tolist() == [100.0] * 7


def test_components_have_lengths_of_their_own() -> None:
    lives = [life("a", 10), life("a", 40, component="pump"), life("b", 40, component="pump")]
    said = forecast(lives, PAIR).answer_lives([life("x", 50), life("x", 50, component="pump")])
    assert said["quantiles"][:, MEDIAN].tolist() == pytest.approx([7, 37])
    assert said["mean"][0, 0] < said["mean"][1, 0]


def test_a_component_that_never_failed_is_beyond_the_horizon() -> None:
    said = forecast([life("a", 10)], PAIR).answer_lives([life("x", 50, component="pump")])
    assert said["quantiles"][0].tolist() == [100.0] * 7


def test_rows_that_are_left_out_of_a_long_life_do_not_stop_the_clock() -> None:
    trained, long = forecast(fleet(5), SPEC, LoadClock()), fleet(1, length=90)[0]
    small = InputSpec(SPEC, n_rows=25, n_events=0)
    few = replace(trained, reads=small, network=build_network(small, trained.lives, trained.clock))
    np.testing.assert_allclose(
        few.answer_lives([long])["mean"], trained.answer_lives([long])["mean"], rtol=1e-5
    )


def test_it_is_judged_on_machines_whose_lengths_it_does_not_know() -> None:
    lives = [life(name, end) for name, end in zip("abcd", (10.0, 12.0, 14.0, 60.0), strict=True)]
    fitted = fit_lengths(Material(ONE, lives), CUBE, TrainSpec(n_rows=30, n_judged=3))
    said = np.concatenate([fitted.leave_out(each.machine).answer_lives([each])["mean"] for each in lives])
    knowing = fitted.answer_lives(lives)["mean"]
    assert np.abs(said - knowing).max() > 1
    assert fitted.figures["picp"] == pytest.approx(1.0), "of four machines none may be missed"


def test_other_machines_judge_it_where_there_are_some() -> None:
    known, others = fleet(6), fleet(4, first=50)
    spec = TrainSpec(n_rows=64, n_judged=200)
    fitted = fit_lengths(Material(SPEC, known, others), LoadClock(), spec)
    rows = [each.cut(n + 1) for each in others for n in range(len(each.age))]
    expected = fitted.answer_lives(rows)["mean"][:, 0]
    truth = np.minimum([row.remaining for row in rows], SPEC.horizon)
    assert fitted.figures["rmse"] == pytest.approx(float(np.sqrt(np.mean((expected - truth) ** 2))), rel=1e-4)


def test_nobody_failed() -> None:
    with pytest.raises(TooLittleDataError, match="lengths need a life that failed"):
        forecast([life("a", 5, end=End.RUNNING)])


@pytest.mark.slow
def test_its_file_answers_like_the_graph_and_knows_unknown_loads() -> None:
    lives = [life("a", 9), life("b", 31, load=2.0), life("c", 55, load=float("nan"))]
    bundle = build_bundle(forecast(lives), lives, "1", {})
    assert require_golden(bundle) < 1e-3
    assert bundle.golden_input["age"].shape == assemble(lives, bundle.manifest.inputs)["age"].shape
