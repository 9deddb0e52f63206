"""PRONOSTIA bearings, from a folder to reports."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from contract.errors import DataError
from contract.features import showing_wear
from industrialguard.bench import femto
from industrialguard.bench.creep_rows import NOBODY_FOLLOWS
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.femto import (
    FEATURES,
    FIT,
    LEVELS,
    RUNS,
    TABLE,
    bench_femto,
    make_fleet,
    read_table,
    table_baselines,
    table_columns,
    to_band_levels,
)
from industrialguard.bench.femto_course import OwnWarmup
from industrialguard.bench.femto_rule import Rule, judge_bearings
from industrialguard.bench.femto_student import TAUGHT, BearingFleet
from industrialguard.bench.no_network import NoNetwork
from models.variants import SHIPS
from tests.industrialguard.bench.bearings import LOUD_FROM, WINDOWS, write_table

OWN = OwnWarmup(60, 30)


@pytest.fixture(autouse=True)
def short_warmup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the warm-up, so that half as long lives will do."""
    monkeypatch.setattr(femto, "OWN", OWN)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("femto") / TABLE)


def test_a_table_is_read_as_logarithms(table: Path) -> None:
    bearings = read_table(table)
    assert [b.name for b in bearings] == [f"Bearing{n}" for n in range(5)]
    assert bearings[0].rows.shape == (WINDOWS, len(table_columns()))
    levels = bearings[0].rows[:, : len(LEVELS)]
    assert abs(float(np.median(levels[:LOUD_FROM]))) < 0.01
    assert float(np.median(levels[LOUD_FROM:])) == pytest.approx(1.0, abs=0.02)
    assert bearings[0].times_s[1] == 10.0


def test_a_share_of_the_energy_becomes_the_rms_of_its_band() -> None:
    shares = np.array([0.5, 0.25, 0.2, 0.05])
    axis = [3.0, 9.0, 3.0, 2.9, *shares]
    rows = 10.0 ** to_band_levels(np.log10([[*axis, *(2.0 * np.array(axis[:4])), *shares]]))
    for first, rms in ((0, 3.0), (len(FEATURES), 6.0)):
        bands = rows[0, first + len(LEVELS) : first + len(FEATURES)]
        assert bands == pytest.approx(rms * np.sqrt(shares))
        assert (bands**2).sum() == pytest.approx(rms**2)
        assert rows[0, first] == pytest.approx(rms)


def test_nobody_follows_creep_as_the_protocol_says() -> None:
    assert NOBODY_FOLLOWS in femto.RULES
    assert showing_wear(make_fleet(FIT, [0], 6).profile).all()


def test_all_that_needs_no_network_finds_what_is_loud(table: Path) -> None:
    bearings = read_table(table)
    for contender in table_baselines(OWN):
        if contender.name == "isolation forest":
            continue  # once all is far off, it cannot say how far
        findings = judge_bearings(contender, bearings, Rule(OWN, RUNS, 1 / 20), 0)
        assert all(f.is_in_time for f in findings), contender.name
        assert sum(f.is_early for f in findings) <= 1, contender.name


def test_the_reports_name_every_bearing(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = femto.make_fleet

    def without_network(*args: object) -> BearingFleet:
        fleet = make(*args)  # type: ignore[arg-type]
        fleet.teach = lambda learning, held_out, config: {name: NoNetwork() for name in TAUGHT}
        return fleet

    monkeypatch.setattr(femto, "make_fleet", without_network)
    reports = bench_femto(table.parent, [0, 1])
    assert [report.dataset for report in reports] == [
        "femto/own-warm-up/one-in-20",
        "femto/own-warm-up/one-in-6",
        "femto/share-of-life/one-in-20",
        "femto/share-of-life/one-in-6",
    ]
    for report in reports:
        (main,) = [row for row in report.rows if row.is_main]
        assert main.name == SHIPS
        assert len(main.metrics["alarm_before_end_pct"].values) == 2
        assert {f"first_alarm_pct_Bearing{n}" for n in range(5)} <= set(main.metrics)
        names = {row.name for row in report.rows}
        assert names >= {*TAUGHT, "RMS alone", "kurtosis alone", "Mahalanobis", "isolation forest"}
        assert "always alarm" in names
        assert "Leave one bearing out" in " ".join(report.protocol)
    assert "probability of 0.050" in " ".join(reports[0].protocol)
    assert "probability of 0.167" in " ".join(reports[1].protocol)


def test_what_cannot_be_judged_is_said(tmp_path: Path) -> None:
    with pytest.raises(NothingToJudgeError, match="neither"):
        bench_femto(tmp_path, [0])
    with pytest.raises(NothingToJudgeError, match="4 bearings"):
        read_table(write_table(tmp_path / "few.csv.gz", count=4))
    with pytest.raises(NothingToJudgeError, match="too short"):
        read_table(write_table(tmp_path / "short.csv.gz", windows=200))


def test_malformed_tables_are_said(tmp_path: Path) -> None:
    path = tmp_path / TABLE
    path.write_bytes(b"not packed")
    with pytest.raises(DataError, match="cannot be read"):
        read_table(path)
    path.write_bytes(gzip.compress(b"bearing,h_rms\nB1,loud\n"))
    with pytest.raises(DataError, match="needs a column"):
        read_table(path)


def test_the_published_table(recorded_data: Path) -> None:
    path = recorded_data / "femto" / TABLE
    if not path.is_file():
        pytest.skip(f"no {path}")
    lengths = {bearing.name: len(bearing.rows) for bearing in read_table(path)}
    assert lengths == {
        "Bearing1_1": 2803,
        "Bearing1_2": 871,
        "Bearing2_1": 911,
        "Bearing2_2": 797,
        "Bearing3_1": 515,
        "Bearing3_2": 1637,
    }
