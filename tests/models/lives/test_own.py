"""A plant's own tables: the documented example gives the documented lives, and what does not fit has a line
number.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from contract.errors import DataError
from contract.lives import End, EventKind, Life, LifeEvent
from contract.snapshot import key_of
from models.lives.own import read_own
from tests.conftest import PROJECT_ROOT
from tests.docs.documents import read_document

DOCUMENT = read_document(PROJECT_ROOT / "docs" / "training-data.md", "docs/training-data.md")
TOML, READINGS, LOG = (block.text + "\n" for block in DOCUMENT.blocks if block.language in {"toml", "csv"})
LIFE_ROW = re.compile(
    r"^\| (press-\d) \| (\w+) (\d) \| [^|]+ \| ([\d, ]+) \| ([^|]*) \| (\w+) at ([\d.]+) \|$", re.MULTILINE
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "machine.toml").write_text(TOML)
    (tmp_path / "readings.csv").write_text(READINGS)
    (tmp_path / "maintenance.csv").write_text(LOG)
    return tmp_path


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def summary(life: Life) -> tuple[str, ...]:
    """A life as a row of the document's table."""
    ages = ", ".join(f"{age:g}" for age in life.age)
    codes = ", ".join(event.code for event in life.events) or "none"
    return (life.machine, life.component, str(life.number), ages, codes, str(life.end), f"{life.end_age:.3g}")


def test_the_documented_example_gives_the_documented_lives(folder: Path) -> None:
    rows = [tuple(map(str.strip, found)) for found in LIFE_ROW.findall(DOCUMENT.prose)]
    documented = [(*row[:4], re.sub(r" at [\d.]+", "", row[4]), *row[5:]) for row in rows]
    lives = read_own(folder).lives
    assert len(documented) == 5
    assert [summary(life) for life in lives] == documented


def test_rows_and_events_have_their_numbers(folder: Path) -> None:
    lives = read_own(folder)
    assert (lives.spec.time_unit, lives.spec.horizon, lives.notes) == ("h", 500, ())
    assert lives.spec.events == (
        *("greased", "overheated", "seal_failed", "seal_replaced"),
        *("pump_failed", "pump_replaced"),
    )
    first = lives.lives[0]
    assert first.end is End.FAILED
    assert first.end_age == pytest.approx(29 / 3)
    assert first.settings.tolist() == [[12], [12]]
    assert first.sensors.tolist() == [[41, 181], [41.5, 181]]
    assert first.events == (LifeEvent(8.5, EventKind.MAINTENANCE, "greased"),)
    assert np.isnan(lives.lives[2].sensors[3, 0])
    assert lives.installed[key_of(first)].isoformat() == "2026-01-04T22:00:00+00:00"


def test_a_file_for_each_machine_gives_the_same_lives(folder: Path) -> None:
    expected = [summary(life) for life in read_own(folder).lives]
    header, *rows = (folder / "readings.csv").read_text().splitlines()
    (folder / "readings.csv").unlink()
    (folder / "readings").mkdir()
    for machine in ("press-1", "press-2"):
        lines = [header.removeprefix("machine,")]
        lines += [row.removeprefix(f"{machine},") for row in rows if row.startswith(machine)]
        path = folder / "readings" / f"{machine}.csv.gz"
        path.write_bytes(gzip.compress("\n".join(lines).encode()))
    assert [summary(life) for life in read_own(folder).lives] == expected


def test_rows_in_any_order_semicolons_zones_and_further_columns_are_fine(folder: Path) -> None:
    expected = [summary(life) for life in read_own(folder).lives]
    header, *rows = (folder / "readings.csv").read_text().splitlines()
    lines = [f"{header},remark", *(f"{row},ok" for row in reversed(rows))]
    text = "\n".join(lines).replace(",", ";").replace("2026-01-05 06:00;12", "2026-01-05T08:00+02:00;12")
    (folder / "readings.csv").write_text(text)
    assert [summary(life) for life in read_own(folder).lives] == expected


def test_an_empty_log_means_that_all_still_run(folder: Path) -> None:
    (folder / "maintenance.csv").write_text(LOG.splitlines()[0] + "\n")
    lives = read_own(folder).lives
    assert len(lives) == 4
    assert {life.end for life in lives} == {End.RUNNING}


