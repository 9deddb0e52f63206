"""The baselines as contenders."""

import numpy as np
import pytest

from industrialguard.bench.baseline_rows import BaselineContender, baselines, sensor_alone
from industrialguard.bench.report import Role
from industrialguard.bench.row_protocol import Table, require_causal

ROWS, TRAIN = 300, 200


def table(seed: int = 1) -> Table:
    random = np.random.default_rng(seed)
    values = random.normal(size=(ROWS, 3)) * np.array([1.0, 20.0, 0.1])
    values[250:, 1] += 200.0
    return Table("a", ("x", "flow", "y"), np.arange(float(ROWS)), values, TRAIN)


@pytest.mark.parametrize("smoothing", [True, False])
def test_each_has_a_name_of_its_own_and_none_is_ours(smoothing: bool) -> None:
    contenders = baselines(smoothing)
    assert len({c.name for c in contenders}) == len(contenders)
    assert all(c.role is Role.BASELINE and not c.is_main for c in contenders)
    assert any("rows" in c.name for c in contenders) is smoothing


@pytest.mark.parametrize("contender", baselines(), ids=lambda c: c.name)
def test_each_is_causal_and_scores_every_row(contender: BaselineContender) -> None:

    require_causal(contender, table())
    found = contender.scores(table())
    assert (len(found.train), len(found.test)) == (TRAIN, ROWS - TRAIN)


def test_only_the_forest_is_seeded_and_takes_its_seed() -> None:
    (forest,) = [c for c in baselines() if c.is_seeded]
    assert forest.name.startswith("isolation forest")
    scores = []
    for seed in (1, 1, 2):
        forest.fit_fleet([], seed)
        scores.append(forest.scores(table()).test)
    np.testing.assert_array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])


def test_always_alarm_always_alarms() -> None:
    found = baselines()[0].scores(table())
    assert found.alarmed is not None
    assert found.alarmed.all()


def test_a_sensor_alone_sees_no_other() -> None:
    alone = sensor_alone("flow", 5)
    changed = table()
    changed.values[:, [0, 2]] = 1e6
    np.testing.assert_allclose(alone.scores(table()).test, alone.scores(changed).test)
    assert alone.scores(table()).test[60:].min() > 5


def test_nothing_is_learned_from_test_rows() -> None:
    # The event is huge; a scaler that had seen it would hide it from the training rows' threshold.
    mean_z = next(c for c in baselines() if c.name.startswith("mean |z|"))
    calm = table()
    calm.values[TRAIN:, 1] = 0.0
    np.testing.assert_array_equal(mean_z.scores(table()).train, mean_z.scores(calm).train)
