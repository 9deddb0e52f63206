"""The report of the benchmark is read as it is written, and nothing else is taken for one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.value import LARGEST, MEASURES, Change, parse_value, read_value
from contract.errors import DataError
from tests.cloud.value_sample import value_report


def test_it_is_read_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "fleet.json"
    path.write_text(json.dumps(value_report()), "utf-8")
    report = read_value(path)
    assert (report.dataset, report.plants, report.started) == ("fleet-year/held-out", 3, "2026-11-23")
    ours, other = report.rows
    assert ours.is_ours and not other.is_ours
    assert [figure.measure for figure in ours.figures] == list(MEASURES)
    change = ours.figures[0].change
    assert change == Change(-60.0, -75.0, -40.0) and change.is_sure
    assert other.figures[0].change is None


@pytest.mark.parametrize(
    ("low", "high", "is_sure"), [(-3, -1, True), (1, 3, True), (-1, 1, False), (0, 2, False)]
)
def test_what_may_be_chance_is_not_sure(low: float, high: float, is_sure: bool) -> None:
    assert Change(1.0, low, high).is_sure is is_sure


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: found | {"bench": "rul"},
        lambda found: {key: value for key, value in found.items() if key != "rows"},
        lambda found: [found],
        lambda found: found | {"rows": [{"name": "x", "metrics": {}}]},
        lambda found: found | {"rows": 7},
    ],
    ids=["another bench", "no rows", "a list", "no metrics", "a number"],
)
def test_another_shape_is_refused(spoil) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError):
        parse_value(json.dumps(spoil(value_report())))


@given(st.text())
def test_any_text_is_a_report_or_refused(text: str) -> None:
    with pytest.raises(DataError):
        parse_value(text)


def test_a_file_that_is_not_there_or_too_large_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_value(tmp_path / "none.json")
    path = tmp_path / "giant.json"
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(DataError, match="too large"):
        read_value(path)
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match="no text"):
        read_value(tmp_path / "bytes.json")
