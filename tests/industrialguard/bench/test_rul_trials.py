"""Contenders are fitted to what they may see, and judged alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from contract.lives import Life, LifeSpec
from industrialguard.bench.report import Role, Row
from industrialguard.bench.rul_rows import Contender, Subset
from industrialguard.bench.rul_trials import (
    LEFT_OUT_CUTS,
    SERVED,
    SERVED_AT_ONCE,
    Work,
    chance_of_less,
    run_contenders,
)
from models.forecast.truths import N_LEVELS, Floats, Forecaster, Forecasts
from tests.models.forecast.lives import SPEC, fleet


class Says:
    """Says one number of every life."""

    def __init__(self, number: float) -> None:
        self.number = number

    def forecast(self, lives: Sequence[Life]) -> Forecasts:
        said = np.full(len(lives), self.number)
        return Forecasts.of_model(said, np.repeat(said[:, None], N_LEVELS, axis=1), SPEC.horizon)


@dataclass
class Notebook:
    """Remembers what it was fitted to."""

    fits: list[tuple[int, int]] = field(default_factory=list)
    """Lives and seed."""

    def fit(self, lives: Sequence[Life], _: LifeSpec, seed: int) -> Forecaster:
        self.fits.append((len(lives), seed))
        return Says(float(seed))


def subsets() -> list[Subset]:
    lives = fleet(9)
    cut = [life.cut(len(life.age) - 5) for life in lives]
    return [Subset("a", tuple(lives[:4]), tuple(cut[6:8])), Subset("b", tuple(lives[4:6]), tuple(cut[8:]))]


def work(judged: Sequence[Subset], seeds: Sequence[int]) -> Work:
    return Work(judged, fleet(6), SPEC, seeds)


def run(work: Work, contenders: Sequence[Contender]) -> dict[str, tuple[Row, ...]]:
    return run_contenders(work, contenders).rows


def other(notebook: Notebook, name: str = "other") -> Contender:
    return Contender(name, Role.BASELINE, notebook.fit)


def test_an_own_fit_for_each_subset_and_seed() -> None:
    notebook = Notebook()
    rows = run(work(subsets(), [0, 1]), [Contender("own", Role.OURS, notebook.fit, is_main=True)])
    assert notebook.fits == [(4, 0), (2, 0), (4, 1), (2, 1)]
    assert list(rows) == ["a", "b"]
    (row,) = rows["a"]
    assert (row.name, row.role, row.is_main) == ("own", Role.OURS, True)
    assert row.metrics["rmse"].values == (5, 4)


def test_one_fit_to_everyone_serves_all_subsets() -> None:
    notebook = Notebook()
    run(work(subsets(), [0, 1]), [Contender("joint", Role.OURS, notebook.fit, learns_from_all=True)])
    assert notebook.fits == [(6, 0), (6, 1)]


def test_what_has_no_seed_is_fitted_once() -> None:
    notebook = Notebook()
    contenders = [Contender("plain", Role.BASELINE, notebook.fit, is_seeded=False)]
    (row,) = run(work(subsets()[:1], [3, 4, 5]), contenders)["a"]
    assert notebook.fits == [(4, 3)]
    assert row.metrics["rmse"].values == (2,)


def test_rows_that_begin_with_the_same_fit_share_it() -> None:
    notebook = Notebook()
    tuned: list[tuple[int, int]] = []

    def tune(start: Says, lives: Sequence[Life], _: LifeSpec, seed: int) -> Forecaster:
        tuned.append((len(lives), seed))
        return Says(start.number + 1)

    whole = Contender("whole", Role.OURS, notebook.fit, learns_from_all=True, is_main=True)
    contenders = [whole, replace(whole, name="tuned", tune=tune, is_main=False), other(Notebook())]
    rows = run(work(subsets(), [3, 4]), contenders)["b"]
    assert notebook.fits == [(6, 3), (6, 4)]
    assert tuned == [(4, 3), (2, 3), (4, 4), (2, 4)]
    assert [row.metrics["rmse"].values for row in rows] == [(2, 1), (1, 0), (2, 1)]


def test_longest_lives_are_followed_by_the_first_fit_of_the_main_one() -> None:
    main = Contender("main", Role.OURS, Notebook().fit, is_main=True)
    outcome = run_contenders(replace(work(subsets(), [0, 1]), drawn=1), [main, other(Notebook())])
    longest = [max(subset.test, key=lambda life: len(life.age)).machine for subset in subsets()]
    assert [course.name for course in outcome.courses] == longest
    assert all((course.said == 0).all() for course in outcome.courses), "of the first seed"
    assert not run_contenders(work(subsets(), [0]), [main]).courses


def test_what_is_said_of_left_out_engines_is_judged_apart() -> None:
    asked: list[list[tuple[str, int]]] = []

    def left_out(_: Says, cuts: Sequence[Life]) -> Floats:
        asked.append([(cut.machine, len(cut.age)) for cut in cuts])
        return np.array([cut.remaining for cut in cuts]) + 3.0

    one = Contender("one", Role.OURS, Notebook().fit, is_main=True, left_out=left_out)
    same = replace(other(Notebook()), left_out=left_out)
    few = [Subset("a", tuple(life.cut(30) for life in fleet(2)), subsets()[0].test), *subsets()[1:]]
    judged = [row.metrics for row in run(work(few, [0, 1]), [one, same, other(Notebook(), "c")])["b"]]
    assert [each.get("rmse_left_out") for each in judged][2] is None
    assert judged[0]["rmse_left_out"].values == judged[1]["rmse_left_out"].values
    assert {len(cuts) for cuts in asked} == {2 * LEFT_OUT_CUTS}
    assert asked[0] == asked[2] == asked[4], "the same cuts for all contenders and seeds"


def test_it_is_said_how_sure_the_main_one_is_better() -> None:
    contenders = [
        Contender("good", Role.OURS, lambda *_: Says(6.0), is_main=True),
        Contender("bad", Role.BASELINE, lambda *_: Says(20.0)),
        Contender("same", Role.BASELINE, lambda *_: Says(4.0)),
    ]
    good, bad, same = run(work(subsets(), [0, 1]), contenders)["a"]
    assert "main_is_better" not in good.metrics
    assert bad.metrics["main_is_better"].values == (1.0,)
    assert same.metrics["main_is_better"].values == (0.5,), "as wrong, in the other direction"


def test_a_small_difference_is_told_from_a_sure_one() -> None:
    random = np.random.default_rng(3)
    ours = random.exponential(1.0, 100)
    noise = random.normal(0, 1.0, 100)
    assert 0.2 < chance_of_less(ours, ours + noise - noise.mean()) < 0.8
    assert chance_of_less(ours, ours + noise - noise.mean() + 0.5) > 0.99
    assert chance_of_less(ours + noise - noise.mean() + 0.5, ours) < 0.01


def test_what_is_served_is_asked_of_ten_thousand_machines() -> None:
    exported: list[int] = []
    asked: list[int] = []

    def serve(fitted: Says, lives: Sequence[Life]) -> Callable[[Sequence[Life]], object]:
        exported.append(len(lives))
        return lambda some: asked.append(len(some))

    everyone = [
        Contender("ours", Role.OURS, Notebook().fit, is_main=True, serve=serve),
        Contender("floor", Role.BASELINE, Notebook().fit),
    ]
    ours, floor = run(work(subsets()[:1], [0]), everyone)["a"]
    assert exported == [4], "golden examples are of the training lives"
    assert sum(asked) - 1 == SERVED and max(asked) <= SERVED_AT_ONCE
    assert "serve_10000_s" in ours.metrics and "serve_10000_s" not in floor.metrics
    assert {"fit_s"} < set(ours.metrics) & set(floor.metrics)


def test_rows_hold_the_shape_of_reports() -> None:
    (row,) = run(work(subsets()[:1], [0]), [Contender("a", Role.OURS, Notebook().fit, is_main=True)])["a"]
    assert isinstance(row, Row)
    assert row.to_json()["main"] is True
