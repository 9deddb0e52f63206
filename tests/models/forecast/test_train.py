"""Machines are never split, and no network is judged on machines that it learned from."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from contract.forecast import Inputs, InputSpec, assemble
from contract.lives import End, Life
from models.errors import TooLittleDataError
from models.forecast.conditions import Usual
from models.forecast.ensemble import Ensemble
from models.forecast.fit import Cuts, FitSpec, Fitter
from models.forecast.metrics import METRICS
from models.forecast.prepare import Prepare
from models.forecast.pretrain import Histories, Pretrainer
from models.forecast.train import (
    Material,
    TrainSpec,
    build_config,
    is_pretrained,
    make_true,
    measure,
    measure_lives,
    train,
)
from models.keras3 import keras
from models.rul import Answer, chance_of, look_back
from tests.models.forecast.conftest import QUICK
from tests.models.forecast.lives import SPEC, WITH_EVENTS, fleet, wearing
from tests.models.forecast.networks import to_numpy, with_events

UNSEEN = [life.cut(n) for life, n in product(with_events(fleet(6, first=100)), (10, 25, 38))]


Watching = Callable[[int, float], None]


class Lessons(list[tuple[set[str], set[str]]]):
    """Machines that each network learned from, and those that it was judged on, instead of learning."""


@pytest.fixture
def lessons(monkeypatch: pytest.MonkeyPatch) -> Lessons:
    """Nothing is learned, and it is noted by whom; building graphs alone takes a moment."""
    noted = Lessons()

    def note(_: Fitter, __: object, learns: Cuts, held: Cuts, *___: object) -> None:
        noted.append((set(learns.machines.tolist()), set(held.machines.tolist())))

    monkeypatch.setattr(Fitter, "fit", note)
    return noted


def said_by(ensemble: Ensemble, lives: Sequence[Life], member: int) -> Inputs:
    """What one of its networks says."""
    ready = Prepare(ensemble.config, ensemble.constants)(assemble(lives, ensemble.inputs))
    chance = chance_of(ensemble.encoders[member](ready, training=False))
    return to_numpy(Answer(ensemble.inputs.life.horizon, ensemble.config.n_bins)(chance))


def every_row(lives: Sequence[Life]) -> list[Life]:
    """Each life as it stood at each of its rows."""
    return [life.cut(n + 1) for life in lives for n in range(len(life.age))]


# Who learns from whom


def test_machines_stay_whole_and_each_is_left_out_once(lessons: Lessons) -> None:
    lives = fleet(7) + [replace(wearing(number, 45, seed=5), number=1) for number in range(3)]
    trained = train(Material(SPEC, lives), replace(QUICK, n_folds=3))
    machines = {life.machine for life in lives}
    assert len(lessons) == len(trained.encoders) == 3
    for learned, held in lessons:
        assert not learned & held
        assert learned | held == machines
    assert sorted(name for _, held in lessons for name in held) == sorted(machines)
    for number, (_, held) in enumerate(lessons):
        assert {name for name, fold in trained.fold_of.items() if fold == number} == held
    assert max(len(held) for _, held in lessons) - min(len(held) for _, held in lessons) <= 1


def test_few_machines_make_fewer_folds_of_two_at_least(lessons: Lessons) -> None:
    trained = train(Material(SPEC, fleet(5)), replace(QUICK, n_folds=5))
    assert len(trained.encoders) == 2
    assert min(len(held) for _, held in lessons) == 2


@pytest.mark.slow
def test_each_cut_is_answered_by_the_network_that_did_not_learn_from_it(
    ensemble: Ensemble, material: Material
) -> None:
    cuts = every_row(material.lives)
    said = [said_by(ensemble, cuts, member) for member in range(len(ensemble.encoders))]

    def chosen(shift: int) -> Ensemble:
        members = [(ensemble.fold_of[cut.machine] + shift) % len(said) for cut in cuts]
        answers = {
            name: np.stack([said[member][name][row] for row, member in enumerate(members)])
            for name in ("quantiles", "mean")
        }
        return make_true(ensemble, answers, cuts, is_cross=True)

    honest, flattered = chosen(0), chosen(1)
    for name, figure in ensemble.figures.items():
        assert honest.figures[name] == pytest.approx(figure, rel=1e-3), name
    assert flattered.figures["rmse"] != pytest.approx(ensemble.figures["rmse"], rel=1e-3)
    np.testing.assert_allclose(honest.interval_90.to_json(), ensemble.interval_90.to_json(), atol=0.05)


def test_intervals_are_made_true_on_machines_of_their_own(lessons: Lessons) -> None:
    """Lives of so few rows that all are judged; they last far longer than an untrained network says."""
    spec = replace(QUICK, n_judged=4)
    others = [replace(life.cut(4), end_age=90.0) for life in fleet(8, first=50)]
    trained = train(Material(SPEC, fleet(8), calibrate_on=others), spec)
    cuts = every_row(others)
    expected = make_true(trained, trained.answer_lives(cuts), cuts)
    assert trained.interval_90 == expected.interval_90
    assert trained.interval_80 == expected.interval_80
    assert trained.figures == expected.figures
    forecasts = trained.forecast(cuts)
    assert (forecasts.upper == SPEC.horizon).mean() >= 0.9
    assert not {life.machine for life in others} & set(trained.fold_of)


# Pre-training


def mostly_running() -> list[Life]:
    """One of them failed."""
    return [replace(life, end=End.RUNNING) if number else life for number, life in enumerate(fleet(7))]


@pytest.fixture
def pretraining(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Machines that each network was pre-trained on; its first layer is marked with how many came before."""
    noted: list[set[str]] = []

    def note(_: Pretrainer, encoder: keras.Model, histories: Histories, __: int, watch: Watching) -> None:
        embed = encoder.get_layer("embed")
        embed.set_weights([np.full_like(each, len(noted)) for each in embed.get_weights()])
        noted.append(set(histories.machines.tolist()))
        watch(1, 0.5)

    monkeypatch.setattr(Pretrainer, "fit", note)
    return noted


