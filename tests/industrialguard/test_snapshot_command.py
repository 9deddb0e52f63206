"""`train snapshot`: any data set becomes a snapshot that training reads, with nothing from after its cut."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloud.pseudonym_key import read_key
from contract.errors import ConfigError, DataError
from contract.lives import End
from contract.snapshot import key_id_of, key_of, pseudonym, split_of
from industrialguard.snapshot_command import (
    SnapshotConfig,
    cut_lives,
    main,
    rename_machines,
    take_snapshot,
)
from models.examples import ExampleConfig, write_examples
from models.lives import LifeSet, open_lives
from models.snapshot import read_snapshot
from tests.conftest import PROJECT_ROOT
from tests.contract.life_strategies import SPEC, pump, told

CMAPSS = f"cmapss:{PROJECT_ROOT / 'simulators' / 'data' / 'cmapss'}"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = b"sixteen byte key"

TOML = 'machine_type = "press"\ntime_unit = "h"\nhorizon = 50\ncomponents = ["seal"]\nsensors = ["temp"]\n'
ROWS = [f"press-1,2026-03-01 {hour:02d}:00,{40 + hour}" for hour in range(6, 12)]
LOG = "press-1,2026-03-01 06:00,seal,replacement,\npress-1,2026-03-01 10:30,seal,failure,\n"


@pytest.fixture
def plant(tmp_path: Path) -> str:
    folder = tmp_path / "plant"
    folder.mkdir()
    (folder / "machine.toml").write_text(TOML)
    (folder / "readings.csv").write_text("\n".join(["machine,time,temp", *ROWS]) + "\n")
    (folder / "maintenance.csv").write_text("machine,time,component,kind,code\n" + LOG)
    return f"own:{folder}"


def test_the_shipped_engines_become_a_snapshot_and_examples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "turbofan"
    assert main(["--dataset", CMAPSS, "--subset", "FD001", "--out", str(out)]) == 0
    snapshot = read_snapshot(out)
    learned = open_lives(CMAPSS).lives
    assert [told(life) for life in snapshot.lives] == [told(life) for life in sorted(learned, key=key_of)]
    assert "test" not in " ".join(life.machine for life in snapshot.lives), (
        "tests are read by the bench alone"
    )
    said = capsys.readouterr().out
    assert f"wrote {out} (turbofan-" in said
    assert "12 lives of 12 machines" in said
    assert "12 lives failed, 0 are censored" in said
    assert (write_examples(snapshot, tmp_path, ExampleConfig(1)) / "eval").is_dir()


def test_the_counts_of_sides_are_those_of_the_machines(tmp_path: Path) -> None:
    lives = open_lives(CMAPSS)
    config = SnapshotConfig(CMAPSS, "all", tmp_path / "one", None, None)
    manifest, sides = take_snapshot(config, lives, NOON)
    assert sum(sides.values()) == manifest.counts.machines
    assert all(sides[side] == sum(split_of(life.machine) is side for life in lives.lives) for side in sides)
    assert (manifest.origin.cut, manifest.origin.created, manifest.origin.key_id) == (NOON, NOON, "")
    assert manifest.origin.code_version


@pytest.mark.parametrize(
    ("cut", "end", "end_age", "n_rows"),
    [("2026-03-01T09:30", End.RUNNING, 3.5, 4), ("2026-03-01 10:30", End.FAILED, 4.5, 5)],
)
def test_a_cut_takes_out_what_happened_later(
    plant: str, tmp_path: Path, cut: str, end: End, end_age: float, n_rows: int
) -> None:
    assert main(["--dataset", plant, "--cut", cut, "--out", str(tmp_path / "one")]) == 0
    (life,) = read_snapshot(tmp_path / "one").lives
    assert (life.end, life.end_age, len(life.age)) == (end, end_age, n_rows)


def test_a_cut_before_everything_leaves_nothing_to_learn(plant: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no life"):
        main(["--dataset", plant, "--cut", "2020-01-01", "--out", str(tmp_path / "one")])
    assert not (tmp_path / "one").exists()


def test_engines_without_a_calendar_have_no_cut(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"12 lives have no dates; leave out --cut"):
        main(["--dataset", CMAPSS, "--cut", "2020-01-01", "--out", str(tmp_path / "one")])


def test_a_cut_in_the_future_is_refused(plant: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="later than the snapshot"):
        main(["--dataset", plant, "--cut", "2999-01-01", "--out", str(tmp_path / "one")])


def test_machines_stand_under_pseudonyms(plant: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEY + b"\n")
    out = tmp_path / "one"
    assert main(["--dataset", plant, "--key-file", str(tmp_path / "key"), "--out", str(out)]) == 0
    snapshot = read_snapshot(out)
    assert {life.machine for life in snapshot.lives} == {pseudonym("press-1", KEY)}
    assert snapshot.manifest.origin.key_id == key_id_of(KEY)
    assert all(key.machine == pseudonym("press-1", KEY) for key in snapshot.installed)
    assert all(b"press-1" not in path.read_bytes() for path in out.iterdir())


def test_renaming_changes_nothing_else() -> None:
    life = pump("press-1")
    lives = LifeSet(SPEC, "plant", (life,), (pump("press-2"),), {key_of(life): NOON})
    renamed = rename_machines(lives, KEY)
    assert [told(each)[1:] for each in renamed.lives] == [told(life)[1:]]
    assert list(renamed.installed.values()) == [NOON]
    assert renamed.tests[0].machine == pseudonym("press-2", KEY)


def test_a_cut_keeps_only_what_had_begun() -> None:
    old, young = pump("old"), pump("young")
    installed = {key_of(old): NOON - timedelta(hours=2), key_of(young): NOON + timedelta(hours=1)}
    (life,) = cut_lives(LifeSet(SPEC, "plant", (old, young), (), installed), NOON).lives
    assert (life.machine, life.end_age, life.end) == ("old", 2, End.RUNNING)


def test_a_key_file_must_hold_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_key(tmp_path / "none")
    (tmp_path / "short").write_bytes(b"secret\n")
    with pytest.raises(ConfigError, match="16 to 64 bytes, not 6"):
        read_key(tmp_path / "short")


@pytest.mark.parametrize(
    "argv", [[], ["--dataset", CMAPSS], ["--dataset", CMAPSS, "--out", "x", "--cut", "soon"], ["--nope"]]
)
def test_a_wrong_command_line_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert "industrialguard train snapshot: error" in capsys.readouterr().err


def test_a_place_that_is_not_there_is_said_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no folder"):
        main(["--dataset", "cmapss:/nowhere", "--out", str(tmp_path / "a" / "b")])


def test_the_two_words_reach_it_without_a_training_library() -> None:
    code = (
        "import sys\nfrom industrialguard.__main__ import main\n"
        "code = main(['train', 'snapshot', '--help'])\n"
        "print(sorted({'tensorflow', 'keras', 'tfx', 'sqlmodel'} & set(sys.modules)), code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert "usage: industrialguard train snapshot" in done.stdout
    assert done.stdout.splitlines()[-1] == "[] 0"
