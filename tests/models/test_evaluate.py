"""What must be shown on real recordings, and the command that shows it."""

import json
from pathlib import Path

import pytest

from contract.bundle import Bundle
from contract.errors import DataError
from models import evaluate
from models.evaluate import evaluate_femto, main
from models.recordings import write_recording
from models.tables import update_document
from tests.models.machines import loop_readings

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@pytest.mark.slow
def test_femto_bearings_alarm_before_their_end_and_not_in_their_first_quarter(recorded_data: Path) -> None:
    rows = evaluate_femto(recorded_data / "femto")
    assert len(rows) >= 3
    assert all(row["alarm before end"] for row in rows)
    assert all(row["quiet first quarter"] for row in rows)


@pytest.fixture
def simulated(tmp_path: Path) -> Path:
    folder = tmp_path / "simulated"
    folder.mkdir()
    for name, shift_from_s in {"calm": 1e9, "shifted": 700}.items():
        end_s = None if name == "calm" else 1.0
        readings = loop_readings(900, seed=4, shift_from_s=shift_from_s)
        write_recording(folder / f"{name}.npz", name, "pump-loop", readings, end_of_life_s=end_s)
    return folder


def test_the_command_writes_tables_json_and_the_document(
    tmp_path: Path,
    simulated: Path,
    bundle: Bundle,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What ships knows quieter loops than these, and takes them for machines that are noisy by nature.
    monkeypatch.setattr(evaluate, "load_bundle", lambda _: bundle)
    document, report = tmp_path / "page.md", tmp_path / "report.json"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    paths = ["--json", str(report), "--document", str(document)]
    assert main(["--data", str(tmp_path), "--simulated", str(simulated), *paths]) == 0
    captured = capsys.readouterr()
    assert "femto: no" in captured.err
    rows = {row["state"]: row for row in json.loads(report.read_text())["simulated"]}
    assert (rows["healthy"]["machines"], rows["healthy"]["with an alarm"]) == (1, 0)
    assert (rows["worn"]["machines"], rows["worn"]["with an alarm"]) == (1, 1)
    assert 0.77 < rows["worn"]["median first alarm at"] < 0.9
    text = document.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "### simulated" in text and "### simulated" in captured.out


def test_nothing_to_evaluate_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="needs femto, cmapss"):
        main(["--data", str(tmp_path)])


def test_a_document_without_marks_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("text")
    with pytest.raises(DataError, match="needs the marks"):
        update_document(path, "figures")
    assert path.read_text() == "text"
