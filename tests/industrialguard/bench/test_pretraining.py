"""The command line of `industrialguard bench pretraining`."""

import json
from pathlib import Path

import pytest

from contract.errors import ConfigError
from industrialguard.bench.__main__ import main as bench
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.pretraining import main
from industrialguard.bench.pretraining_study import Study, StudySpec
from industrialguard.bench.report import Metric, Role, Row
from tests.industrialguard.bench.engines import write_subset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Engines in C-MAPSS' format."""
    folder = tmp_path / "data"
    folder.mkdir()
    write_subset(folder, "FD001", n_train=30, n_test=2)
    return folder


def no_fits(study: Study, seeds: range) -> dict[float, tuple[Row, ...]]:
    """Rows of nobody."""
    metric = Metric(tuple(10.0 + seed for seed in seeds))
    return {share: (Row("x", Role.OURS, {"rmse": metric}, is_main=True),) for share in StudySpec().shares}


def test_a_table_for_each_share_with_its_protocol(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Study, "run", no_fits)
    written, document = tmp_path / "pretraining.json", tmp_path / "page.md"
    document.write_text("<!-- pretraining: begin -->\n<!-- pretraining: end -->\n")
    line = ["pretraining", "--dataset", "cmapss", "--data", str(folder), "--seeds", "2"]
    assert bench([*line, "--json", str(written), "--document", str(document)]) == 0
    content = json.loads(written.read_text())
    shares = ["5%", "10%", "25%", "100%"]
    assert [each["dataset"] for each in content] == [f"cmapss/{share} of ends known" for share in shares]
    assert all((each["bench"], each["seeds"]) == ("pretraining", [0, 1]) for each in content)
    said = " ".join(content[0]["protocol"])
    assert "the ends of 10 are known" in said
    assert "test files are not used" in said
    printed = capsys.readouterr().out
    assert said.split(". ")[0] in printed
    assert "10.50 ± 0.71" in document.read_text()


def test_too_few_engines_are_refused(tmp_path: Path) -> None:
    write_subset(tmp_path, "FD001", n_train=8)
    with pytest.raises(NothingToJudgeError, match="of 20 machines to learn from"):
        main(["--dataset", "cmapss", "--data", str(tmp_path)])


def test_a_place_that_cannot_be_written_is_seen_before_the_run(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make it first"):
        main(["--dataset", "cmapss", "--data", str(folder), "--json", str(tmp_path / "no" / "x.json")])


@pytest.mark.parametrize("line", [[], ["--dataset", "cmapss"], ["--dataset", "cwru", "--data", "x"]])
def test_a_line_that_cannot_be_right_is_refused(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line) == 2
    assert "usage" in capsys.readouterr().err
