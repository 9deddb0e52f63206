"""The Azure event tables as lives: causal rows, ends as logged, and nothing left out in silence."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from contract.errors import DataError
from contract.lives import End, EventKind, Life, LifeEvent
from contract.snapshot import key_of
from models.lives.azure import SPEC, read_azure

ERRORS = ("2015-01-01 06:00:00,1,error1", "2015-01-03 06:00:00,1,error2", "2015-01-03 07:00:00,1,error2")
FAILURES = ("2015-01-05 06:00:00,1,comp1",)
MAINT = (
    "2014-12-28 06:00:00,1,comp1",
    "2014-12-29 06:00:00,1,comp2",
    "2015-01-05 06:00:00,1,comp1",
    "2015-01-05 06:00:00,1,comp3",
    "2015-01-08 06:00:00,1,comp2",
)
MACHINES = ("1,model3,18",)


def write(
    folder: Path,
    errors: tuple[str, ...] = ERRORS,
    failures: tuple[str, ...] = FAILURES,
    maint: tuple[str, ...] = MAINT,
    machines: tuple[str, ...] = MACHINES,
) -> Path:
    tables = {
        "errors": ('"datetime","machineID","errorID"', errors),
        "failures": ('"datetime","machineID","failure"', failures),
        "maint": ('"datetime","machineID","comp"', maint),
        "machines": ('"machineID","model","age"', machines),
    }
    for name, (header, rows) in tables.items():
        (folder / f"PdM_{name}.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def lives_of(folder: Path, component: str) -> list[Life]:
    return [life for life in read_azure(folder).lives if life.component == component]


def column(life: Life, sensor: str) -> list[float]:
    values: list[float] = life.sensors[:, SPEC.sensors.index(sensor)].tolist()
    return values


def test_a_failed_part_and_its_successor(tmp_path: Path) -> None:
    first, second = lives_of(write(tmp_path), "comp1")
    assert (first.end, first.end_age) == (End.FAILED, 8 * 24)
    assert first.age.tolist() == [96, 120, 144, 168], (
        "from the first day of records to the day before its end"
    )
    assert (second.number, second.end, second.end_age) == (1, End.RUNNING, 3 * 24)
    assert second.age.tolist() == [0, 24, 48, 72]


def test_a_part_replaced_in_time_is_censored(tmp_path: Path) -> None:
    first, second = lives_of(write(tmp_path), "comp2")
    assert (first.end, first.end_age, second.end) == (End.REPLACED, 240, End.RUNNING)


def test_a_part_of_unknown_age_counts_from_the_first_row(tmp_path: Path) -> None:
    (only,) = lives_of(write(tmp_path), "comp4")
    assert (only.age[0], only.end) == (0, End.RUNNING)


def test_errors_are_counted_over_the_last_day_and_its_own_hour(tmp_path: Path) -> None:
    (only,) = lives_of(write(tmp_path), "comp4")
    counts = column(only, "error2_24h")
    assert np.isnan(counts[0]), "the first day on record is not full"
    assert counts[1:5] == [0, 1, 1, 0]
    assert column(only, "error1_24h")[1] == 0, "exactly a day ago is not in the last day"


def test_ages_of_neighbours_are_those_of_the_row(tmp_path: Path) -> None:
    (only,) = lives_of(write(tmp_path), "comp4")
    assert column(only, "comp1_age_days") == [4, 5, 6, 7, 0, 1, 2, 3]
    assert np.isnan(column(only, "comp4_age_days")).all()
    assert column(only, "comp3_age_days")[4:] == [0, 1, 2, 3]
    assert np.isnan(column(only, "comp3_age_days")[:4]).all()


def test_settings_say_age_and_model(tmp_path: Path) -> None:
    (only,) = lives_of(write(tmp_path), "comp4")
    rows = dict(zip(SPEC.settings, only.settings.T.tolist(), strict=True))
    assert rows["machine_years"] == pytest.approx([18 + day / 365.25 for day in range(8)])
    ones = {name for name, values in rows.items() if values == [1.0] * 8}
    assert ones == {"model3"}
    assert (only.machine, only.group) == ("azure-001", "model3")


def test_a_neighbours_end_and_errors_are_events(tmp_path: Path) -> None:
    first, _ = lives_of(write(tmp_path), "comp2")
    assert first.events == (
        LifeEvent(72.0, EventKind.ERROR, "error1"),
        LifeEvent(120.0, EventKind.ERROR, "error2"),
        LifeEvent(121.0, EventKind.ERROR, "error2"),
        LifeEvent(168.0, EventKind.ERROR, "comp1_failed"),
        LifeEvent(168.0, EventKind.MAINTENANCE, "comp1_replaced"),
        LifeEvent(168.0, EventKind.MAINTENANCE, "comp3_replaced"),
    )


def test_the_visit_that_ended_a_life_is_not_seen_by_it(tmp_path: Path) -> None:
    first, second = lives_of(write(tmp_path), "comp1")
    assert [event.code for event in first.events] == ["comp2_replaced", "error1", "error2", "error2"]
    assert [event.code for event in second.events] == ["comp3_replaced", "comp2_replaced"]


def test_dates_are_utc(tmp_path: Path) -> None:
    lives = read_azure(write(tmp_path))
    first = next(life for life in lives.lives if life.component == "comp1")
    assert lives.installed[key_of(first)] == datetime(2014, 12, 28, 6, tzinfo=UTC)


def test_a_failure_without_a_replacement_was_repaired(tmp_path: Path) -> None:
    failures = ("2015-01-05 06:00:00,1,comp4", "2015-01-07 06:00:00,1,comp4")
    lives = lives_of(write(tmp_path, failures=failures), "comp4")
    assert [(life.end, life.end_age) for life in lives] == [
        (End.FAILED, 96),
        (End.FAILED, 48),
        (End.RUNNING, 24),
    ]


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    maint = (*MAINT, "2014-12-27 06:00:00,1,comp2")
    assert read_azure(write(tmp_path, maint=maint)).notes == (
        "1 lives ended before their first row and are left out",
    )


def test_one_model_is_read_alone(tmp_path: Path) -> None:
    folder = write(tmp_path, machines=(*MACHINES, "2,model1,3"))
    assert {life.machine for life in read_azure(folder, "model1").lives} == {"azure-002"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"errors": ("yesterday,1,error1",)}, r"errors\.csv:2: 'yesterday' is no time"),
        ({"errors": ("2015-01-01 06:00:00,1,error9",)}, r"errors\.csv:2: 'error9' is none of error1"),
        ({"errors": ()}, r"errors\.csv: has no rows"),
        ({"failures": ("2015-01-05 06:00:00,1,comp7",)}, r"failures\.csv:2: 'comp7' is none of comp1"),
        ({"maint": ("2015-01-05 06:00:00,5,comp1",)}, r"maint\.csv:2: machine '5' is not in"),
        ({"machines": ("1,model9,18",)}, r"machines\.csv:2: needs one of model1"),
        ({"machines": ("1,model3,",)}, r"machines\.csv:2: needs .* an age"),
        ({"machines": ("1,model3,18", "1,model3,18")}, "stands there twice"),
        ({"machines": ("1,model3",)}, r"machines\.csv:2: has 2 columns"),
    ],
)
def test_a_malformed_table_is_named_with_its_line(
    tmp_path: Path, changes: dict[str, tuple[str, ...]], why: str
) -> None:
    with pytest.raises(DataError, match=why):
        read_azure(write(tmp_path, **changes))


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    (write(tmp_path) / "PdM_failures.csv").unlink()
    with pytest.raises(DataError, match=r"PdM_failures\.csv: there is no such file"):
        read_azure(tmp_path)


def test_the_year_as_published(recorded_data: Path) -> None:
    lives = read_azure(recorded_data / "azure_pdm")
    ends = Counter(life.end for life in lives.lives)
    assert len({life.machine for life in lives.lives}) == 100
    assert ends[End.FAILED] == 761, "every failure is the end of a life"
    assert ends[End.RUNNING] == 400
    (note,) = lives.notes
    assert len(lives.lives) + int(note.split()[0]) == 3286 + 18, (
        "one for each replacement, and unlogged repairs"
    )
