"""Contenders of a share differ in nothing but what their name says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from contract.lives import Life
from industrialguard.bench.pretraining_deal import Deal
from industrialguard.bench.pretraining_study import CONTENDERS, Study, StudySpec, Weights, contenders_of
from industrialguard.bench.report import Role, Row
from models.forecast.fit import Cuts, FitSpec, Fitter
from models.forecast.pretrain import Histories, Pretrainer
from models.forecast.train import TrainSpec
from models.keras3 import keras
from tests.models.forecast.lives import SPEC, fleet

TINY = StudySpec(
    shares=(0.2, 1.0),
    train=TrainSpec(n_rows=40, n_cuts=300, n_judged=3, fit=FitSpec(epochs=2, steps=2, batch=8)),
    pretrain=FitSpec(epochs=1, steps=2, batch=8),
    n_histories=400,
)
LIVES = fleet(60)
MARK = 7.0
Told = Callable[[int, float], None]


@dataclass(frozen=True, slots=True)
class Fit:
    """What a contender began with, learned from and was chosen by."""

    weights: Weights
    train: Cuts
    held: Cuts
    seed: int

    @property
    def is_marked(self) -> bool:
        """Whether it began with what was pre-trained."""
        return any((each == MARK).all() for each in self.weights)


@dataclass(slots=True)
class Notes:
    """What happened."""

    fits: list[Fit] = field(default_factory=list)
    histories: list[Histories] = field(default_factory=list)
    epochs: int = 0

    def advance(self) -> None:
        """An epoch is over."""
        self.epochs += 1


@dataclass(frozen=True, slots=True)
class Run:
    """A study, its rows and what happened."""

    study: Study
    rows: Mapping[float, tuple[Row, ...]]
    notes: Notes


@pytest.fixture(scope="module")
def run() -> Run:
    """Nothing is learned; pre-training leaves a mark in one layer, and fits are noted."""
    noted = Notes()

    def fit(_: Fitter, encoder: keras.Model, train: Cuts, held: Cuts, seed: int, watch: Told) -> None:
        noted.fits.append(Fit(encoder.get_weights(), train, held, seed))
        for epoch, loss in ((1, 0.5), (2, 0.4)):
            watch(epoch, loss)

    def pretrain(_: Pretrainer, encoder: keras.Model, histories: Histories, __: int, watch: Told) -> None:
        embed = encoder.get_layer("embed")
        embed.set_weights([np.full_like(each, MARK) for each in embed.get_weights()])
        noted.histories.append(histories)
        watch(1, 0.5)

    study = Study(SPEC, LIVES, TINY, noted.advance)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Fitter, "fit", fit)
        patch.setattr(Pretrainer, "fit", pretrain)
        return Run(study, study.run([0, 1]), noted)


def is_alike(one: Cuts, other: Cuts) -> bool:
    """Whether cuts are the same."""
    return np.array_equal(one.targets, other.targets) and all(
        np.array_equal(values, other.inputs[name]) for name, values in one.inputs.items()
    )


@pytest.mark.slow
def test_pairs_differ_by_pre_training_alone(run: Run) -> None:
    notes = run.notes
    entered = [each for share in TINY.shares for each in contenders_of(share)] * 2
    assert [fit.is_marked for fit in notes.fits] == [each.is_pretrained for each in entered]
    assert [fit.seed for fit in notes.fits] == [0] * 6 + [1] * 6
    for place in (0, 2, 4, 6, 8, 10):
        one, other = notes.fits[place], notes.fits[place + 1]
        assert is_alike(one.train, other.train)
        assert is_alike(one.held, other.held)
        np.testing.assert_array_equal(one.weights[-2], other.weights[-2])  # of the last layer
    assert not np.array_equal(notes.fits[0].weights[-2], notes.fits[6].weights[-2])
    assert notes.epochs == TINY.n_epochs(2)
    for share, found in run.rows.items():
        assert [row.name for row in found if row.role is Role.OURS] == [
            each.name for each in contenders_of(share)
        ]
        assert [row.is_main for row in found] == [True, *[False] * (len(found) - 1)]
        assert {row.metrics["best_epoch"].values for row in found if row.role is Role.OURS} == {(2.0, 2.0)}


@pytest.mark.slow
def test_who_learns_from_whom(run: Run) -> None:
    deal, judges = Deal.draw(run.study.others, 0), {life.machine for life in run.study.judges}

    def of(*parts: list[Life]) -> set[str]:
        return {life.machine for part in parts for life in part}

    expected = {
        (0.2, True): of(deal.failed(0.2), deal.still_running(0.2)),
        (0.2, False): of(deal.failed(0.2)),
        (1.0, False): of(deal.failed(1.0)),
    }
    entered = [(share, each) for share in TINY.shares for each in contenders_of(share)]
    for (share, contender), fit in zip(entered, run.notes.fits[:6], strict=True):
        learned = set(fit.train.machines.tolist())
        assert learned <= expected[share, contender.uses_running]
        assert bool(fit.train.targets[:, 1].any()) == contender.uses_running
        assert set(fit.held.machines.tolist()) == of(deal.choosing(share))
        assert not judges & (learned | set(fit.held.machines.tolist()))
    histories, _ = run.notes.histories
    assert set(histories.machines.tolist()) <= expected[0.2, True]
    assert len(set(histories.machines.tolist())) > len(expected[0.2, False])


def test_where_all_ended_nobody_runs() -> None:
    assert contenders_of(0.5) == CONTENDERS
    assert [each.uses_running for each in contenders_of(1.0)] == [False, False]


@pytest.mark.slow
@pytest.mark.long
def test_a_small_study_from_end_to_end() -> None:
    notes = Notes()
    rows = Study(SPEC, LIVES, TINY, notes.advance).run([0, 1])
    assert notes.epochs == TINY.n_epochs(2)
    for found in rows.values():
        by_name = {row.name: row.metrics for row in found}
        for contender in CONTENDERS:
            if contender.name not in by_name:
                continue
            errors = by_name[contender.name]["rmse"].values
            assert len(errors) == 2
            assert all(error is not None and 0 < error < SPEC.horizon for error in errors)
        pre, scratch = (by_name[each.name]["rmse"].values for each in CONTENDERS[2:])
        gains = [100 * (a / b - 1) for a, b in zip(pre, scratch, strict=True) if a and b]
        assert by_name[CONTENDERS[2].name]["rmse_vs_scratch_pct"].values == pytest.approx(gains)
        assert by_name[CONTENDERS[3].name]["rmse_vs_scratch_pct"].values == (0.0, 0.0)
        assert by_name["always the same"]["rmse"].std is not None