def test_where_few_failed_rows_teach_first_and_never_those_of_left_out_machines(
    lessons: Lessons, pretraining: list[set[str]]
) -> None:
    told: list[tuple[int, int, float]] = []
    spec = replace(QUICK, n_folds=3, pretrain_below=0.25)
    trained = train(Material(SPEC, mostly_running()), spec, watch=lambda *a: told.append(a))
    assert pretraining == [learned for learned, _ in lessons]
    for number, encoder in enumerate(trained.encoders):
        assert (encoder.get_layer("embed").get_weights()[0] == number).all()
    assert [each[:2] for each in told] == [(0, 1), (1, 1), (2, 1)]
    assert np.isnan([loss for *_, loss in told]).all()


@pytest.mark.parametrize(
    ("n_running", "below", "expected"), [(5, 0.25, False), (6, 0.25, True), (6, 0.0, False)]
)
def test_whether_few_failed_is_a_share(n_running: int, below: float, *, expected: bool) -> None:
    lives = [replace(life, end=End.RUNNING) if n < n_running else life for n, life in enumerate(fleet(7))]
    assert is_pretrained(lives, replace(QUICK, pretrain_below=below)) == expected


def test_without_a_sensor_there_is_nothing_to_tell() -> None:
    lives = [replace(life, sensors=life.sensors[:, :0]) for life in mostly_running()]
    assert not is_pretrained(lives, replace(QUICK, pretrain_below=0.25))


@pytest.mark.slow
def test_what_has_learned_already_is_not_pre_trained(
    ensemble: Ensemble, lessons: Lessons, pretraining: list[set[str]]
) -> None:
    train(Material(WITH_EVENTS, with_events(mostly_running())), QUICK, start=ensemble)
    assert lessons
    assert not pretraining


# What it needs


def test_too_few_machines_are_refused() -> None:
    several_lives = [replace(wearing(number % 3), number=number) for number in range(9)]
    with pytest.raises(
        TooLittleDataError, match=r"4 machines or more.* there are 3 machines with 9 failures: "
    ):
        train(Material(SPEC, several_lives), QUICK)


def test_machines_that_never_failed_are_refused() -> None:
    running = [wearing(number, end=End.RUNNING) for number in range(8)]
    replaced = [wearing(number, end=End.REPLACED) for number in range(8, 12)]
    with pytest.raises(TooLittleDataError, match="there are 12 machines with 0 failures: collect more"):
        train(Material(SPEC, running + replaced), QUICK)


def test_constants_are_what_is_usual() -> None:
    lives = fleet(6)
    found, usual = measure_lives(lives), Usual.of_lives(lives)
    assert len(found.centres) == 3
    np.testing.assert_allclose(found.mean, usual.mean, rtol=1e-5)
    np.testing.assert_allclose(found.gain, 1 / usual.spread, rtol=1e-5)
    np.testing.assert_allclose(found.offset, usual.conditions.offset, rtol=1e-5)
    assert found.scale[1] == 0.0  # the load never changed
    assert all(
        getattr(found, name).dtype == np.float32 for name in ("offset", "scale", "centres", "mean", "gain")
    )
    never_seen = measure(np.zeros((5, 1), np.float32), np.full((5, 1), np.nan, np.float32))
    assert never_seen.gain.tolist() == [[0.0]]


