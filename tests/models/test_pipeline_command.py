"""The pipeline's commands: what they refuse at once, and what they print."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract.errors import ConfigError, DataError
from models.__main__ import main
from models.errors import LineageError
from models.pipeline_command import parse_units, shipped_schemas, take_span
from models.snapshot import read_snapshot
from models.stages.life_schema import spec_of
from models.stages.schema import ranges_of, read_schema
from models.stages.spans import find_span
from tests.contract.life_strategies import SPEC
from tests.models.snapshots import fleet, write

FOLDERS = ("--schema", "s.pbtxt", "--root", "root", "--registry", "registry")


def test_help_names_the_three(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("pipeline", "schema", "lineage", "edge"))
    assert main(["pipeline", "--help"]) == 0
    assert "--spans" in capsys.readouterr().out


def test_spans_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder of spans"):
        main(["pipeline", "--spans", str(tmp_path / "none"), *FOLDERS])


@pytest.mark.parametrize("text", ["no json", "[1]"])
def test_settings_must_be_an_object(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(ConfigError, match="--settings"):
        main(["pipeline", "--spans", "x", *FOLDERS, "--settings", str(tmp_path / "settings.json")])


def test_an_unknown_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pipeline", "--speed"]) == 2
    assert "--spans" in capsys.readouterr().err


def test_a_schema_is_drafted_from_a_snapshot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    snapshot = write(tmp_path / "snapshot")
    out = tmp_path / "pump.pbtxt"
    assert main(["schema", "--snapshot", str(snapshot), "--out", str(out), "--unit", "temp=degC"]) == 0
    assert "read its ranges and words" in capsys.readouterr().out
    assert spec_of(read_schema(out)) == SPEC
    assert 'tag: "unit=degC"' in out.read_text()


def test_a_folder_to_write_to_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make it first"):
        main(["schema", "--snapshot", "x", "--out", str(tmp_path / "none" / "pump.pbtxt")])


@pytest.mark.parametrize("text", ["temp", "temp=", "=degC", "other=degC"])
def test_units_are_pairs_of_known_names(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--unit {text}: give NAME=UNIT with one of temp, speed"):
        parse_units([text], ("temp", "speed"))


def test_lineage_without_metadata(tmp_path: Path) -> None:
    with pytest.raises(LineageError, match="there is no pipeline metadata"):
        main(["lineage", "1-ab", "--root", str(tmp_path)])


def test_a_snapshot_becomes_the_next_span_once(tmp_path: Path) -> None:
    first, spans = write(tmp_path / "first"), tmp_path / "spans"
    assert take_span(first, spans) == spans / "span-00001"
    assert take_span(first, spans) == spans / "span-00001"
    second = write(tmp_path / "second", fleet()[1:])
    assert take_span(second, spans) == spans / "span-00002"
    span = find_span(spans, None, datetime.now(UTC))
    assert span.manifest == read_snapshot(second).manifest
    assert span.manifest != find_span(spans, 1, datetime.now(UTC)).manifest


@pytest.mark.parametrize("name", sorted(shipped_schemas()))
def test_schemas_that_ship_describe_lives(name: str) -> None:
    schema = read_schema(shipped_schemas()[name])
    assert spec_of(schema).machine_type == name
    assert all(found.unit for column, found in ranges_of(schema).items() if column.startswith("sensor_"))
