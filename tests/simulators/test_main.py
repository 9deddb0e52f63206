"""`industrialguard simulate` writes recordings that read back, and says in one line what is wrong."""

from pathlib import Path

import numpy as np
import pytest

from contract.errors import ConfigError, IndustrialGuardError
from contract.signals import Reading
from models.recordings import open_recordings
from simulators.__main__ import EPOCH_S, build_parser, main
from simulators.degradation import FailureMode


def record(out: Path, *options: str) -> dict[str, list[Reading]]:
    assert main(["record", "--out", str(out), "--seconds", "300", *options]) == 0
    return {r.machine_id: list(r.readings()) for r in open_recordings(f"npz:{out}")}


def test_recordings_read_back_with_every_sensor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = record(tmp_path, "--machines", "2", "--healthy")
    assert sorted(found) == ["pump-001", "pump-002"]
    for readings in found.values():
        assert {r.sensor for r in readings} == {
            "vib_h",
            "vib_v",
            "temperature",
            "pressure",
            "current",
            "speed",
        }
        assert len(readings) == 60 * 6
        assert readings[0].event_time_s == EPOCH_S
    assert "2 recordings of 300 s" in capsys.readouterr().out


def test_the_same_line_writes_the_same_samples(tmp_path: Path) -> None:
    first, again, other = (
        record(tmp_path / name, "--machines", "1", "--healthy", "--seed", seed)["pump-001"]
        for name, seed in (("a", "1"), ("b", "1"), ("c", "2"))
    )
    assert all(np.array_equal(x.values, y.values) for x, y in zip(first, again, strict=True))
    assert not np.array_equal(first[0].values, other[0].values)


def test_worn_machines_take_the_modes_in_turn_and_end_with_their_recording(tmp_path: Path) -> None:
    record(tmp_path, "--machines", "3", "--modes", "imbalance,winding")
    recordings = sorted(open_recordings(f"npz:{tmp_path}"), key=lambda r: r.machine_id)
    modes = [r.description.rsplit(" ", 1)[1] for r in recordings]
    assert modes == ["imbalance", "winding", "imbalance"]
    assert all(r.end_of_life_s == EPOCH_S + 300.0 for r in recordings)
    worn = [r for r in recordings[0].readings() if r.sensor == "vib_h"]
    levels = [float(np.sqrt(np.mean(r.values**2))) for r in worn]
    assert np.mean(levels[-5:]) > 2 * np.mean(levels[:30])


def test_healthy_machines_are_used_in_all_ways_unless_told_otherwise(tmp_path: Path) -> None:
    record(tmp_path / "mixed", "--machines", "4", "--healthy")
    record(tmp_path / "steady", "--machines", "2", "--healthy", "--duties", "steady")
    mixed, steady = (
        [r.description.split(", ")[2] for r in open_recordings(f"npz:{tmp_path / name}")]
        for name in ("mixed", "steady")
    )
    assert sorted(mixed) == ["cycling", "shifts", "steady", "stopping"]
    assert steady == ["steady", "steady"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--machines", "0"], "--machines"),
        (["--seconds", "10"], "warm-up"),
        (["--seconds", "nan"], "warm-up"),
        (["--seconds", "inf"], "warm-up"),
        (["--seed", "-1"], "--seed"),
        (["--modes", "rust"], "rust is none of"),
        (["--duties", "lazy"], "lazy is none of"),
        (["--profile", "toaster"], "no profile"),
        (["--profile", "pump-loop", "--seconds", "900", "--modes", "bearing_ball"], "shows in no sensor"),
        (["--profile", "turbofan", "--seconds", "900"], "replay"),
    ],
)
def test_a_wrong_command_line_is_one_clear_line(tmp_path: Path, options: list[str], word: str) -> None:
    with pytest.raises(IndustrialGuardError, match=word):
        main(["record", "--out", str(tmp_path / "out"), *options])
    assert not list(tmp_path.rglob("*.npz"))


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(ConfigError, match="cannot be made"):
        main(["record", "--out", str(tmp_path / "file" / "deeper"), "--machines", "1", "--healthy"])


def test_show_prints_every_sensor_from_new_to_failed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--profile", "pump-loop", "--mode", "cavitation"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    wears = [float(text) for text in header.split()[1:]]
    assert wears == sorted(wears)
    assert len(rows) == 8
    flow = next(row for row in rows if row.startswith("flow"))
    assert float(flow.split()[-1]) < 0.8 * float(flow.split()[2])


def test_show_refuses_what_no_sensor_feels() -> None:
    with pytest.raises(ConfigError, match="shows in no sensor"):
        main(["show", "--profile", "bearing-rig", "--mode", "winding"])


def test_the_help_names_every_mode_and_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["record", "--help"])
    text = capsys.readouterr().out
    assert all(mode in text.replace("\n", " ") for mode in FailureMode)
    assert "industrialguard simulate record --profile pump" in build_parser().format_help()
