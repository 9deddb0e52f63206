"""`train edge`: alone it writes a bundle, with a registry it is the pipeline; what it refuses and keeps."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from contract.errors import ConfigError
from contract.profiles import format_profile
from contract.registry import ModelKind, ModelLine, Note, Papers, Registry
from contract.snapshot import Split
from models.__main__ import main
from models.config import TrainConfig
from models.edge_command import add_edge, find_start, keep_schema, write_span
from models.errors import TooLittleDataError
from models.recordings import write_recording
from models.stages.schema import read_schema, write_schema
from models.stages.window_schema import profile_of
from tests.models.stages.fans import PROFILE, Odd, fan_readings

SHORT = Odd(seconds=60)


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """Recordings of fans 8 to 19, which fall to all three sides, and their profile."""
    (tmp_path / "fans").mkdir()
    (tmp_path / "fan.toml").write_text(format_profile(PROFILE))
    for number in range(8, 20):
        name = f"fan-{number:02d}"
        write_recording(tmp_path / "fans" / f"{name}.npz", name, PROFILE.name, fan_readings(number, SHORT))
    return tmp_path


def config(plant: Path, **changes: Any) -> TrainConfig:
    return TrainConfig(str(plant / "fan.toml"), f"npz:{plant / 'fans'}", plant / "fan.igb", **changes)


def command(plant: Path, *more: str) -> list[str]:
    return ["edge", "--profile", str(plant / "fan.toml"), "--data", f"npz:{plant / 'fans'}", *more]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ((), "give --out FILE, or --registry DIR and --root DIR"),
        (("--registry", "r"), "needs both, --registry DIR and --root DIR"),
        (("--out", "a.igb", "--root", "r"), "needs both, --registry DIR and --root DIR"),
        (("--out", "nowhere/a.igb"), "no folder nowhere; make it first"),
    ],
)
def test_it_must_be_said_where_the_model_goes(tmp_path: Path, more: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        main(command(tmp_path, *more))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--out", "a.igb"), "needs --registry DIR"),
        (("--registry", "empty", "--root", "r"), "empty has no model in charge of small-fan"),
    ],
    ids=["no registry", "no champion"],
)
def test_a_champion_to_start_from_must_be_there(
    plant: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(plant)
    with pytest.raises(ConfigError, match=message):
        main(command(plant, *more, "--start-from", "champion"))


def test_the_champion_is_found_in_the_registry(plant: Path) -> None:
    line = ModelLine(PROFILE.name, ModelKind.EDGE)
    registry = Registry(plant / "registry")
    version = registry.publish(line, b"a bundle", Papers("", True, {}, {}), Note("test", "first"))
    registry.promote(line, version, Note("test", "first"))
    parser = argparse.ArgumentParser()
    add_edge(parser)
    words = command(plant, "--registry", str(plant / "registry"), "--start-from")[1:]
    assert find_start(parser.parse_args([*words, "champion"])) == str(
        registry.version(line, version).bundle_path
    )
    assert find_start(parser.parse_args([*words, "./mine.igb"])) == "./mine.igb"
    assert find_start(parser.parse_args(words[:-1])) == ""


def test_without_tfx_nothing_is_read_or_written(plant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "tfx" else find(name, *rest)
    )
    with pytest.raises(ConfigError, match="needs the extra 'pipeline'"):
        main(command(plant, "--registry", str(plant / "registry"), "--root", str(plant / "root")))
    assert not (plant / "root").exists()


def test_recordings_become_a_span(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_span(config(plant), PROFILE, plant / "spans")
    assert capsys.readouterr().out == f"  {plant / 'spans' / 'span-00001'}\n"
    assert all((plant / "spans" / "span-00001" / side / "windows.parquet").is_file() for side in Split)
    write_span(config(plant, exclude=("fan-19",)), PROFILE, plant / "spans")
    assert (plant / "spans" / "span-00002").is_dir()


def test_a_side_without_machines_is_refused_before_tfx_is_loaded(plant: Path) -> None:
    roots = ["--registry", str(plant / "registry"), "--root", str(plant / "root")]
    with pytest.raises(TooLittleDataError, match="only 0 of 11 machines fall to calibrate"):
        main(command(plant, *roots, "--exclude", "fan-17"))
    assert not (plant / "registry").exists()


def test_a_schema_is_kept_where_people_edit_it(plant: Path) -> None:
    path = keep_schema(plant / "root", PROFILE)
    assert path.parent == plant / "root" / "schemas"
    schema = read_schema(path)
    assert profile_of(schema) == PROFILE
    schema.feature[5].annotation.comment.append("edited")
    write_schema(path, schema)
    assert read_schema(keep_schema(plant / "root", PROFILE)) == schema


def test_a_schema_is_drafted_from_a_profile_and_recordings(plant: Path) -> None:
    out = plant / "fan.pbtxt"
    wide = ["schema", "--profile", str(plant / "fan.toml"), "--out", str(out)]
    assert main(wide) == 0
    first = out.read_text()
    assert main([*wide, "--data", f"npz:{plant / 'fans'}"]) == 0
    assert out.read_text() != first
    assert profile_of(read_schema(out)) == PROFILE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--profile", "pump", "--unit", "a=b"), "--unit goes with --snapshot"),
        (("--snapshot", "x", "--data", "npz:x"), "--data goes with --profile"),
    ],
)
def test_options_of_the_other_kind_of_schema(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        main(["schema", *options, "--out", str(tmp_path / "x.pbtxt")])
