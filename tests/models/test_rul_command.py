"""Lives in, one proven file out; and what is refused before anything is trained."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.snapshot_file import SnapshotContent, write_snapshot
from contract.errors import ConfigError, DataError
from contract.lives import End, Life
from contract.rul_bundle import read_rul_bundle
from contract.snapshot import Split, split_of
from models import rul_command
from models.__main__ import main
from models.errors import NotReleasableError, TooLittleDataError
from models.forecast.choose import FEW_MACHINES
from models.forecast.serving import require_golden
from models.lives.life_set import LifeSet
from models.rul_command import RulRequest, read_source, train_rul
from tests.industrialguard.bench.engines import write_subset
from tests.models.forecast.ensembles import TINY
from tests.models.forecast.lives import SPEC, fleet
from tests.models.snapshots import ORIGIN

NOTHING_LOADED = """
import sys
from contract.errors import IndustrialGuardError
from models.__main__ import main
try:
    main(sys.argv[1:])
except IndustrialGuardError as error:
    print(error)
assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)
"""


def write_lives(folder: Path, lives: list[Life]) -> Path:
    write_snapshot(folder, SnapshotContent(SPEC, lives, {}), ORIGIN)
    return folder


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lives(tmp_path_factory.mktemp("snapshots") / "pump", fleet(16))


@pytest.mark.slow
def test_a_snapshot_becomes_a_file_a_table_and_a_picture(
    snapshot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, plot = tmp_path / "pump.igr", tmp_path / "pump.png"
    train_rul(RulRequest(out, snapshot, seed=3, plot=plot), TINY)
    bundle = read_rul_bundle(out)
    assert require_golden(bundle) < 0.05
    learned = [life for life in fleet(16) if split_of(life.machine) is Split.TRAIN]
    lineage = bundle.manifest.lineage
    assert (lineage["seed"], lineage["lives"]) == ("3", str(len(learned)))
    assert lineage["source"].startswith("pump-20260301T060000Z-")
    assert bundle.manifest.version.startswith("pump-2")
    said = capsys.readouterr().out
    assert f"{bundle.manifest.metrics['rmse']:.3g} cycle" in said
    assert "on the machines of the calibration side" in said
    assert f"wrote {out}: {bundle.manifest.version}, {out.stat().st_size} bytes" in said
    assert "next: `industrialguard train pipeline`" in said
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_a_data_set_calibrates_on_what_each_network_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_subset(tmp_path, "FD001")
    out = tmp_path / "fd001.igr"
    train_rul(RulRequest(out, dataset=f"cmapss:{tmp_path}", subset="FD001"), TINY)
    assert read_rul_bundle(out).manifest.lineage["subset"] == "FD001"
    said = capsys.readouterr().out
    assert "on machines left out of the fit" in said
    assert "`industrialguard train snapshot`, then" in said


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_all_groups_teach_and_one_is_tuned_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("FD001", "FD003"):
        write_subset(tmp_path, name, n_train=FEW_MACHINES // 2)
    out, plot = tmp_path / "fd003.igr", tmp_path / "fd003.svg"
    train_rul(RulRequest(out, dataset=f"cmapss:{tmp_path}", group="FD003", plot=plot), TINY)
    lineage = read_rul_bundle(out).manifest.lineage
    assert (lineage["group"], lineage["subset"]) == ("FD003", "all")
    assert lineage["machines"] == str(FEW_MACHINES)
    said = capsys.readouterr()
    assert "on machines left out of the fit" in said.out
    assert f"tuning to FD003, {FEW_MACHINES // 2} lives" in said.err
    assert "fd003-train" in plot.read_text()
    assert "fd001-train" not in plot.read_text()


@pytest.mark.parametrize(
    ("others", "why"),
    [(2, "too few machines for a forecast of one group"), (FEW_MACHINES, "there are 3 machines")],
    ids=["type", "group"],
)
def test_few_machines_are_not_tuned_to(
    others: int, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.forecast.choose.train_best", None)  # is seen before anything is trained
    write_subset(tmp_path, "FD001", n_train=3)
    write_subset(tmp_path, "FD003", n_train=others)
    request = RulRequest(tmp_path / "a.igr", dataset=f"cmapss:{tmp_path}", group="fd001")
    with pytest.raises(TooLittleDataError, match=why):
        train_rul(request, TINY)


def test_a_group_that_nobody_knows(tmp_path: Path) -> None:
    write_subset(tmp_path, "FD001")
    request = RulRequest(tmp_path / "a.igr", dataset=f"cmapss:{tmp_path}", group="FD009")
    with pytest.raises(DataError, match="no lives of group 'FD009' to learn from; groups: FD001"):
        train_rul(request, TINY)


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_a_file_that_answers_otherwise_is_not_written(
    snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.forecast import release

    out, build = tmp_path / "pump.igr", release.build_bundle

    def build_wrongly(*parts):  # type: ignore[no-untyped-def]
        bundle = build(*parts)
        golden = {name: values + 1 for name, values in bundle.golden_output.items()}
        return replace(bundle, golden_output=golden)

    monkeypatch.setattr(release, "build_bundle", build_wrongly)
    with pytest.raises(NotReleasableError, match="answers otherwise than the network"):
        train_rul(RulRequest(out, snapshot), TINY)
    assert not out.exists()


def test_sides_of_a_snapshot_are_kept_apart(snapshot: Path, tmp_path: Path) -> None:
    source = read_source(RulRequest(tmp_path / "a.igr", snapshot))
    sides = (source.train, source.calibrate, source.unseen)
    for side, lives in zip(Split, sides, strict=True):
        assert lives
        assert {split_of(life.machine) for life in lives} == {side}
    assert not source.notes


def test_sides_that_are_empty_are_said(tmp_path: Path) -> None:
    lives = [life for life in fleet(40) if split_of(life.machine) is Split.TRAIN][:8]
    source = read_source(RulRequest(tmp_path / "a.igr", write_lives(tmp_path / "some", lives)))
    assert [note.split(";")[0] for note in source.notes] == [
        "no machine of the snapshot falls to the side calibrate",
        "no machine of the snapshot falls to the side eval",
    ]


@pytest.mark.parametrize(
    ("lives", "why"),
    [
        (fleet(3), "there are 3 machines with 3 failures"),
        ([replace(life, end=End.RUNNING) for life in fleet(6)], "there are 6 machines with 0 failures"),
    ],
    ids=["few", "none-failed"],
)
def test_too_little_to_learn_from(
    lives: list[Life], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rul_command, "open_lives", lambda *_: LifeSet(SPEC, "a plant", tuple(lives)))
    with pytest.raises(TooLittleDataError, match=why):
        train_rul(RulRequest(tmp_path / "a.igr", dataset="own:plant"), TINY)
    assert not (tmp_path / "a.igr").exists()


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (["--dataset", "own"], "--dataset own needs --data DIR"),
        (["--snapshot", "s", "--data", "d"], "--data belongs to --dataset"),
        (["--snapshot", "s", "--subset", "FD001"], "--subset belongs to --dataset"),
        (["--dataset", "own", "--data", "d", "--subset", "a", "--group", "b"], "give one of the two"),
        (["--snapshot", "s", "--plot", "a.doc"], "a picture ends in one of .pdf, .png, .svg"),
        (["--snapshot", "s", "--plot", "none/a.png"], "--plot none/a.png: there is no folder none"),
    ],
)
def test_options_that_cannot_be_right(typed: list[str], why: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=why):
        main(["rul", *typed, "--out", str(tmp_path / "a.igr")])


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no folder"):
        RulRequest(tmp_path / "none" / "a.igr")
    (tmp_path / "a.igr").touch()
    with pytest.raises(ConfigError, match="exists; a trained model is not written over"):
        RulRequest(tmp_path / "a.igr")


def test_a_snapshot_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="give the folder of a snapshot"):
        main(["rul", "--snapshot", str(tmp_path / "none"), "--out", str(tmp_path / "a.igr")])


@pytest.mark.parametrize("typed", [[], ["--dataset", "nasa"], ["--snapshot", "a", "--dataset", "own"]])
def test_a_wrong_command_line_ends_with_2(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rul", *typed, "--out", "a.igr"]) == 2
    assert "usage: industrialguard train rul" in capsys.readouterr().err


def test_help_shows_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rul", "--help"]) == 0
    text = capsys.readouterr().out
    assert "train rul --snapshot snapshots/turbofan" in text
    assert "NASA C-MAPSS" in text
    assert main(["--help"]) == 0
    assert "rul " in capsys.readouterr().out


def test_a_mistake_is_said_before_anything_heavy_is_loaded(tmp_path: Path) -> None:
    typed = ["rul", "--dataset", "cmapss", "--data", "nowhere", "--out", str(tmp_path / "a.igr")]
    done = subprocess.run(
        [sys.executable, "-c", NOTHING_LOADED, *typed],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "nowhere" in done.stdout