def test_machines_in_the_log_without_readings_are_said(folder: Path) -> None:
    with (folder / "maintenance.csv").open("a") as file:
        file.write("press-9,2026-01-05 06:10,pump,failure,\n")
    lives = read_own(folder)
    assert lives.notes == ("maintenance.csv: tells of 1 machines without readings, press-9 first",)
    assert len(lives.lives) == 5


def test_lives_without_rows_are_said(folder: Path) -> None:
    with (folder / "maintenance.csv").open("a") as file:
        file.write("press-2,2026-01-05 06:10,pump,replacement,\npress-2,2026-01-05 06:20,pump,replacement,\n")
    assert read_own(folder).notes == ("1 lives ended before their first row and are left out",)


@pytest.mark.parametrize(
    ("file", "old", "new", "why"),
    [
        ("machine.toml", "horizon", "horizont", r"machine\.toml: machine: unknown key 'horizont'"),
        ("machine.toml", '"h" ', '"d" ', r"machine\.toml: needs a time_unit that is s or h"),
        ("machine.toml", '["seal", "pump"]', "[]", r"machine\.toml: a machine type needs a component"),
        ("machine.toml", "500", "-1", r"machine\.toml: horizon must be positive"),
        ("machine.toml", '"oil_temp"', '"Oil temp"', r"machine\.toml: 'Oil temp'"),
        (
            "machine.toml",
            '"oil_temp"',
            '"stroke_rate"',
            r"machine\.toml: stroke_rate is a setting and a sensor",
        ),
        ("machine.toml", "=", ":", r"machine\.toml: not valid TOML"),
        (
            "readings.csv",
            "oil_temp",
            "oil_tmp",
            r"readings\.csv:1: lacks the columns oil_temp; it has machine",
        ),
        ("readings.csv", "41.5", "warm", r"readings\.csv:3: .*'warm' is not a number"),
        ("readings.csv", "41.5", "inf", r"readings\.csv:3: oil_temp is infinite"),
        ("readings.csv", "07:00", "06:00", r"readings\.csv:3: press-1 has another row of the same time"),
        ("readings.csv", "2026-01-05 07:00", "monday", r"readings\.csv:3: 'monday' is no time"),
        ("readings.csv", "press-1,", "press 1,", r"readings\.csv:2: machine 'press 1'"),
        ("readings.csv", ",181", "", r"readings\.csv:2: has 4 columns, the header has 5"),
        ("maintenance.csv", "failure", "broken", r"maintenance\.csv:4: kind 'broken' is none of failure"),
        (
            "maintenance.csv",
            "seal,failure",
            "gasket,failure",
            r"maintenance\.csv:4: component 'gasket' is none of",
        ),
        ("maintenance.csv", "seal,failure", ",failure", r"maintenance\.csv:4: a failure needs its component"),
        ("maintenance.csv", "failure,", "failure,greased", r"maintenance\.csv:4: .* has no code"),
        ("maintenance.csv", ",greased", ",oiled", r"maintenance\.csv:3: code 'oiled' is not one of `codes`"),
        ("maintenance.csv", ",greased", ",", r"maintenance\.csv:3: code '' is not one"),
        ("maintenance.csv", "component", "part", r"maintenance\.csv:1: lacks the columns component"),
    ],
)
def test_what_does_not_fit_has_file_and_line(folder: Path, file: str, old: str, new: str, why: str) -> None:
    replace_in(folder / file, old, new)
    with pytest.raises(DataError, match=why) as caught:
        read_own(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["machine.toml", "maintenance.csv"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name}: there is no such file"):
        read_own(folder)


def test_missing_readings_are_named(folder: Path) -> None:
    (folder / "readings.csv").unlink()
    with pytest.raises(DataError, match=r"neither readings\.csv nor readings/MACHINE\.csv"):
        read_own(folder)


def test_readings_without_rows_are_no_lives(folder: Path) -> None:
    (folder / "readings.csv").write_text(READINGS.splitlines()[0] + "\n")
    with pytest.raises(DataError, match=r"readings\.csv: has no rows"):
        read_own(folder)


def test_two_files_of_one_machine_are_refused(folder: Path) -> None:
    (folder / "readings.csv").unlink()
    (folder / "readings").mkdir()
    text = "time,stroke_rate,oil_temp,pressure\n2026-01-05 06:00,12,41,181\n"
    (folder / "readings" / "press-1.csv").write_text(text)
    (folder / "readings" / "press-1.csv.gz").write_bytes(gzip.compress(text.encode()))
    with pytest.raises(DataError, match="there is another file of machine press-1"):
        read_own(folder)
