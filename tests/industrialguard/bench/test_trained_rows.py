"""What is trained here, under the protocol of the baselines."""

from pathlib import Path

import numpy as np
import pytest

from contract.errors import ConfigError
from contract.profiles import load_profile
from industrialguard.bench.hardest import draw_hardest
from industrialguard.bench.report import Role, format_markdown
from industrialguard.bench.skab import SkabTables, read_tables, run_skab
from industrialguard.bench.trained_rows import TrainedAgent, TrainedFleet, VariantContender
from models.config import FitConfig
from models.variants import SHIPS, STUDENT
from tests.industrialguard.bench.tables import write_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

QUICK = FitConfig(epochs=2, max_windows=12_800, tuning_epochs=1)


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
    assert f"**{SHIPS}**" in format_markdown(report)
    picture = tmp_path / "hard.png"
    assert draw_hardest(picture, main, read_tables(folder).labelled) in {"valve1/0.csv", "other/7.csv"}
    assert picture.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ConfigError, match="cannot be written"):
        draw_hardest(tmp_path / "missing" / "hard.png", main, read_tables(folder).labelled)


def test_an_agent_that_learned_nothing_is_a_mistake(fleet: TrainedFleet, tables: SkabTables) -> None:
    with pytest.raises(ValueError, match="fit_fleet"):
        TrainedAgent("agent", fleet).scores(tables.labelled[0].table)
