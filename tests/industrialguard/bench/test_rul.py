"""The command line of `industrialguard bench rul`."""

import json
from pathlib import Path

import numpy as np
import pytest

from contract.errors import ConfigError
from industrialguard.bench import rul_femto
from industrialguard.bench.__main__ import main as bench
from industrialguard.bench.report import Role
from industrialguard.bench.rul import main
from industrialguard.bench.rul_followers import Follower, Said
from tests.industrialguard.bench.engines import write_bearings


def test_a_table_a_file_and_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours trains networks, which its own tests do."""
    main_row = Follower(
        "ours",
        Role.OURS,
        lambda *_: None,
        lambda *told: Said(np.zeros(len(told[-1]))),
        is_seeded=True,
        is_main=True,
    )
    monkeypatch.setattr(rul_femto, "our_followers", lambda _: (main_row,))
    write_bearings(tmp_path, (60, 70, 80, 90, 100))
    written, picture = tmp_path / "rul.json", tmp_path / "rul.png"
    line = ["rul", "--dataset", "femto", "--data", str(tmp_path), "--seeds", "2"]
    assert bench([*line, "--json", str(written), "--plot", str(picture)]) == 0
    content = json.loads(written.read_text())
    assert (content["bench"], content["dataset"], content["seeds"]) == ("rul", "femto", [0, 1])
    assert [row.get("main", False) for row in content["rows"]].count(True) == 1
    printed = capsys.readouterr().out
    assert "Leave one bearing out" in printed
    assert "trend extrapolation" in printed
    assert picture.stat().st_size > 0


def test_bearings_have_no_subsets(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="femto has none"):
        main(["--dataset", "femto", "--data", str(tmp_path), "--subset", "FD001"])


@pytest.mark.parametrize("line", [[], ["--dataset", "cmapss"], ["--dataset", "cwru", "--data", "x"]])
def test_a_line_that_cannot_be_right_is_refused(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line) == 2
    assert "usage" in capsys.readouterr().err


def test_help_names_the_data_sets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert "cmapss" in printed
    assert "femto" in printed
