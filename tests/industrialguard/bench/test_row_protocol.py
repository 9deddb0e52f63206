"""Every detector under the same rules: what it may see, one threshold rule, and no looking ahead."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest

from industrialguard.bench.errors import NotCausalError, NothingToJudgeError
from industrialguard.bench.report import Role
from industrialguard.bench.row_protocol import (
    RULES,
    FileScores,
    LabelledTable,
    Table,
    judge,
    require_causal,
    run_detectors,
)

Floats = npt.NDArray[np.float64]
TRAIN, TEST = 20, 30


@dataclass
class Probe:
    """A detector made of one function; notes what it was shown."""

    score: Callable[[Floats], Floats] = lambda values: np.abs(values[:, 0])
    name: str = "probe"
    role: Role = Role.OURS
    is_main: bool = True
    is_seeded: bool = False
    alarmed: Callable[[Floats], npt.NDArray[np.bool_]] | None = None
    has_train: bool = True
    seen: list[tuple[int, list[Table]]] = field(default_factory=list)
    figures: Mapping[str, float] = field(default_factory=dict)

    def fit_fleet(self, healthy: Sequence[Table], seed: int) -> None:
        self.seen.append((seed, list(healthy)))

    def scores(self, table: Table) -> FileScores:
        found, cut = self.score(table.values), table.train_rows
        alarmed = None if self.alarmed is None else self.alarmed(table.values)[cut:]
        return FileScores(found[:cut] if self.has_train else np.empty(0), found[cut:], alarmed)


def table(name: str = "a", level: float = 0.0) -> LabelledTable:
    """The first sensor rises to 10 in the last third of the test rows, which are labelled."""
    values = np.ones((TRAIN + TEST, 2)) + level
    labels = np.zeros(TRAIN + TEST, np.bool_)
    labels[-10:] = True
    values[-10:, 0] = 10.0
    stamps_s = np.arange(float(TRAIN + TEST))
    return LabelledTable(Table(name, ("x", "y"), stamps_s, values, TRAIN), labels)


def healthy() -> Table:
    return Table("fine", ("x", "y"), np.arange(5.0), np.zeros((5, 2)), 5)


def test_a_detector_learns_from_training_rows_and_healthy_tables_alone() -> None:
    probe = Probe()
    run_detectors([table("a"), table("b")], [healthy()], [probe], [0])
    ((seed, shown),) = probe.seen
    assert seed == 0
    assert [(t.name, len(t.values), len(t.stamps_s)) for t in shown] == [
        ("a", TRAIN, TRAIN),
        ("b", TRAIN, TRAIN),
        ("fine", 5, 5),
    ]
    assert max(t.values.max() for t in shown) < 10


def test_no_detector_is_shown_a_label() -> None:
    assert "label" not in " ".join(Table.__dataclass_fields__)


def test_rows_keep_order_role_and_main() -> None:
    detectors = [Probe(), Probe(name="other", role=Role.BASELINE, is_main=False)]
    rows = run_detectors([table()], [], detectors, [0])
    assert [(r.name, r.role, r.is_main) for r in rows] == [
        ("probe", Role.OURS, True),
        ("other", Role.BASELINE, False),
    ]
    assert rows[0].metrics["auc_roc"].values == (1.0,)
    assert rows[0].metrics["f1"].values == (1.0,)


def test_only_what_is_seeded_runs_with_every_seed() -> None:
    fixed, seeded = Probe(), Probe(name="seeded", is_main=False, is_seeded=True)
    rows = run_detectors([table()], [], [fixed, seeded], [3, 4, 5])
    assert [seed for seed, _ in fixed.seen] == [3]
    assert [seed for seed, _ in seeded.seen] == [3, 4, 5]
    assert [len(r.metrics["f1"].values) for r in rows] == [1, 3]


def test_scores_of_each_file_are_divided_by_its_own_threshold() -> None:
    # The quiet file's event is smaller than the loud file's healthy rows; relative to its own it stands out.
    def scaled(values: Floats) -> Floats:
        found: Floats = np.abs(values[:, 0]) * (100.0 if values[0, 1] > 5 else 1.0)
        return found

    (row,) = run_detectors([table("quiet"), table("loud", level=5.0)], [], [Probe(scaled)], [0])
    assert row.metrics["auc_roc"].values == (1.0,)


def test_the_threshold_is_that_of_the_training_rows() -> None:
    judged = judge(Probe(), table())
    assert judged.scores[0] == pytest.approx(3 / 4)
    assert judged.alarmed.tolist() == [False] * 20 + [True] * 10
    assert len(judged.stamps_s) == TEST


def test_own_decisions_take_the_place_of_the_threshold() -> None:
    always = Probe(alarmed=lambda values: np.ones(len(values), np.bool_))
    judged = judge(always, table())
    assert judged.alarmed.all()
    assert judged.scores[0] == pytest.approx(3 / 4)


def test_without_training_scores_the_scores_stand_as_they_are() -> None:
    judged = judge(Probe(has_train=False), table())
    assert judged.scores.tolist() == [1.0] * 20 + [10.0] * 10


def test_a_row_without_a_score_is_no_alarm_and_scores_nothing() -> None:
    def late(values: Floats) -> Floats:
        found: Floats = np.abs(values[:, 0])
        found[: TRAIN + 3] = np.nan
        found[5:10] = 1.0
        return found

    judged = judge(Probe(late), table())
    assert judged.scores[:3].tolist() == [0.0] * 3
    assert not judged.alarmed[:3].any()


@pytest.mark.parametrize(
    "look_ahead",
    [
        lambda values: np.full(len(values), values[:, 0].max()),
        lambda values: (values[:, 0] - values[:, 0].mean()) / values[:, 0].std(),
        lambda values: np.append(values[1:, 0], 0.0),
    ],
    ids=["maximum of all", "scaler of all", "next row"],
)
def test_whoever_looks_ahead_is_found_out(look_ahead: Callable[[Floats], Floats]) -> None:
    values = table().table.values.copy()
    values[:, 0] += np.linspace(0, 1, len(values))
    given = Table("a", ("x", "y"), np.arange(float(len(values))), values, TRAIN)
    with pytest.raises(NotCausalError, match=r"probe looks ahead: its score of a, row \d+"):
        require_causal(Probe(look_ahead), given)
    require_causal(Probe(lambda v: np.maximum.accumulate(v[:, 0])), given)


def test_an_alarm_that_looks_ahead_is_found_out_too() -> None:
    probe = Probe(alarmed=lambda values: np.full(len(values), len(values) > TRAIN + 25))
    with pytest.raises(NotCausalError):
        run_detectors([table()], [], [probe], [0])


def test_a_detector_that_loses_rows_is_a_defect() -> None:
    with pytest.raises(ValueError, match="scores and alarms for 20 \\+ 30 rows of a"):
        judge(Probe(lambda values: values[:-1, 0]), table())


@pytest.mark.parametrize("value", [True, False])
def test_test_rows_of_one_kind_are_refused(value: bool) -> None:
    only = table()
    labels = np.full(len(only.labels), value)
    with pytest.raises(NothingToJudgeError, match="needs normal and anomalous ones"):
        run_detectors([LabelledTable(only.table, labels)], [], [Probe()], [0])


def test_dropped_sensors_are_gone() -> None:
    without = table().table.without(["x", "unknown"])
    assert without.sensors == ("y",)
    assert without.values.shape == (TRAIN + TEST, 1)


def test_the_rules_say_what_readers_must_know() -> None:
    text = " ".join(RULES)
    for word in ("0.999", "1.333", "Causal", "point-adjusted", "warm-up", "false episode"):
        assert word in text


def test_what_a_detector_says_of_itself_stands_beside_what_was_measured() -> None:
    (row,) = run_detectors([table()], [], [Probe(figures={"model_bytes": 18_448.0})], [0])
    assert row.metrics["model_bytes"].mean == 18_448.0
    assert "auc_roc" in row.metrics