def test_a_network_is_as_large_as_its_type_asks() -> None:
    spec = TrainSpec(n_rows=64, head_rows=10, n_events=7, uses_age=False)
    plain, eventful = build_config(SPEC, spec), build_config(WITH_EVENTS, spec)
    assert plain.inputs == InputSpec(SPEC, 64, 0, 10)
    assert eventful.inputs == InputSpec(WITH_EVENTS, 64, 7, 10)
    assert plain.look_back == look_back(64)
    assert not plain.uses_age


# What comes out


@pytest.mark.slow
def test_figures_tell_of_machines_that_were_left_out(ensemble: Ensemble) -> None:
    assert set(ensemble.figures) == set(METRICS)
    error, held = ensemble.figures["rmse"], ensemble.figures["picp"]
    assert error is not None
    assert held is not None
    assert 0 < error < WITH_EVENTS.horizon
    assert held >= 0.85  # calibrated on these very cuts


@pytest.mark.slow
def test_the_same_seed_trains_the_same_forecast(ensemble: Ensemble, material: Material) -> None:
    epochs: list[tuple[int, int, float]] = []
    again = train(material, QUICK, watch=lambda *told: epochs.append(told))
    for one, other in zip(ensemble.encoders, again.encoders, strict=True):
        for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)
    np.testing.assert_allclose(again.interval_90.to_json(), ensemble.interval_90.to_json(), atol=1e-3)
    assert again.fold_of == ensemble.fold_of
    assert [told[:2] for told in epochs] == list(
        product(range(QUICK.n_folds), range(1, QUICK.fit.epochs + 1))
    )
    assert all(np.isfinite(loss) for *_, loss in epochs)


@pytest.mark.slow
def test_lives_that_have_not_ended_raise_forecasts(ensemble: Ensemble, material: Material) -> None:
    """Machines that look just like those that failed, but went on for long."""
    lasting = [
        replace(life, machine=f"x{number}", end=End.RUNNING, end_age=life.end_age + 200)
        for number, life in enumerate(material.lives)
    ]
    other = train(replace(material, lives=[*material.lives, *lasting]), QUICK)
    without, with_them = (each.answer_lives(UNSEEN)["mean"] for each in (ensemble, other))
    doomed = without < 0.9 * SPEC.horizon
    assert doomed.any()
    assert with_them[doomed].mean() > without[doomed].mean() + 2.0


# Going on with one


@pytest.mark.slow
def test_it_goes_on_with_what_it_was(ensemble: Ensemble, material: Material) -> None:
    """A rate of nothing leaves all as it was; new machines are dealt to the folds there are."""
    still = replace(QUICK, seed=9, fit=FitSpec(epochs=1, steps=1, batch=8, rate=0.0, decay=0.0))
    newer = replace(material, lives=with_events(fleet(12)))
    tuned = train(newer, still, start=ensemble)
    assert {name: tuned.fold_of[name] for name in ensemble.fold_of} == ensemble.fold_of
    assert set(tuned.fold_of) == {life.machine for life in newer.lives}
    for before, after in zip(ensemble.encoders, tuned.encoders, strict=True):
        for a, b in zip(before.get_weights(), after.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(tuned.constants.mean, ensemble.constants.mean)


@pytest.mark.slow
def test_who_learned_from_a_machine_is_not_asked_of_it_later(
    ensemble: Ensemble, material: Material, lessons: Lessons
) -> None:
    """A site with few machines, and a wish for other folds: they keep to the networks that left them out."""
    site = replace(material, lives=[*material.lives[:5], *with_events(fleet(2, first=300))])
    tuned = train(site, replace(QUICK, n_folds=3), start=ensemble)
    assert len(tuned.encoders) == len(lessons) == 2
    for number, (_, held) in enumerate(lessons):
        assert all(ensemble.fold_of.get(name, number) == number for name in held)


@pytest.mark.slow
def test_a_site_may_be_all_in_one_fold(ensemble: Ensemble, material: Material, lessons: Lessons) -> None:
    """Nobody learns from nothing, and nobody is asked nothing: all stays as it was."""
    folds = [
        [one for one in material.lives if ensemble.fold_of[one.machine] == number] for number in range(2)
    ]
    tuned = train(replace(material, lives=max(folds, key=len)), QUICK, start=ensemble)
    assert not lessons
    assert len(tuned.encoders) == 2
    assert all(figure is None or np.isfinite(figure) for figure in tuned.figures.values())
