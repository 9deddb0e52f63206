"""What is trained here, under the protocol of the baselines."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.errors import ConfigError
from contract.profiles import load_profile
from industrialguard.bench.creep_rows import not_followed
from industrialguard.bench.hardest import draw_hardest
from industrialguard.bench.no_network import NO_NETWORK
from industrialguard.bench.report import Role, format_markdown
from industrialguard.bench.row_protocol import Table
from industrialguard.bench.skab import SkabTables, read_tables, run_skab
from industrialguard.bench.trained_rows import TrainedAgent, TrainedFleet, VariantContender
from models.baselines import threshold
from models.config import FitConfig
from models.variants import SHIPS, STUDENT
from tests.industrialguard.bench.tables import write_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

QUICK = FitConfig(epochs=2, max_windows=12_800, tuning_epochs=1)
SHORT_TRAINING = 200
CREPT = 0.6
"""A, in 2200 rows: some four spreads of a window's mean, by a third of one in the time of a baseline."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("skab"))


@pytest.fixture(scope="module")
def tables(folder: Path) -> SkabTables:
    return read_tables(folder)


@pytest.fixture(scope="module")
def fleet(tables: SkabTables) -> TrainedFleet:
    fleet = TrainedFleet(load_profile("pump-loop"), (SHIPS, STUDENT), QUICK)
    heads = [file.table.head(file.table.train_rows) for file in tables.labelled]
    fleet.learn([*heads, *tables.healthy], 0)
    return fleet


def creeping(table: Table) -> Table:
    """A longer one without an event, whose current rises slowly once the training rows are over."""
    values = np.tile(table.values[: table.train_rows], (6, 1))
    away = np.arange(len(values)) - SHORT_TRAINING
    values[:, table.sensors.index("current")] += CREPT * np.maximum(away, 0) / away[-1]
    stamps_s = table.stamps_s[0] + np.arange(len(values))
    return replace(table, stamps_s=stamps_s, values=values, train_rows=SHORT_TRAINING)


def test_the_shift_stands_out_of_the_training_rows(fleet: TrainedFleet, tables: SkabTables) -> None:
    contender = VariantContender(SHIPS, fleet)
    file = tables.labelled[0]
    found = contender.scores(file.table)
    assert (len(found.train), len(found.test)) == (400, 300)
    assert contender.is_main
    assert contender.role is Role.OURS
    event = file.labels[400:]
    assert np.nanmedian(found.test[event]) > 3 * np.nanmax(found.train)


def test_a_score_needs_half_a_context(fleet: TrainedFleet, tables: SkabTables) -> None:
    scores = fleet.score(tables.labelled[0].table, STUDENT, 0)
    # Ten rows make a window, and half of the 64 windows must be known.
    first = int(np.flatnonzero(np.isfinite(scores))[0])
    assert 32 <= first <= 60
    assert np.isfinite(scores[first:]).all()


def test_a_gap_leaves_rows_without_a_score(fleet: TrainedFleet, tables: SkabTables) -> None:
    table = tables.labelled[0].table
    stamps = table.stamps_s + np.where(np.arange(700) >= 600, 60.0, 0.0)
    late = type(table)(table.name, table.sensors, stamps, table.values, table.train_rows)
    scores = fleet.score(late, SHIPS, 0)
    assert np.isfinite(scores[590])
    assert np.isnan(scores[605:630]).all()
    assert np.isfinite(scores[660:]).all()


@pytest.mark.parametrize("name", [SHIPS, NO_NETWORK])
def test_what_creeps_is_an_error_only_for_those_who_do_not_follow(
    fleet: TrainedFleet, tables: SkabTables, name: str
) -> None:
    assert fleet.variant(not_followed(name), 0).network is fleet.variant(name, 0).network
    table = creeping(tables.labelled[0].table)
    followed, held = (fleet.score(table, one, 0) for one in (name, not_followed(name)))
    assert np.nanmedian(held[-100:]) > 1.5 * threshold(held[: table.train_rows])
    assert np.nanmedian(followed[-100:]) < 0.75 * threshold(followed[: table.train_rows])


def test_who_does_not_follow_has_a_yardstick_of_his_own(fleet: TrainedFleet) -> None:
    follows, held = (fleet.variant(name, 0) for name in (NO_NETWORK, not_followed(NO_NETWORK)))
    assert (held.yardstick.residual >= follows.yardstick.residual).all()
    assert (held.yardstick.residual > follows.yardstick.residual).any()


def test_vectors_are_computed_once_for_each_content(fleet: TrainedFleet, tables: SkabTables) -> None:
    table = tables.labelled[0].table
    assert fleet.vectors(replace(table)) is fleet.vectors(table)
    assert fleet.vectors(replace(table, values=table.values + 1.0)) is not fleet.vectors(table)


def test_what_it_costs_is_said(fleet: TrainedFleet) -> None:
    figures = VariantContender(SHIPS, fleet).figures
    assert 0 < figures["packed_bytes"] < figures["model_bytes"] < 32_000
    assert VariantContender(STUDENT, fleet).figures["model_bytes"] > figures["model_bytes"]
    assert figures["latency_p50_us"] > 0


def test_a_seed_is_trained_once(fleet: TrainedFleet) -> None:
    before = fleet.variant(SHIPS, 0)
    fleet.learn([], 0)
    assert fleet.variant(SHIPS, 0) is before


def test_report_picture_and_agent(fleet: TrainedFleet, folder: Path, tmp_path: Path) -> None:
    main = VariantContender(SHIPS, fleet)
    report = run_skab(folder, (main, TrainedAgent("agent", fleet)), [0])
    assert [row.name for row in report.rows] == [SHIPS, "agent"]
    assert f"**{SHIPS}**" in format_markdown([report])
    picture = tmp_path / "hard.png"
    assert draw_hardest(picture, main, read_tables(folder).labelled) in {"valve1/0.csv", "other/7.csv"}
    assert picture.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ConfigError, match="cannot be written"):
        draw_hardest(tmp_path / "missing" / "hard.png", main, read_tables(folder).labelled)


def test_an_agent_that_learned_nothing_is_a_mistake(fleet: TrainedFleet, tables: SkabTables) -> None:
    with pytest.raises(ValueError, match="fit_fleet"):
        TrainedAgent("agent", fleet).scores(tables.labelled[0].table)
