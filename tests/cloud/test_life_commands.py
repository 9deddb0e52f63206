"""The commands of remaining useful life: one line of what was done, or of what is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloud.__main__ import main
from cloud.life_commands import parse_moment
from cloud.settings import sqlite_url
from cloud.store.database import Database, open_database
from cloud.store.machine_events import read_logs
from cloud.store.writer import StoreWriter
from contract.errors import ConfigError
from contract.registry import ModelKind, ModelLine, Note, Papers, Registry
from contract.snapshot import parse_manifest
from tests.cloud.life_samples import DEVICE, at, born, make_bundle, publish, talk
from tests.cloud.test_main import quiet_logs  # noqa: F401 - a fixture
from tests.conftest import PROJECT_ROOT

LOG = """\
machine,component,time,kind,code
mix-1,bearing,2026-03-01T10:30:00Z,failure,
mix-1,,2026-03-01T12:00:00Z,maintenance,oiled
"""
Out = pytest.CaptureFixture[str]


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A cloud's data folder with one machine that was heard for 20 hours."""
    folder = tmp_path / "data"
    folder.mkdir()
    database = open_database(sqlite_url(folder / "store.db"))
    StoreWriter(database).write([born(), *talk(20)])
    database.close()
    yield folder


def opened(data: Path) -> Database:
    return open_database(sqlite_url(data / "store.db"))


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def import_log(data: Path, text: str = LOG) -> int:
    path = data / "log.csv"
    path.write_text(text)
    return run("import-events", path, "--data", data)


def test_a_log_is_imported_once(data: Path, capsys: Out) -> None:
    assert import_log(data) == import_log(data) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2 events read, 2 new, 0 known already",
        "2 events read, 0 new, 2 known already",
    ]


def test_a_poisoned_line_refuses_the_file_whole(data: Path, capsys: Out) -> None:
    assert import_log(data, LOG + "mix-1,bearing,2026-03-01T13:00:00Z,explosion,\n") == 3
    error = capsys.readouterr().err
    assert "line 4" in error and error.count("\n") == 1
    database = opened(data)
    with database.session() as session:
        assert read_logs(session) == {}
    database.close()


def test_a_snapshot_is_written(data: Path, tmp_path: Path, capsys: Out) -> None:
    import_log(data)
    key, out = tmp_path / "key", tmp_path / "snapshot"
    key.write_text("0123456789abcdef\n")
    line = ("snapshot", "--machine-type", "dough_mixer", "--out", out, "--data", data, "--key-file", key)
    assert run(*line) == 0
    assert "2 lives of 1 machines, 1 failed" in capsys.readouterr().out
    assert parse_manifest((out / "manifest.json").read_text()).counts.failed == 1
    assert run(*line) == 1
    assert "exists" in capsys.readouterr().err
    key.write_text("short")
    assert run(*line) == 2
    assert "16 to 64 bytes" in capsys.readouterr().err


def test_moments_have_an_offset_and_are_over() -> None:
    assert parse_moment("2026-03-01T01:00:00+01:00") == at(0)
    assert (datetime.now(UTC) - parse_moment(None)).total_seconds() < 60
    future = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for wrong in ("2026-03-01T01:00:00", "soon", future):
        with pytest.raises(ConfigError, match="--cut"):
            parse_moment(wrong)


def test_models_are_listed_and_rolled_back_by_one_command(data: Path, capsys: Out) -> None:
    first = publish(data / "registry", make_bundle(100.0))
    second = publish(data / "registry", make_bundle(200.0))
    back = ("roll-back", "--machine-type", "dough_mixer", "--data", data, "--who", "Jon")
    assert run(*back, "--why", "too hopeful") == 0
    champion = Registry(data / "registry").champion(ModelLine("dough_mixer"))
    assert champion is not None and champion.version == first
    assert capsys.readouterr().out == f"rul dough_mixer: {first} is in charge again\n"
    assert run("models", "--data", data) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"rul dough_mixer: {first} is in charge"
    assert lines[-1].endswith(f"rolled_back {first} by Jon: too hopeful")
    assert f"promoted {second}" in lines[-2]
    assert run(*back, "--why", "further") == 7
    assert "no earlier champion" in capsys.readouterr().err


def test_edge_models_are_rolled_back_by_the_same_command(data: Path, capsys: Out) -> None:
    registry, line = Registry(data / "registry"), ModelLine("small-fan", ModelKind.EDGE)
    note = Note("training pipeline", "a person asked for it")
    versions = [registry.publish(line, model, Papers("# Fan", True), note) for model in (b"one", b"two")]
    for version in versions:
        registry.promote(line, version, note)
    back = ("roll-back", "--kind", "edge", "--machine-type", "small-fan", "--data", data)
    assert run(*back, "--who", "Jon", "--why", "too many alarms") == 0
    assert capsys.readouterr().out == f"edge small-fan: {versions[0]} is in charge again\n"
    assert run("models", "--data", data) == 0
    assert capsys.readouterr().out.startswith(f"edge small-fan: {versions[0]} is in charge\n")


def test_a_missing_store_is_named_and_not_made(tmp_path: Path, capsys: Out) -> None:
    log = tmp_path / "log.csv"
    log.write_text(LOG)
    assert run("import-events", log, "--data", tmp_path / "nothing") == 2
    assert "there is no store" in capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()


def test_help_names_every_command(capsys: Out) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for command in ("rul", "import-events", "snapshot", "models", "roll-back"):
        assert f"  {command} " in text
        with pytest.raises(SystemExit) as finished:
            main([command, "--help"])
        assert finished.value.code == 0


@pytest.mark.slow
def test_the_worker_runs_until_told_to_stop(data: Path) -> None:
    publish(data / "registry", make_bundle())
    line = [sys.executable, "-m", "cloud", "rul", "--data", str(data), "--interval-s", "0.2"]
    with subprocess.Popen(
        line, cwd=PROJECT_ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ, "USER": "tester"}
    ) as worker:
        assert worker.stderr is not None
        deadline_s = time.monotonic() + 60
        while "forecasts made" not in (said := worker.stderr.readline()):
            assert said and time.monotonic() < deadline_s
        worker.send_signal(signal.SIGTERM)
        rest = worker.stderr.read()
    assert worker.returncode == 0, rest
    assert "rul stopped" in rest
    assert DEVICE not in rest
